/**
 * The fast path must be invisible: whatever is sent, in whatever pieces, what goes to the upstream and
 * what comes back is what it is when Node's server takes every request.
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { createDataApp } from '../../../src/http/data-app.ts'
import type { FastApp } from '../../../src/http/fast/front.ts'
import { listen, type Listener } from '../../../src/http/listener.ts'
import { BodyBudget } from '../../../src/http/read-body.ts'
import type { Upstream } from '../../../src/pipeline/stages.ts'
import type { Transport } from '../../../src/upstream/transport.ts'
import { World } from '../../pipeline/fakes.ts'
import { closeAfterTest } from '../../support/scope.ts'
import { bounded, SOON } from '../../support/wait-for.ts'

/** Answers with everything that it was sent, measured or in chunks as the request asks. */
const echo: Transport['send'] = ({ exchange, body }, sink) => {
  const { httpMethod, httpVersion, path, query, rawHeaders, headers, sessionId } = exchange
  const seen = { httpMethod, httpVersion, path, query, rawHeaders, headers, sessionId }
  const reply = Buffer.from(JSON.stringify({ ...seen, body: body.toString('latin1') }))
  const measured = headers['x-reply'] !== 'chunked'
  sink.head(200, 'Fine', [
    'Content-Type',
    'text/plain',
    'X-Latin',
    'caf\u00e9',
    ...(measured ? ['Content-Length', String(reply.length)] : []),
  ])
  sink.data(reply.subarray(0, 20))
  sink.data(reply.subarray(20))
  sink.end()
  return { abort: () => {}, resume: () => {} }
}

interface Way {
  readonly listener: Listener
  /** What observers were told. */
  readonly told: string[]
  /** How many requests took the fast path. */
  readonly fast: () => number
}

async function startWay(isFast: boolean): Promise<Way> {
  const world = new World()
  const up = world.stages.findUpstream('up')
  assert.ok(up)
  const send: Transport['send'] = (outbound, sink) => {
    world.told.push(`sent ${outbound.exchange.rawHeaders.join()} ${outbound.body.toString()}`)
    return echo(outbound, sink)
  }
  const echoing: Upstream = { ...up, transport: { ...up.transport, send } }
  const app = createDataApp({
    stages: { ...world.stages, findUpstream: (name) => (name === 'up' ? echoing : undefined) },
    peers: { loopback: true, hosts: new Set(), origins: new Set() },
    bodyBytesMax: 100_000,
    bodyBudget: new BodyBudget(1_000_000),
    authenticator: undefined,
    documentAt: undefined,
    identify: () => undefined,
    newId: () => 'id',
    paths: new Map([['/up/mcp', { upstream: 'up', endpoint: 'mcp' }]]),
    prefixes: new Map(),
  })
  let fast = 0
  const counting: FastApp = {
    routeOf: (head) => app.routeOf(head),
    receiveWhole: (head, body, route, client) => {
      fast += 1
      app.receiveWhole(head, body, route, client)
    },
    abandoned: (head, peer, route) => app.abandoned(head, peer, route),
  }
  const listener = await listen(app.serve, {
    host: '127.0.0.1',
    port: 0,
    headerBytesMax: 4_096,
    connectionsMax: 1_000,
    requestTimeoutMs: 60_000,
    onLimit: (limit) => world.told.push(`limit ${limit}`),
    fast: isFast ? () => counting : undefined,
  })
  assert.ok(!('kind' in listener))
  closeAfterTest(() => listener.destroy())
  // The router of unknown paths is loaded by the first of them.
  await (await fetch(`http://127.0.0.1:${listener.port}/nowhere`)).text()
  return { listener, told: world.told, fast: () => fast }
}

