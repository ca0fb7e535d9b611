/** Streams: at once, in order, to the right reader, and for as long as nobody ends them. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { valuesOf } from '../../support/http-message.ts'
import {
  assertQuiet,
  call,
  EVERY_MODE,
  exchange,
  httpFarOf,
  notification,
  openLink,
  openSession,
  overModes,
  request,
  result,
  shakeHands,
} from '../../support/link.ts'
import { RawClient } from '../../support/raw-client.ts'
import { startRawUpstream } from '../../support/raw-upstream.ts'
import { watchTimers } from '../../support/timers.ts'
import { SOON, waitFor } from '../../support/wait-for.ts'
import { startWrapped } from '../../support/wrapped.ts'

/** What "at once" means to the cases, in milliseconds. */
const AT_ONCE = 50

/** One of so many tries must be at once: the machine may be busy during the others. */
const TRIES = 5

function progress(token: string, value: number): string {
  return notification('notifications/progress', `{"progressToken":${token},"progress":${value}.0}`)
}

function withToken(id: string, token: string): string {
  return request(id, 'tools/call', `{"name":"t","_meta":{"progressToken":${token}}}`)
}

overModes(
  'case 6: the head of a GET stream comes at once, before any byte of it',
  ['HTTP→HTTP', 'HTTP→stdio'],
  async (mode) => {
    const link = await openLink(mode)
    await shakeHands(link, '2025-06-18')
    const took: number[] = []
    for (let i = 0; i < TRIES; i += 1) {
      const from = performance.now()
      const stream = link.http?.listen()
      assert.equal(await stream?.head(), 200)
      took.push(performance.now() - from)
      assert.equal(stream?.body.length, 0)
      assert.deepEqual(valuesOf(stream?.rawHeaders ?? [], 'content-type'), ['text/event-stream'])
    }
    assert.ok(Math.min(...took) < AT_ONCE, took.join(' '))
  },
)

/** Longer than the idle limits of the pool and of Node's server, and than the first tick. */
const SILENCE_MS = 5_000

test('case 8: a call and a stream that are silent for seconds go on, and no timer is over them (HTTP→stdio, stdio→stdio, stdio→HTTP)', async () => {
  const timers = watchTimers()
  const links = await Promise.all([
    openSession('HTTP→stdio', { config: { limits: { requestTimeout: '500ms' } } }),
    openSession('stdio→stdio'),
    openSession('stdio→HTTP'),
  ])
  const taken = await Promise.all(
    links.map(async (link) => {
      link.near.send(call('1'))
      return link.far.next()
    }),
  )
  // Time itself is the subject.
  await new Promise((resolve) => setTimeout(resolve, SILENCE_MS))
  // What looks after everything repeats for ever; a timer over one call or stream would not.
  assert.deepEqual(
    timers().filter(({ repeats }) => !repeats),
    [],
  )
  for (const [index, link] of links.entries()) {
    const news = notification('notifications/message', '{"level":"info","data":"still here"}')
    link.far.speak(news)
    assert.equal(await link.near.next(), news)
    taken[index]?.answer(result('1'))
    assert.equal(await link.near.next(), result('1'))
    await assertQuiet(link)
  }
})

test("case 9: a server's comment is passed on at once (HTTP→HTTP)", async () => {
  const link = await openSession('HTTP→HTTP')
  link.near.send(call('1'))
  const { reply } = await link.far.next()
  const posted = link.http?.send(call('2'))
  const other = await link.far.next()
  other.reply?.stream()
  await posted?.head()
  const took: number[] = []
  for (let i = 1; i <= TRIES; i += 1) {
    const from = performance.now()
    other.reply?.chunk(': keepalive\n\n')
    await waitFor(() => posted?.body.length === i * 13, { within: SOON, what: 'the comment' })
    took.push(performance.now() - from)
  }
  assert.ok(Math.min(...took) < AT_ONCE, took.join(' '))
  reply?.send({ body: result('1') })
})

test("case 9: a server's comments are no messages (stdio→HTTP)", async () => {
  const link = await openSession('stdio→HTTP')
  link.near.send(call('1'))
  const { reply } = await link.far.next()
  reply?.stream()
  reply?.chunk(': keepalive\n\n')
  reply?.chunk(`:\n\n: x\ndata: ${result('1')}\n\n`)
  assert.equal(await link.near.next(), result('1'))
  reply?.endStream()
  await assertQuiet(link)
})

