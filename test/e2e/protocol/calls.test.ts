/** What happens in the middle of calls: questions of the server, cancellation, batches. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  assertQuiet,
  call,
  EVERY_MODE,
  modern,
  MODERN,
  notification,
  openLink,
  openSession,
  overModes,
  request,
  result,
  type Link,
  type Mode,
} from '../../support/link.ts'
import { startRawUpstream } from '../../support/raw-upstream.ts'
import { SOON, waitFor } from '../../support/wait-for.ts'
import { startWrapped } from '../../support/wrapped.ts'

/** The server asks in the middle of a call, the client answers, and the call goes on. */
async function assertAsked(link: Link, id: string, asked: string, answer: string): Promise<void> {
  link.near.send(call(id))
  const taken = await link.far.next()
  taken.say(asked)
  assert.equal(await link.near.next(), asked)
  const posted = link.near.send(answer)
  assert.equal((await link.far.next()).text, answer)
  if (posted !== undefined) {
    assert.equal(await posted.head(), 202)
    assert.equal((await posted.whole()).body.length, 0)
  }
  taken.answer(result(id))
  assert.equal(await link.near.next(), result(id))
}

const SAMPLING =
  '{"maxTokens":5,"temperature":1.0,"messages":[{"role":"user","content":{"type":"text","text":"é"}}]}'

overModes(
  'case 14: sampling asked in the middle of a call is answered by the client',
  EVERY_MODE,
  async (mode) => {
    const link = await openSession(mode)
    // The id is the server's, and may be that of the client's own call.
    for (const id of ['0', '1', '"s"']) {
      const sampled = '{"model":"m","role":"assistant","content":{"type":"text","text":"42.0"}}'
      await assertAsked(
        link,
        '1',
        request(id, 'sampling/createMessage', SAMPLING),
        result(id, sampled),
      )
    }
    const refused = '{"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"User rejected"}}'
    await assertAsked(link, '2', request('7', 'sampling/createMessage', SAMPLING), refused)
    await assertQuiet(link)
  },
)

overModes(
  'case 15: elicitation in a form and at a URL is answered, and its completion told',
  EVERY_MODE,
  async (mode) => {
    const link = await openSession(mode, { revision: '2025-11-25' })
    const form = request(
      '0',
      'elicitation/create',
      '{"message":"who?","requestedSchema":{"type":"object","properties":{"n":{"type":"number","minimum":1.0}}}}',
    )
    await assertAsked(link, '1', form, result('0', '{"action":"accept","content":{"n":1.0}}'))
    const url = request(
      '1',
      'elicitation/create',
      String.raw`{"mode":"url","elicitationId":"e-1","url":"https:\/\/a.example\/x?y=1","message":"go"}`,
    )
    await assertAsked(link, '2', url, result('1', '{"action":"accept"}'))
    const complete = notification('notifications/elicitation/complete', '{"elicitationId":"e-1"}')
    link.far.speak(complete)
    assert.equal(await link.near.next(), complete)
    await assertQuiet(link)
  },
)

overModes('case 16: roots are listed by the client', EVERY_MODE, async (mode) => {
  const link = await openSession(mode)
  const roots = result('"r"', String.raw`{"roots":[{"uri":"file:\/\/\/a%20b","name":"é"}]}`)
  await assertAsked(link, '1', '{"jsonrpc":"2.0","id":"r","method":"roots/list"}', roots)
  // A server may also ask when no call is under way.
  const asked = '{"id":"r2","jsonrpc":"2.0","method":"roots/list"}'
  link.far.speak(asked)
  assert.equal(await link.near.next(), asked)
  link.near.send(result('"r2"', '{"roots":[]}'))
  assert.equal((await link.far.next()).text, result('"r2"', '{"roots":[]}'))
  await assertQuiet(link)
})

overModes(
  'case 17: a cancellation reaches the server, and the cancelled call gets no answer',
  EVERY_MODE,
  async (mode) => {
    const link = await openSession(mode)
    link.near.send(call('1'))
    await link.far.next()
    const cancelled = notification('notifications/cancelled', '{"requestId":1,"reason":"é"}')
    link.near.send(cancelled)
    assert.equal((await link.far.next()).text, cancelled)
    await assertQuiet(link)
    if (link.sidecar === undefined) return
    assert.deepEqual(await link.sidecar.recorder.outcomeOf('tools/call'), { kind: 'cancelled' })
  },
)