/** Sends pieces one after the other, closes its half, and gives what came back, without what tells the time. */
async function talk(port: number, pieces: readonly Buffer[]): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  const received: Buffer[] = []
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('data', (chunk: Buffer) => received.push(chunk))
  socket.on('error', () => {})
  await bounded(once(socket, 'connect'), { within: SOON, what: 'a connection' })
  await turns()
  for (const piece of pieces) {
    if (socket.readableEnded || socket.destroyed) break
    // Taken by the system at once, or bytes of two pieces might come as one.
    assert.ok(socket.write(piece))
    await turns()
  }
  socket.end()
  await bounded(closed, { within: SOON, what: 'the end of a connection' })
  return joined(Buffer.concat(received).toString('latin1')).replaceAll(/^Date: .*$/gm, 'Date: now')
}

/** Replies in chunks with one chunk each: where one ends is nobody's business. What is no chunk stays as it is. */
function joined(text: string): string {
  const begin = text.indexOf('Transfer-Encoding: chunked\r\n\r\n')
  if (begin < 0) return text
  let at = begin + 'Transfer-Encoding: chunked\r\n\r\n'.length
  const head = text.slice(0, at)
  let body = ''
  for (;;) {
    const [line = '', size = ''] = /^([0-9a-f]+)\r\n/.exec(text.slice(at, at + 10)) ?? []
    const from = at + line.length
    const to = from + Number.parseInt(size, 16)
    if (text.slice(to, to + 2) !== '\r\n') return `${head}${body} and then ${text.slice(at)}`
    body += text.slice(from, to)
    at = to + 2
    if (to === from) return `${head}${body} and the end\r\n${joined(text.slice(at))}`
  }
}

/** Until the other side has read what was written, and maybe answered: all of it in one process. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 6; turn += 1) await nextTurn()
}

/** Numbers from 0 to below `below`, the same in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

type Numbers = (below: number) => number

function oneOf<T>(values: readonly T[], next: Numbers): T {
  const value = values[next(values.length)]
  assert.ok(value !== undefined)
  return value
}

const BODIES = [
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}',
  '{"jsonrpc":"2.0","method":"notifications/initialized"}',
  '{"jsonrpc":"2.0","id":"\u00e9","method":"ping"}',
  '{"jsonrpc":"2.0","id":2,"method":"ping"}\r\n\r\n',
  '{"jsonrpc":"2.0"',
  '',
]

const LINES = [
  'Accept: application/json, text/event-stream',
  'accept-encoding: gzip, br',
  'Authorization: Bearer abc.def',
  'Mcp-Session-Id: 1234',
  'MCP-Protocol-Version: 2025-06-18',
  'User-Agent: caf\u00e9/1 (x; y)',
  'X-Reply: chunked',
  'X-Odd!#$%: a:b;c="d"',
  'connection: keep-alive',
  'x-tab: a\tb',
  'Origin: http://localhost:3000',
]

function ordinary(next: Numbers): string {
  const lines = LINES.filter(() => next(3) === 0)
  const body = Buffer.from(oneOf(BODIES, next)).toString('latin1')
  const path = oneOf(['/up/mcp', '/up/mcp', '/up/mcp?a=b&c'], next)
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: localhost:8080',
    'Content-Type: application/json',
    ...lines,
    `Content-Length: ${body.length}`,
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

/** Lines that change what a request is, or might. */
const ODD_LINES = [
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding : chunked',
  'transfer-encoding:\tchunked',
  'Content-Length: 5',
  'Content-Length: +5',
  'Content-Length : 5',
  'Content-Length: 5, 5',
  'Expect: 100-continue',
  'Connection: close',
  'Connection: keep-alive, X-Reply',
  'Connection: Upgrade\r\nUpgrade: websocket',
  'TE: trailers',
  'Trailer: X-End',
  ' folded: line',
  '\tfolded',
  '__proto__: x',
  'constructor: x',
  'Set-Cookie: a=b',
  'Cookie: a=b',
  'Host: evil.example',
  'Host: localhost',
  'Mcp-Session-Id: 5678',
  'Accept: text/html',
  'X-Empty:',
  'X-Empty: ',
  'X-Blank:   a  ',
  'X-Lead:  a',
  'X-Trail: a ',
  'No colon',
  ': no name',
  'X y: z',
  'X-Long: ' + 'x'.repeat(5_000),
  'X-Null: a\0b',
  'X-Delete: a\u007fb',
  'X-Bare: a\rb',
  'X-Bare: a\nContent-Length: 3',
]