test('case 10: streams of 2025-11-25 open with an id and no data, and every event has an id (HTTP→stdio)', async () => {
  const link = await openSession('HTTP→stdio', { revision: '2025-11-25' })
  const posted = link.http?.send(call('1'))
  const taken = await link.far.next()
  taken.say(notification('notifications/message', '{"level":"info","data":1.0}'))
  taken.answer(result('1'))
  const { body } = (await posted?.whole()) ?? {}
  assert.match(
    body?.toString() ?? '',
    /^id: (\S+)\nretry: \d+\ndata: ?\n\n(event: message\nid: (\S+)\ndata: \{[^\n]+\}\n\n){2}$/,
  )
  // Clients of earlier revisions take an event without data for a broken message.
  const older = await openSession('HTTP→stdio', { revision: '2025-06-18' })
  const unprimed = older.http?.send(call('1'))
  const asked = await older.far.next()
  asked.say(notification('notifications/message', '{"level":"info","data":1.0}'))
  asked.answer(result('1'))
  assert.doesNotMatch((await unprimed?.whole())?.body.toString() ?? '', /data: ?\n/)
})

test('case 10: events in any spelling become the lines that they hold (stdio→HTTP)', async () => {
  const link = await openSession('stdio→HTTP', { revision: '2025-11-25' })
  link.near.send(call('1'))
  const { reply } = await link.far.next()
  reply?.stream()
  const bytes = Buffer.from(
    [
      '\uFEFFid: p-1\ndata:\n\n',
      'retry: 1500\r\nid: e-2\r\nevent: message\r\ndata: {"jsonrpc":"2.0",\r\ndata:"method":"notifications/é😀","params":{"n":1.0}}\r\n\r\n',
      'event: ping\rdata: x\r\r',
      'event: other\ndata: {"jsonrpc":"2.0","method":"notifications/never"}\n\n',
      `id: e-3\rdata: ${result('1')}\r\r`,
    ].join(''),
  )
  // One byte at a time: line ends, fields and characters are cut in every place.
  for (const byte of bytes) reply?.chunk(Buffer.from([byte]))
  reply?.endStream()
  assert.equal(
    await link.near.next(),
    '{"jsonrpc":"2.0", "method":"notifications/é😀","params":{"n":1.0}}',
  )
  assert.equal(await link.near.next(), result('1'))
  await assertQuiet(link)
})

test('case 11: a client that comes back with Last-Event-ID gets what it missed, once (HTTP→stdio)', async () => {
  const link = await openSession('HTTP→stdio', { revision: '2025-11-25' })
  const { http, near } = link
  assert.ok(http !== undefined)
  const posted = http.send(withToken('1', '"p"'))
  const taken = await link.far.next()
  taken.say(progress('"p"', 1))
  assert.equal(await near.next(), progress('"p"', 1))
  const lastEventId = idsIn(posted.body).at(-1) ?? ''
  posted.hangUp()
  await link.sidecar?.recorder.exchangeOutcome('message', 3)
  taken.say(progress('"p"', 2))
  const back = http.listen({ 'Last-Event-ID': lastEventId })
  assert.equal(await back.head(), 200)
  assert.equal(await near.next(), progress('"p"', 2))
  taken.answer(result('1'))
  assert.equal(await near.next(), result('1'))
  await back.whole()
  // Coming back once more shows the same, and an id from nowhere is refused.
  const again = await http.listen({ 'Last-Event-ID': lastEventId }).whole()
  assert.deepEqual(again.messages, [progress('"p"', 2), result('1')])
  assert.equal(await http.listen({ 'Last-Event-ID': 'nowhere.7' }).head(), 400)
  assert.deepEqual(await link.sidecar?.recorder.outcomeOf('tools/call'), { kind: 'ok' })
})

function idsIn(body: Buffer): string[] {
  return [...body.toString().matchAll(/^id: (.*)$/gm)].map(([, id = '']) => id)
}

