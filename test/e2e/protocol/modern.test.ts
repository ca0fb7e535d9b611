/** Revision 2026-07-28: headers that repeat the body, input, subscriptions, tasks, hints for caches. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linesWithout, valuesOf } from '../../support/http-message.ts'
import type { Taken } from '../../support/link-far.ts'
import {
  EVERY_MODE,
  exchange,
  idOf,
  modern,
  MODERN,
  notification,
  openLink,
  openSession,
  overModes,
  request,
  result,
  type Link,
  type LinkOptions,
  type Mode,
} from '../../support/link.ts'
import { requestOnce } from '../../support/raw-client.ts'
import { startRawUpstream } from '../../support/raw-upstream.ts'
import { startTestSidecar } from '../../support/test-sidecar.ts'
import { SOON, waitFor } from '../../support/wait-for.ts'

const SILENT = { telemetry: { propagateMeta: false, propagateHeaders: false } }
const OWN_HEADERS = ['host', 'content-length', 'connection', 'transfer-encoding', 'keep-alive']

/** The id that the server sees: a process that several clients share is given one of ours. */
function idAt(taken: Taken): string {
  return idOf(taken.text)
}

/** The message with the id that the client gave it. */
function withId(taken: Taken, id: string): string {
  return taken.text.replace(`"id":${idAt(taken)}`, `"id":${id}`)
}

/** Sends a request, and checks it and its answer byte for byte, but for the id at a shared process. */
async function modernExchange(
  link: Link,
  id: string,
  asked: string,
  answer: (id: string) => string,
): Promise<void> {
  link.near.send(asked)
  const taken = await link.far.next()
  assert.equal(withId(taken, id), asked)
  taken.answer(answer(idAt(taken)))
  assert.equal(await link.near.next(), answer(id))
}

test('case 30: the headers of a modern call arrive as the client spelled them (HTTP→HTTP)', async () => {
  const upstream = await startRawUpstream()
  const sidecar = await startTestSidecar({ upstreams: { main: upstream.url }, config: SILENT })
  const body = modern('1', 'tools/call', '"name":"wetter-é","arguments":{"r":"x"}')
  const name = `=?base64?${Buffer.from('wetter-é').toString('base64')}?=`
  const headers = [
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    'mcp-PROTOCOL-version: 2026-07-28',
    'MCP-METHOD: tools/call',
    `mcp-name: ${name}`,
    'Mcp-Param-Region: eu  west',
    'mCp-pArAm-Other: =?base64?w6k=?=',
    'Mcp-Param-Empty: ',
  ]
  const padded = headers.map((line) => line.replace(/: /, ':  \t').replace(/$/, ' \t'))
  for (const sent of [headers, padded]) {
    const response = await requestOnce(sidecar.url('main'), { headers: sent, body })
    assert.equal(response.status, 200)
    const arrived = upstream.requests.at(-1)
    assert.deepEqual(linesWithout(arrived?.rawHeaders ?? [], OWN_HEADERS), headers)
    assert.equal(arrived?.body.toString(), body)
  }
})