const ODD_BYTES = [
  '\r',
  '\n',
  '\r\n',
  '\n\n',
  ' ',
  '\t',
  '\0',
  ':',
  ',',
  '\u00ff',
  '\u007f',
  '0',
  'x',
]

const FIRST_LINES = [
  'POST /up/mcp HTTP/1.0',
  'POST /up/mcp HTTP/1.2',
  'POST /up/mcp  HTTP/1.1',
  'POST  /up/mcp HTTP/1.1',
  'post /up/mcp HTTP/1.1',
  'POST /up/mcp#f HTTP/1.1',
  'POST /up/mcp/ HTTP/1.1',
  'POST /up/%6dcp HTTP/1.1',
  'POST http://localhost/up/mcp HTTP/1.1',
  'POST * HTTP/1.1',
  'GET /up/mcp HTTP/1.1',
  'DELETE /up/mcp HTTP/1.1',
  'OPTIONS /up/mcp HTTP/1.1',
  'PUT /up/mcp HTTP/1.1',
  'POST /up/mcp',
  'POST /up/m\u00e9p HTTP/1.1',
  'GARBAGE',
  '\r\nPOST /up/mcp HTTP/1.1',
]

const splice = (text: string, at: number, remove: number, insert: string): string =>
  text.slice(0, at) + insert + text.slice(at + remove)

const MUTATIONS: readonly ((text: string, next: Numbers) => string)[] = [
  (text, next) => splice(text, next(text.length), 1, String.fromCodePoint(next(256))),
  (text, next) => splice(text, next(text.length), 0, oneOf(ODD_BYTES, next)),
  (text, next) => splice(text, next(text.length), 1 + next(3), ''),
  (text, next) => text.slice(0, next(text.length)),
  (text) => text + text.slice(0, 10),
  (text) => `${text}\r\n`,
  (text, next) => splice(text, text.indexOf('\r\n') + 2, 0, `${oneOf(ODD_LINES, next)}\r\n`),
  (text, next) => splice(text, text.indexOf('\r\n\r\n'), 0, `\r\n${oneOf(ODD_LINES, next)}`),
  (text, next) => oneOf(FIRST_LINES, next) + text.slice(text.indexOf('\r\n')),
  (text, next) => text.replace(/Length: \d+/, () => `Length: ${oneOf(ODD_LENGTHS, next)}`),
  (text) => text.replace(/Content-Length: \d+\r\n/, ''),
  (text) => text.replace(/Host: .*\r\n/, ''),
  (text) => text.replace('\r\n\r\n', '\n\n'),
  (text) => text.replaceAll('\r\n', '\n'),
]

const ODD_LENGTHS = [
  '0',
  '1',
  '054',
  '54 ',
  '0x36',
  '-1',
  '1e1',
  '',
  '99999999999999999999',
  '70000',
]

function cut(bytes: Buffer, boundaries: readonly number[], next: Numbers): readonly Buffer[] {
  const cuts = boundaries.filter(() => next(8) > 0)
  for (let more = next(8) - 5; more > 0; more -= 1) cuts.push(next(bytes.length))
  const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
  return places.flatMap((from, index) => {
    const piece = bytes.subarray(from, places[index + 1])
    return piece.length > 0 ? [piece] : []
  })
}

/** One to three requests of a connection in pieces; now and then one of them is odd. */
function conversation(next: Numbers, isOdd: boolean): readonly Buffer[] {
  const requests = Array.from({ length: 1 + next(3) }, () => ordinary(next))
  if (isOdd) {
    const place = next(requests.length)
    const text = requests[place] ?? ''
    requests[place] = oneOf(MUTATIONS, next)(text, next)
  }
  const boundaries: number[] = []
  let at = 0
  for (const request of requests) {
    const head = request.indexOf('\r\n\r\n')
    if (head > 0) boundaries.push(at + head + 4)
    at += request.length
    boundaries.push(at)
  }
  return cut(Buffer.from(requests.join(''), 'latin1'), boundaries, next)
}