test('case 11: a stream that the server closes is fetched with Last-Event-ID, and its answer comes once (stdio→HTTP)', async () => {
  const link = await openSession('stdio→HTTP', { revision: '2025-11-25' })
  const httpFar = httpFarOf(link)
  const before = httpFar.gets.length
  link.near.send(withToken('1', '"p"'))
  const { reply } = await link.far.next()
  assert.ok(reply !== undefined)
  reply.stream()
  reply.chunk('id: e-1\nretry: 10\ndata:\n\n')
  reply.chunk(`id: e-2\ndata: ${progress('"p"', 1)}\n\n`)
  reply.endStream()
  assert.equal(await link.near.next(), progress('"p"', 1))
  await waitFor(() => httpFar.gets.length === before + 1, { within: SOON, what: 'the resumption' })
  const get = httpFar.gets.at(-1)
  assert.deepEqual(get?.values('last-event-id'), ['e-2'])
  assert.deepEqual(get?.values('mcp-session-id'), ['far-session'])
  const stream = httpFar.streams.at(-1)
  stream?.chunk(`id: e-3\ndata: ${progress('"p"', 2)}\n\nid: e-4\ndata: ${result('1')}\n\n`)
  stream?.endStream()
  assert.equal(await link.near.next(), progress('"p"', 2))
  assert.equal(await link.near.next(), result('1'))
  // It was not called again.
  const posts = httpFar.upstream?.requests.filter(({ body }) => body.includes('tools/call'))
  assert.equal(posts?.length, 1)
  await assertQuiet(link)
})

test('case 12: what belongs to one of two calls of a session comes on its reply alone (HTTP→stdio)', async () => {
  const link = await openSession('HTTP→stdio')
  const tokens = ['"a"', '1', '"1"']
  const posted = []
  const taken = []
  for (const [index, token] of tokens.entries()) {
    posted.push(link.http?.send(withToken(String(index), token)))
    taken.push(await link.far.next())
  }
  for (let value = 1; value <= 3; value += 1) {
    for (const [index, token] of tokens.entries()) taken[index]?.say(progress(token, value))
  }
  for (const index of [1, 0, 2]) taken[index]?.answer(result(String(index)))
  for (const [index, token] of tokens.entries()) {
    assert.deepEqual((await posted[index]?.whole())?.messages, [
      progress(token, 1),
      progress(token, 2),
      progress(token, 3),
      result(String(index)),
    ])
  }
})

overModes(
  'case 12: two calls whose messages are interleaved each get their own, once and in order',
  ['stdio→stdio', 'stdio→HTTP'],
  async (mode) => {
    const link = await openSession(mode)
    const taken = []
    for (const id of ['1', '"1"']) {
      link.near.send(withToken(id, id))
      taken.push(await link.far.next())
    }
    const expected: string[] = []
    for (let value = 1; value <= 3; value += 1) {
      for (const [index, token] of ['1', '"1"'].entries()) {
        taken[index]?.say(progress(token, value))
        expected.push(progress(token, value))
        assert.equal(await link.near.next(), expected.at(-1))
      }
    }
    taken[1]?.answer(result('"1"'))
    assert.equal(await link.near.next(), result('"1"'))
    taken[0]?.answer(result('1'))
    assert.equal(await link.near.next(), result('1'))
    await assertQuiet(link)
  },
)

test('case 12: two sessions of one server hear nothing of each other (HTTP→stdio)', async () => {
  const link = await openSession('HTTP→stdio')
  const { http, pipeFar } = link
  assert.ok(http !== undefined)
  const first = http.headers['Mcp-Session-Id'] ?? ''
  delete http.headers['Mcp-Session-Id']
  await shakeHands(link, '2025-06-18')
  const other = http.listen()
  await other.head()
  const news = notification('notifications/tools/list_changed')
  pipeFar?.puppets?.all[0]?.say(news)
  assert.equal(await link.near.next(), news)
  await assertQuiet(link)
  assert.deepEqual(other.messages, [])
  http.headers['Mcp-Session-Id'] = first
  await exchange(link, call('1'), result('1'))
})

overModes(
  'case 13: progress comes piece by piece, at once, before the result',
  EVERY_MODE,
  async (mode) => {
    const link = await openSession(mode)
    link.near.send(withToken('1', '"t"'))
    const taken = await link.far.next()
    const took: number[] = []
    for (let value = 1; value <= 10; value += 1) {
      const from = performance.now()
      taken.say(progress('"t"', value))
      // The next one is not sent before this one has come.
      assert.equal(await link.near.next(), progress('"t"', value))
      took.push(performance.now() - from)
    }
    taken.answer(result('1'))
    assert.equal(await link.near.next(), result('1'))
    const median = took.toSorted((a, b) => a - b)[5] ?? Infinity
    assert.ok(median < AT_ONCE, took.join(' '))
    await assertQuiet(link)
  },
)