test('case 18: a client of a session that only hangs up cancels nothing (HTTP→stdio)', async () => {
  const link = await openSession('HTTP→stdio')
  const posted = link.http?.send(call('1'))
  const taken = await link.far.next()
  posted?.hangUp()
  await link.sidecar?.recorder.exchangeOutcome('message', 3)
  await assertQuiet(link)
  // Its answer, which nobody waits for, harms nobody.
  taken.answer(result('1'))
  await assertQuiet(link, '"after"')
})

/** Milliseconds in which a server hears that its client has gone. */
const HEARD_WITHIN = 100

overModes(
  'case 19: a modern client that gives a call up frees the server at once',
  EVERY_MODE,
  async (mode) => {
    const link = await openLink(mode)
    const took: number[] = []
    for (let i = 0; i < 3; i += 1) took.push(await timeToFree(link, mode, String(i)))
    assert.ok(Math.min(...took) < HEARD_WITHIN, took.join(' '))
    assert.deepEqual(link.near.waiting, [])
  },
)

async function timeToFree(link: Link, mode: Mode, id: string): Promise<number> {
  const posted = link.near.send(modern(id, 'tools/call', '"name":"t"'))
  const taken = await link.far.next()
  const from = performance.now()
  const cancelled = notification(
    'notifications/cancelled',
    `{"requestId":${id},"_meta":{${MODERN}}}`,
  )
  if (posted === undefined) link.near.send(cancelled)
  else posted.hangUp()
  if (taken.reply !== undefined) {
    const { socket } = taken.reply
    await waitFor(() => socket.readableEnded || socket.destroyed, {
      within: SOON,
      what: 'the upstream connection to be closed',
    })
  } else {
    const { text } = await link.far.next()
    if (mode === 'stdio→stdio') assert.equal(text, cancelled)
    const asked = /"id":(\d+)/.exec(taken.text)?.[1]
    assert.match(text, new RegExp(`notifications/cancelled.*"requestId":${asked}[,}]`))
  }
  return performance.now() - from
}

const BATCH = `[${call('1')}, ${notification('notifications/x', '{"n":1.0}')} ,${call('"1"')},{"jsonrpc":"2.0","id":3,"method":"ping"}]`
const MIXED = `[${result('"1"', '{"n":1.0}')} , {"jsonrpc":"2.0","id":3,"error":{"code":-32601,"message":"no"}},${result('1')}]`

overModes(
  'case 20: a batch arrives as one, and so does its mixed answer',
  ['HTTP→HTTP', 'stdio→stdio', 'stdio→HTTP'],
  async (mode) => {
    const link = await openSession(mode, { revision: '2025-03-26' })
    link.near.send(BATCH)
    const taken = await link.far.next()
    assert.equal(taken.text, BATCH)
    taken.answer(MIXED)
    assert.equal(await link.near.next(), MIXED)
    await assertQuiet(link)
  },
)

test('case 20: the messages of a batch arrive line by line, and its answers on one stream (HTTP→stdio)', async () => {
  const link = await openSession('HTTP→stdio', { revision: '2025-03-26' })
  const posted = link.http?.send(BATCH)
  const texts: string[] = []
  for (let i = 0; i < 4; i += 1) texts.push((await link.far.next()).text)
  assert.deepEqual(texts, [
    call('1'),
    notification('notifications/x', '{"n":1.0}'),
    call('"1"'),
    '{"jsonrpc":"2.0","id":3,"method":"ping"}',
  ])
  const answers = [
    result('"1"', '{"n":1.0}'),
    '{"jsonrpc":"2.0","id":3,"error":{"code":-32601,"message":"no"}}',
    result('1'),
  ]
  for (const answer of answers) link.far.speak(answer)
  assert.deepEqual((await posted?.whole())?.messages, answers)
  assert.deepEqual(
    link.sidecar?.recorder.calls.slice(-4).map(({ outcome }) => outcome?.kind),
    ['ok', 'ok', 'ok', 'rpc_error'],
  )
})

test("case 20: a server's refusal of a batch answers each request in it (stdio→HTTP)", async () => {
  const upstream = await startRawUpstream((_request, reply) =>
    reply.send({
      status: '400 Bad Request',
      body: '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no batches"}}',
    }),
  )
  const wrapped = startWrapped({ server: upstream.url })
  wrapped.write(`${BATCH}\n`)
  const error = '"error":{"code":-32600,"message":"no batches"}}'
  for (const [index, id] of ['1', '"1"', '3'].entries()) {
    assert.equal(await wrapped.line(index), `{"jsonrpc":"2.0","id":${id},${error}`)
  }
})