/** What came of a conversation: for the client, and for everybody who was told of calls. */
interface Result {
  readonly reply: string
  readonly told: readonly string[]
}

async function resultOf(way: Way, pieces: readonly Buffer[]): Promise<Result> {
  way.told.length = 0
  const reply = await talk(way.listener.port, pieces)
  return { reply, told: way.told.toSorted() }
}

/**
 * Whether replies that are due still precede the refusal of what follows them in the same piece depends on
 * how the bytes are cut, for Node's server too. So it may be as for any cut that the network could have made.
 */
async function assertLikeNode(
  fast: Result,
  plain: Way,
  pieces: readonly Buffer[],
): Promise<string> {
  const same = await resultOf(plain, pieces)
  if (isDeepStrictEqual(fast, same)) return same.reply
  for (let place = 0; place + 1 < pieces.length; place += 1) {
    const merged = Buffer.concat(pieces.slice(place, place + 2))
    const otherCut = [...pieces.slice(0, place), merged, ...pieces.slice(place + 2)]
    const other = await resultOf(plain, otherCut)
    if (isDeepStrictEqual(fast, other)) return other.reply
  }
  assert.deepEqual(fast, same, JSON.stringify(pieces.map((piece) => piece.toString('latin1'))))
  return same.reply
}

const LANES = 8

async function compare(
  seed: number,
  count: number,
  pieces: (next: Numbers, index: number) => readonly Buffer[],
): Promise<{ readonly fast: number; readonly replies: readonly string[] }> {
  const replies: string[] = []
  const lanes = Array.from({ length: LANES }, async (_value, lane) => {
    const [plain, fast] = [await startWay(false), await startWay(true)]
    const next = numbers(seed * LANES + lane)
    for (let index = lane; index < count; index += LANES) {
      const sent = pieces(next, index)
      replies.push(await assertLikeNode(await resultOf(fast, sent), plain, sent))
    }
    assert.equal(plain.fast(), 0)
    return fast.fast()
  })
  const taken = await Promise.all(lanes)
  return { fast: taken.reduce((sum, one) => sum + one, 0), replies }
}

const answersIn = (replies: readonly string[]): number =>
  replies.reduce((sum, reply) => sum + reply.split('HTTP/1.1 ').length - 1, 0)

it('answers ordinary requests as Node would, in whatever pieces they come', async () => {
  const { fast, replies } = await compare(1, 400, (next) => conversation(next, false))
  const answers = answersIn(replies)
  assert.ok(answers > 600, `${answers} answers`)
  assert.ok(fast > 300, `${fast} of ${answers} requests took the fast path`)
})

it('answers odd requests as Node would, in whatever pieces they come', async () => {
  const { fast, replies } = await compare(2, 1_200, (next) => conversation(next, true))
  assert.ok(replies.some((reply) => reply.includes('HTTP/1.1 400')))
  assert.ok(replies.some((reply) => reply.includes('HTTP/1.1 431')))
  assert.ok(fast > 300, `${fast} of ${answersIn(replies)} requests took the fast path`)
})

it('answers requests that are cut at any place as Node would', async () => {
  const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
  const text = `POST /up/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const bytes = Buffer.from(text + text, 'latin1')
  const { replies } = await compare(3, bytes.length - 1, (_next, index) => [
    bytes.subarray(0, index + 1),
    bytes.subarray(index + 1),
  ])
  assert.equal(answersIn(replies), 2 * (bytes.length - 1))
})

it('tells of a request whose client leaves at any place what Node would', async () => {
  const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
  const text = `POST /up/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const bytes = Buffer.from(text, 'latin1')
  const { replies } = await compare(4, bytes.length - 1, (_next, index) => [
    bytes.subarray(0, index + 1),
  ])
  assert.ok(replies.every((reply) => reply.startsWith('HTTP/1.1 400')))
})