test('case 30: headers in any spelling are held against the body, and a process never sees them (HTTP→stdio)', async () => {
  const link = await openLink('HTTP→stdio')
  assert.ok(link.pipeFar !== undefined)
  link.pipeFar.tools =
    '{"tools":[{"name":"wetter-é","inputSchema":{"type":"object","properties":{"r":{"type":"string","x-mcp-header":"Region"}}}}]}'
  const body = modern('1', 'tools/call', '"name":"wetter-é","arguments":{"r":"eü"}')
  const base64 = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`
  const headers = { 'mCP-nAME': base64('wetter-é'), 'mcp-param-REGION': `${base64('eü')}\t ` }
  const send = (others: Readonly<Record<string, string>>) =>
    link.http?.request('POST', body, {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'mcp-protocol-VERSION': '2026-07-28',
      'MCP-method': 'tools/call',
      ...others,
    })
  send(headers)
  const taken = await link.far.next()
  assert.equal(withId(taken, '1'), body)
  taken.answer(result(idAt(taken)))
  assert.equal(await link.near.next(), result('1'))
  for (const wrong of [{ ...headers, 'mcp-param-REGION': 'us' }, { 'mCP-nAME': base64('x') }]) {
    const posted = send(wrong)
    assert.equal(await posted?.head(), 400)
    assert.match(await link.near.next(), /"id":1,"error":\{"code":-32020,/)
  }
  assert.deepEqual(link.far.waiting, [])
})

test('case 30: modern messages get the headers that they need (stdio→HTTP)', async () => {
  const link = await openLink('stdio→HTTP')
  const tools =
    '{"tools":[{"name":"wetter-é","inputSchema":{"type":"object","properties":{"r":{"type":"string","x-mcp-header":"Region"}}}}],"ttlMs":0,"cacheScope":"public"}'
  await exchange(link, modern('1', 'tools/list'), result('1', tools))
  const body = modern('2', 'tools/call', '"name":"wetter-é","arguments":{"r":" eu "}')
  link.near.send(body)
  const taken = await link.far.next()
  assert.equal(taken.text, body)
  const values = (name: string): readonly string[] => taken.request?.values(name) ?? []
  assert.deepEqual(values('mcp-protocol-version'), ['2026-07-28'])
  assert.deepEqual(values('mcp-method'), ['tools/call'])
  const base64 = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`
  assert.deepEqual(values('mcp-name'), [base64('wetter-é')])
  assert.deepEqual(values('mcp-param-region'), [base64(' eu ')])
  assert.deepEqual(values('mcp-session-id'), [])
  taken.answer(result('2'))
  assert.equal(await link.near.next(), result('2'))
})

/** Errors of the protocol itself, with the status that each comes with over HTTP. */
const PROTOCOL_ERRORS: readonly (readonly [number, number])[] = [
  [-32020, 400],
  [-32021, 400],
  [-32022, 400],
  [-32602, 400],
  [-32601, 404],
]

function errorOf(id: string, code: number): string {
  return `{"jsonrpc":"2.0","id":${id},"error":{"code":${code},"message":"m\\u00e9","data":{"supported":["2026-07-28"],"n":1.0}}}`
}

for (const [code, status] of PROTOCOL_ERRORS) {
  overModes(`case 31: the server's ${code} reaches the client`, EVERY_MODE, async (mode) => {
    const link = await openLink(mode)
    const posted = link.near.send(modern('7', 'vendor/thing'))
    const taken = await link.far.next()
    const text = errorOf(idAt(taken), code)
    const reason = status === 404 ? 'Not Found' : 'Bad Request'
    if (taken.reply === undefined) taken.answer(text)
    else taken.reply.send({ status: `${status} ${reason}`, body: text })
    assert.equal(await link.near.next(), errorOf('7', code))
    // A process says no status: errors of handlers, such as bad arguments, come with 200.
    const expected = mode === 'HTTP→stdio' && code === -32602 ? 200 : status
    if (posted !== undefined) assert.equal(await posted.head(), expected)
  })
}

test('case 31: what only an HTTP server can check is refused with its codes (HTTP→stdio)', async () => {
  const link = await openLink('HTTP→stdio')
  const good = {
    'Content-Type': 'application/json',
    'MCP-Protocol-Version': '2026-07-28',
    'Mcp-Method': 'tools/list',
  }
  const noMeta = request('1', 'tools/list')
  const draft = modern('1', 'tools/list').replaceAll('2026-07-28', 'draft-x')
  for (const [body, headers, code] of [
    [modern('1', 'tools/list'), { ...good, 'Mcp-Method': 'tools/call' }, -32020],
    [modern('1', 'tools/list'), { ...good, 'MCP-Protocol-Version': '2025-11-25' }, -32020],
    [draft, { ...good, 'MCP-Protocol-Version': 'draft-x' }, -32022],
    [noMeta, good, -32602],
  ] as const) {
    const posted = link.http?.request('POST', body, headers)
    assert.equal(await posted?.head(), 400, String(code))
    assert.match(await link.near.next(), new RegExp(`"id":1,"error":\\{"code":${code},`))
  }
  assert.deepEqual(link.far.waiting, [])
  assert.equal(link.pipeFar?.puppets?.all.length, 0)
})