overModes(
  'case 42: characters and lines that are cut anywhere arrive whole',
  ['HTTP→stdio', 'stdio→stdio', 'stdio→HTTP'],
  async (mode) => {
    const link = await openSession(mode)
    link.near.send(call('1'))
    const taken = await link.far.next()
    const answer = result('1', '{"content":[{"type":"text","text":"é😀漢\u2028"}]}')
    const framed = taken.reply === undefined ? `${answer}\n` : `data: ${answer}\n\n`
    taken.reply?.stream()
    const bytes = Buffer.from(framed)
    for (let at = 0; at < bytes.length; at += 3) {
      const piece = bytes.subarray(at, at + 3)
      taken.puppet?.write(piece)
      taken.reply?.chunk(piece)
    }
    taken.reply?.endStream()
    assert.equal(await link.near.next(), answer)
    await assertQuiet(link)
  },
)

overModes(
  'case 42: a message of 10 MiB passes',
  ['HTTP→stdio', 'stdio→stdio', 'stdio→HTTP'],
  async (mode) => {
    const link = await openSession(mode)
    link.near.send(call('1'))
    const taken = await link.far.next()
    const answer = bigResult(10 * 1024 * 1024)
    taken.say(notification('notifications/message', '{"level":"info","data":1}'))
    await link.near.next()
    taken.answer(answer)
    const got = await link.near.next()
    assert.ok(got === answer, `${got.length} characters for ${answer.length}`)
    await assertQuiet(link)
  },
)

/** An answer of so many bytes, with what careless code would change in it. */
function bigResult(bytes: number): string {
  const unit = 'a\\"é'
  const around = Buffer.byteLength(result('1', '{"content":[{"type":"text","text":""}]}'))
  const units = Math.floor((bytes - around) / Buffer.byteLength(unit))
  const rest = bytes - around - units * Buffer.byteLength(unit)
  const text = unit.repeat(units) + 'x'.repeat(rest)
  return result('1', `{"content":[{"type":"text","text":"${text}"}]}`)
}

overModes('case 41: a request and a result of 4 MiB less a byte pass', EVERY_MODE, async (mode) => {
  const link = await openSession(mode)
  const bytes = 4 * 1024 * 1024 - 1
  const answer = bigResult(bytes)
  assert.equal(Buffer.byteLength(answer), bytes)
  const asked = request(
    '1',
    'tools/call',
    `{"name":"t","arguments":{"a":"${'y'.repeat(bytes - 88)}"}}`,
  )
  link.near.send(asked)
  const taken = await link.far.next()
  assert.ok(taken.text === asked)
  taken.answer(answer)
  assert.ok((await link.near.next()) === answer)
})

test('case 41: requests in chunks, and those that wait for 100-continue, are taken (HTTP→stdio)', async () => {
  const link = await openSession('HTTP→stdio')
  const client = await RawClient.open(link.sidecar?.dataUrl ?? '')
  const headers = [
    'POST /main/mcp HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/json',
    `Mcp-Session-Id: ${link.http?.headers['Mcp-Session-Id'] ?? ''}`,
  ]
  const body = call('"chunked"')
  client.write(`${[...headers, 'Transfer-Encoding: chunked'].join('\r\n')}\r\n\r\n`)
  for (const byte of body) client.write(`1\r\n${byte}\r\n`)
  client.write('0\r\n\r\n')
  const taken = await link.far.next()
  assert.equal(taken.text, body)
  taken.answer(result('"chunked"'))
  assert.equal((await client.response()).body.toString(), result('"chunked"'))
  const expecting = [...headers, 'Expect: 100-continue', `Content-Length: ${call('1').length}`]
  client.write(`${expecting.join('\r\n')}\r\n\r\n`)
  assert.equal((await client.head()).startLine, 'HTTP/1.1 100 Continue')
  client.write(call('1'))
  const next = await link.far.next()
  next.answer(result('1'))
  assert.equal((await client.response()).body.toString(), result('1'))
})

overModes(
  'case 43: what nobody answers gets 202 without a body',
  ['HTTP→HTTP', 'HTTP→stdio'],
  async (mode) => {
    const link = await openSession(mode)
    for (const message of [notification('notifications/roots/list_changed'), result('"far"')]) {
      const posted = link.http?.send(message)
      assert.equal((await link.far.next()).text, message)
      assert.equal(await posted?.head(), 202)
      assert.equal((await posted?.whole())?.body.length, 0)
    }
    await assertQuiet(link)
  },
)

test('case 43: a 202 writes nothing (stdio→HTTP)', async () => {
  const upstream = await startRawUpstream()
  const wrapped = startWrapped({ server: upstream.url })
  wrapped.write(`${notification('notifications/initialized')}\n`)
  await upstream.request()
  wrapped.write(`${call('1')}\n`)
  await upstream.request(1)
  assert.match(await wrapped.line(0), /"id":1,/)
  assert.equal(wrapped.lines.length, 1)
})