/** 64 KiB of what careless code would change. */
const STATE = String.raw`"{\"n\":1.0,\"s\":\"\u00e9 😀\/\"}${'x'.repeat(64 * 1024)}"`

overModes(
  'case 33: a request for input comes back with its state byte for byte',
  EVERY_MODE,
  async (mode) => {
    const link = await openLink(mode)
    const required = `{"resultType":"input_required","inputRequests":{"who":{"method":"elicitation/create","params":{"message":"?","requestedSchema":{"type":"object","properties":{}}}}},"requestState":${STATE}}`
    await modernExchange(link, '1', modern('1', 'tools/call', '"name":"t"'), (id) =>
      result(id, required),
    )
    const again = modern(
      '2',
      'tools/call',
      `"name":"t","inputResponses":{"who":{"action":"accept","content":{"n":1.0}}},"requestState":${STATE}`,
    )
    await modernExchange(link, '2', again, (id) => result(id, '{"resultType":"complete"}'))
    if (link.sidecar === undefined) return
    assert.deepEqual(
      link.sidecar.recorder.of('tools/call').map(({ outcome }) => outcome?.kind),
      ['input_required', 'ok'],
    )
  },
)

const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId'

function listenTo(id: string, filter = '"toolsListChanged":true'): string {
  return modern(id, 'subscriptions/listen', `"notifications":{${filter}}`)
}

function tagged(method: string, id: string, more = ''): string {
  return notification(method, `{${more}"_meta":{"${SUBSCRIPTION_ID}":${id},"n":1.0}}`)
}

const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged'
const CHANGED = 'notifications/tools/list_changed'

/** Opens a subscription, up to and including its acknowledgement. */
async function subscribe(link: Link, id: string) {
  const posted = link.near.send(listenTo(id))
  const taken = await link.far.next()
  assert.equal(withId(taken, id), listenTo(id))
  const ours = idAt(taken)
  taken.say(tagged(ACKNOWLEDGED, ours, '"notifications":{"toolsListChanged":true},'))
  assert.equal(
    await link.near.next(),
    tagged(ACKNOWLEDGED, id, '"notifications":{"toolsListChanged":true},'),
  )
  return { posted, taken, ours, id }
}

overModes(
  'case 34: a subscription is acknowledged, hears what is for it, and ends with its result',
  EVERY_MODE,
  async (mode) => {
    const link = await openLink(mode)
    const { taken, ours, posted } = await subscribe(link, '"sub-é"')
    for (let i = 0; i < 3; i += 1) {
      taken.say(tagged(CHANGED, ours))
      assert.equal(await link.near.next(), tagged(CHANGED, '"sub-é"'))
    }
    const end = (id: string): string => result(id, `{"_meta":{"${SUBSCRIPTION_ID}":${id}}}`)
    taken.answer(end(ours))
    assert.equal(await link.near.next(), end('"sub-é"'))
    await posted?.whole()
    if (link.sidecar === undefined) return
    assert.deepEqual(await link.sidecar.recorder.outcomeOf('subscriptions/listen'), { kind: 'ok' })
  },
)

overModes(
  'case 34: a client that ends its subscription ends it at the server',
  EVERY_MODE,
  async (mode) => {
    const link = await openLink(mode)
    const { taken, ours, posted } = await subscribe(link, '5')
    const cancelled = notification('notifications/cancelled', `{"requestId":5,"_meta":{${MODERN}}}`)
    if (posted === undefined) link.near.send(cancelled)
    else posted.hangUp()
    if (taken.reply === undefined) {
      assert.match((await link.far.next()).text, new RegExp(`cancelled.*"requestId":${ours}[,}]`))
    } else {
      const { socket } = taken.reply
      await waitFor(() => socket.readableEnded || socket.destroyed, {
        within: SOON,
        what: 'the stream to be closed',
      })
    }
    assert.deepEqual(link.near.waiting, [])
  },
)

test('case 34: a server that drops a subscription breaks the stream of its client (HTTP→HTTP)', async () => {
  const link = await openLink('HTTP→HTTP')
  const { taken, posted } = await subscribe(link, '5')
  taken.reply?.socket.resetAndDestroy()
  await waitFor(() => posted?.end === 'broken', { within: SOON, what: 'the stream to break' })
})

test('case 34: a process that ends breaks the stream of its subscriber (HTTP→stdio)', async () => {
  const link = await openLink('HTTP→stdio')
  const { taken, posted } = await subscribe(link, '5')
  taken.puppet?.exit(1)
  await waitFor(() => posted?.end === 'broken', { within: SOON, what: 'the stream to break' })
})

test('case 34: a process that ends a subscription by taking it back ends the stream in good order (HTTP→stdio)', async () => {
  const link = await openLink('HTTP→stdio')
  const { taken, ours, posted } = await subscribe(link, '5')
  taken.say(notification('notifications/cancelled', `{"requestId":${ours}}`))
  await posted?.whole()
  assert.deepEqual(link.near.waiting, [])
})

test('case 34: a subscription that the server drops is answered, so that its client knows (stdio→HTTP)', async () => {
  const link = await openLink('stdio→HTTP')
  const { taken } = await subscribe(link, '5')
  taken.reply?.socket.resetAndDestroy()
  assert.match(await link.near.next(), /^\{"jsonrpc":"2.0","id":5,"error":\{"code":10\d\d,/)
})

overModes('case 35: two subscriptions at once do not mix', EVERY_MODE, async (mode) => {
  const link = await openLink(mode)
  const subscriptions = [await subscribe(link, '"1"'), await subscribe(link, '1')]
  for (let round = 0; round < 3; round += 1) {
    for (const { taken, ours, id } of subscriptions) {
      taken.say(tagged(CHANGED, ours))
      assert.equal(await link.near.next(), tagged(CHANGED, id))
    }
  }
  for (const { posted, id } of subscriptions) {
    if (posted === undefined) continue
    assert.deepEqual(posted.messages.slice(1), Array(3).fill(tagged(CHANGED, id)))
  }
  const [first, second] = subscriptions
  first?.taken.answer(result(first.ours))
  assert.equal(await link.near.next(), result('"1"'))
  second?.taken.say(tagged(CHANGED, second.ours))
  assert.equal(await link.near.next(), tagged(CHANGED, '1'))
})

overModes('case 36: a task is given, asked after and fetched', EVERY_MODE, async (mode) => {
  const link = await openLink(mode)
  const task =
    '{"resultType":"task","task":{"taskId":"t-é 1","status":"working","pollInterval":1.0}}'
  await modernExchange(link, '1', modern('1', 'tools/call', '"name":"t"'), (id) => result(id, task))
  const name = `=?base64?${Buffer.from('t-é 1').toString('base64')}?=`
  const asked = modern('2', 'tasks/get', '"taskId":"t-é 1"')
  link.near.send(asked, { 'Mcp-Name': name })
  const taken = await link.far.next()
  assert.equal(withId(taken, '2'), asked)
  if (taken.request !== undefined) assert.deepEqual(taken.request.values('mcp-name'), [name])
  const done = '{"resultType":"complete","status":"completed","n":1.0}'
  taken.answer(result(idAt(taken), done))
  assert.equal(await link.near.next(), result('2', done))
  if (link.sidecar === undefined) return
  assert.deepEqual(await link.sidecar.recorder.outcomeOf('tools/call'), { kind: 'task' })
  assert.deepEqual(await link.sidecar.recorder.outcomeOf('tasks/get'), { kind: 'ok' })
})

overModes(
  'case 36: tasks/result of 2025-11-25 waits while other calls go on',
  EVERY_MODE,
  async (mode) => {
    const link = await openSession(mode, { revision: '2025-11-25' })
    await exchange(
      link,
      request('1', 'tools/call', '{"name":"t","task":{"ttl":60000.0}}'),
      result('1', '{"task":{"taskId":"k","status":"working","ttl":60000.0}}'),
    )
    const waits = request('2', 'tasks/result', '{"taskId":"k"}')
    link.near.send(waits)
    const taken = await link.far.next()
    assert.equal(taken.text, waits)
    await exchange(link, request('3', 'tasks/get', '{"taskId":"k"}'), result('3', '{"n":1.0}'))
    const status = notification('notifications/tasks/status', '{"taskId":"k","status":"completed"}')
    link.far.speak(status)
    assert.equal(await link.near.next(), status)
    const meta = '{"content":[],"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"k"}}}'
    taken.answer(result('2', meta))
    assert.equal(await link.near.next(), result('2', meta))
  },
)

const LOG = notification('notifications/message', '{"level":"info","data":1.0}')
const WITH_LEVEL = '"io.modelcontextprotocol/logLevel":"info"'

test('case 37: a log message goes to the call that asked for it, never to one that did not (HTTP→stdio)', async () => {
  const link = await openLink('HTTP→stdio')
  const silent = link.near.send(modern('1', 'tools/call', '"name":"t"'))
  const first = await link.far.next()
  first.say(LOG)
  first.answer(result(idAt(first)))
  assert.deepEqual((await silent?.whole())?.messages, [result('1')])
  const asked = modern('2', 'tools/call', '"name":"t"', WITH_LEVEL)
  const wants = link.near.send(asked)
  const second = await link.far.next()
  assert.equal(withId(second, '2'), asked)
  const other = link.near.send(modern('3', 'tools/call', '"name":"t"'))
  const third = await link.far.next()
  second.say(LOG)
  third.answer(result(idAt(third)))
  second.answer(result(idAt(second)))
  assert.deepEqual((await other?.whole())?.messages, [result('3')])
  assert.deepEqual((await wants?.whole())?.messages, [LOG, result('2')])
})

overModes(
  'case 37: no log level is asked for that the client did not name',
  ['HTTP→HTTP', 'stdio→stdio', 'stdio→HTTP'],
  async (mode) => {
    for (const options of [{}, { propagate: true }] satisfies LinkOptions[]) {
      const link = await openLink(mode, options)
      link.near.send(modern('1', 'tools/call', '"name":"t"'))
      const taken = await link.far.next()
      assert.doesNotMatch(taken.text, /logLevel/)
      taken.answer(result('1'))
      assert.equal(await link.near.next(), result('1'))
      assert.deepEqual(link.near.waiting, [])
    }
  },
)

const HINTS = '{"tools":[],"ttlMs":60000.0,"cacheScope":"public","resultType":"complete"}'

overModes(
  'case 38: hints for caches pass, and every request is asked of the server',
  EVERY_MODE,
  async (mode) => {
    const link = await openLink(mode)
    for (const id of ['1', '2', '1']) {
      await modernExchange(link, id, modern(id, 'tools/list'), (own) => result(own, HINTS))
    }
  },
)

/** An unsigned token whose subject is the principal. */
function tokenOf(subject: string): string {
  const payload = Buffer.from(JSON.stringify({ iss: 'https://as.example', sub: subject }))
  return `Bearer e30.${payload.toString('base64url')}.c2ln`
}

const WEB: readonly Mode[] = ['HTTP→HTTP', 'HTTP→stdio']

overModes('case 38: what one principal was answered is no answer to another', WEB, async (mode) => {
  const link = await openLink(mode)
  const servers = new Set<number | undefined>()
  for (const subject of ['ada', 'eve', 'ada']) {
    const posted = link.near.send(modern('1', 'tools/list'), { Authorization: tokenOf(subject) })
    const taken = await link.far.next()
    servers.add(taken.puppet?.pid)
    const own = HINTS.replace('[]', `["${subject}"]`)
    taken.answer(result(idAt(taken), own))
    assert.deepEqual((await posted?.whole())?.messages, [result('1', own)])
    assert.deepEqual(valuesOf(posted?.rawHeaders ?? [], 'age'), [])
  }
  // Over HTTP it is one server, which knows whom it answers; processes know nobody.
  assert.equal(servers.size, mode === 'HTTP→stdio' ? 2 : 1)
})
