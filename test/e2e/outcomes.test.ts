/**
 * Whatever comes in, from either side: it gets the answer that is right for it, it is counted as
 * what it was, and the sidecar goes on.
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Outcome } from '../../src/core/outcome.ts'
import { parseJson } from '../support/json.ts'
import type { Metrics } from '../support/metrics.ts'
import { JSON_HEADERS, RawClient, requestOnce, type RawResponse } from '../support/raw-client.ts'
import {
  answerWell,
  freePort,
  startRawUpstream,
  type RawHandler,
  type RawUpstream,
  type RawUpstreamOptions,
} from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const call = (id = '1'): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"t"}}`
const LIST = '{"jsonrpc":"2.0","id":"l","method":"tools/list"}'

/** A sidecar with two upstreams: `main`, which is the test's, and `good`, which always answers. */
interface Scene {
  readonly sidecar: TestSidecar
  readonly upstream: RawUpstream
}

async function scene(
  options: {
    readonly handler?: RawHandler
    readonly upstream?: RawUpstreamOptions
    readonly config?: Readonly<Record<string, unknown>>
  } = {},
): Promise<Scene> {
  const upstream = await startRawUpstream(options.handler, options.upstream)
  const good = await startRawUpstream()
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url, good: good.url },
    config: options.config ?? {},
  })
  return { sidecar, upstream }
}

/** The sidecar still answers a good call, and its metrics show this many of what went before. */
async function assertCounted(
  sidecar: TestSidecar,
  name: 'sidelight_calls_total' | 'sidelight_exchanges_total',
  labels: Readonly<Record<string, string>>,
  count = 1,
): Promise<Metrics> {
  const response = await requestOnce(sidecar.url('good'), { body: call('"after"') })
  assert.equal(response.status, 200)
  assert.match(response.body.toString(), /"id":"after","result":/)
  return waitFor(
    async () => {
      const metrics = await sidecar.metrics()
      return metrics.sum(name, labels) === count && metrics
    },
    { within: SOON, what: `${name}${JSON.stringify(labels)} to be ${count}` },
  )
}

interface ErrorBody {
  readonly id: unknown
  readonly error: {
    readonly code: number
    readonly message: string
    readonly data: { readonly source: string; readonly reason: string; readonly upstream: string }
  }
}

function errorOf(response: RawResponse): ErrorBody {
  return parseJson<ErrorBody>(response.body)
}

/** A message that is refused before it becomes a call. */
interface BadInput {
  readonly what: string
  readonly headers?: readonly string[]
  readonly body: string | Buffer
  readonly status: number
  readonly code: number
  readonly reason: string
  readonly message: RegExp
  /** The id of the answer; null unless the message could be told. */
  readonly id?: number
}

const MODERN = (version: string): string =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"io.modelcontextprotocol/protocolVersion":"${version}"}}}`

const BAD_INPUTS: readonly BadInput[] = [
  {
    what: 'JSON that stops in the middle',
    body: '{"jsonrpc":"2.0","id":1,',
    status: 400,
    code: -32700,
    reason: 'malformed',
    message: /ends before/,
  },
  {
    what: 'text that is no JSON',
    body: 'hello',
    status: 400,
    code: -32700,
    reason: 'malformed',
    message: /not valid JSON/,
  },
  {
    what: 'an empty body',
    body: '',
    status: 400,
    code: -32700,
    reason: 'malformed',
    message: /empty/,
  },
  {
    what: 'JSON after JSON',
    body: `${LIST}${LIST}`,
    status: 400,
    code: -32700,
    reason: 'malformed',
    message: /not valid JSON/,
  },
  {
    what: 'a scalar',
    body: '42',
    status: 400,
    code: -32600,
    reason: 'invalid_request',
    message: /object/,
  },
  {
    what: 'an object without a method',
    body: '{"jsonrpc":"2.0","id":1}',
    status: 400,
    code: -32600,
    reason: 'invalid_request',
    message: /method/,
  },
  {
    what: 'a method that is no string',
    body: '{"jsonrpc":"2.0","id":1,"method":7}',
    status: 400,
    code: -32600,
    reason: 'invalid_request',
    message: /method/,
  },
  {
    what: 'an id that is an object',
    body: '{"jsonrpc":"2.0","id":{},"method":"ping"}',
    status: 400,
    code: -32600,
    reason: 'invalid_request',
    message: /id/,
  },
  {
    what: 'an empty batch',
    body: '[]',
    status: 400,
    code: -32600,
    reason: 'invalid_request',
    message: /empty/,
  },
  {
    what: 'a body that is nested too deep',
    body: `{"jsonrpc":"2.0","id":1,"method":"ping","params":${'['.repeat(600)}${']'.repeat(600)}}`,
    status: 400,
    code: -32600,
    reason: 'invalid_request',
    message: /512 levels/,
  },
  {
    what: 'the wrong content type',
    headers: ['Content-Type: text/plain'],
    body: LIST,
    status: 415,
    code: 1002,
    reason: 'unsupported_media',
    message: /application\/json/,
  },
  {
    what: 'no content type',
    headers: [],
    body: LIST,
    status: 415,
    code: 1002,
    reason: 'unsupported_media',
    message: /application\/json/,
  },
  {
    what: 'a compressed request',
    headers: ['Content-Type: application/json', 'Content-Encoding: gzip'],
    body: gzipSync(LIST),
    status: 415,
    code: 1002,
    reason: 'unsupported_media',
    message: /uncompressed/,
  },
  {
    what: 'a method header that contradicts the body',
    headers: [...JSON_HEADERS, 'MCP-Protocol-Version: 2026-07-28', 'Mcp-Method: tools/list'],
    body: MODERN('2026-07-28'),
    status: 400,
    code: -32020,
    id: 1,
    reason: 'header_mismatch',
    message: /Mcp-Method/,
  },
  {
    what: 'a name header that contradicts the body',
    headers: [
      ...JSON_HEADERS,
      'MCP-Protocol-Version: 2026-07-28',
      'Mcp-Method: tools/call',
      'Mcp-Name: other',
    ],
    body: MODERN('2026-07-28'),
    status: 400,
    code: -32020,
    id: 1,
    reason: 'header_mismatch',
    message: /Mcp-Name/,
  },
  {
    what: 'a version header that contradicts the body',
    headers: [...JSON_HEADERS, 'MCP-Protocol-Version: 2025-11-25'],
    body: MODERN('2026-07-28'),
    status: 400,
    code: -32020,
    id: 1,
    reason: 'header_mismatch',
    message: /MCP-Protocol-Version/,
  },
]

function factsOf(outcome: Outcome | undefined): string {
  return outcome?.kind === 'rejected' ? `rejected ${outcome.reason}` : (outcome?.kind ?? 'open')
}

for (const bad of BAD_INPUTS) {
  test(`${bad.what} is answered ${bad.status} and never reaches the upstream`, async () => {
    const { sidecar, upstream } = await scene()
    const client = await RawClient.open(sidecar.dataUrl)
    client.send({ path: '/main/mcp', headers: bad.headers ?? JSON_HEADERS, body: bad.body })
    const response = await client.response()
    assert.equal(response.status, bad.status)
    assert.deepEqual(response.values('content-type'), ['application/json'])
    const { id, error } = errorOf(response)
    assert.equal(error.code, bad.code)
    assert.match(error.message, bad.message)
    assert.equal(error.data.source, 'sidelight')
    assert.equal(error.data.reason, bad.reason)
    assert.equal(id, bad.id ?? null)
    // The same connection goes on.
    client.send({ path: '/good/mcp', body: LIST })
    assert.equal((await client.response()).status, 200)
    assert.equal(upstream.requests.length, 0)
    // What could be told to be a call has an outcome as one.
    const calls = sidecar.recorder.calls.filter((each) => each.upstream === 'main')
    assert.deepEqual(
      calls.map(({ method, id: rawId, outcome }) => [method, rawId, factsOf(outcome)]),
      bad.id === undefined ? [] : [['tools/call', `${bad.id}`, `rejected ${bad.reason}`]],
    )
    await assertCounted(sidecar, 'sidelight_exchanges_total', {
      sidelight_outcome: 'rejected',
      sidelight_outcome_reason: bad.reason,
    })
  })
}

test('a body that is too large is answered 413, with and without a declared length', async () => {
  const { sidecar } = await scene({ config: { limits: { body: '64KiB' } } })
  const body = `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"${'y'.repeat(100 * 1024)}"}}`
  const declared = await RawClient.open(sidecar.dataUrl)
  declared.send({ path: '/main/mcp', body })
  const first = await declared.response()
  assert.equal(first.status, 413)
  assert.match(errorOf(first).error.message, /limits\.body/)
  declared.send({ path: '/good/mcp', body: LIST })
  assert.equal((await declared.response()).status, 200)

  const chunked = await RawClient.open(sidecar.dataUrl)
  chunked.write(
    `POST /main/mcp HTTP/1.1\r\nHost: localhost\r\n${JSON_HEADERS.join('\r\n')}\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
  )
  assert.equal((await chunked.response()).status, 413)
  chunked.send({ path: '/good/mcp', body: LIST })
  assert.equal((await chunked.response()).status, 200)

  const metrics = await assertCounted(
    sidecar,
    'sidelight_exchanges_total',
    { sidelight_outcome: 'rejected', sidelight_outcome_reason: 'too_large' },
    2,
  )
  assert.equal(metrics.sum('sidelight_limit_hits_total', { sidelight_limit: 'body' }), 2)
})

test('a message that nests too deep counts as a hit of its limit', async () => {
  const { sidecar } = await scene({ config: { limits: { depth: 8 } } })
  const body = `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${'['.repeat(9)}${']'.repeat(9)}}}`
  assert.equal((await requestOnce(sidecar.url('main'), { body })).status, 400)
  const metrics = await sidecar.metrics()
  assert.equal(metrics.sum('sidelight_limit_hits_total', { sidelight_limit: 'depth' }), 1)
})

test('a batch of more messages than limits.batch is refused', async () => {
  const { sidecar, upstream } = await scene({ config: { limits: { batch: 2 } } })
  const response = await requestOnce(sidecar.url('main'), { body: `[${LIST},${LIST},${LIST}]` })
  assert.equal(response.status, 400)
  assert.match(errorOf(response).error.message, /limits\.batch/)
  assert.equal(upstream.requests.length, 0)
})

test('a body without end is answered 413 and then cut off', async () => {
  const { sidecar } = await scene({ config: { limits: { body: '64KiB' } } })
  const client = await RawClient.open(sidecar.dataUrl)
  client.write(
    `POST /main/mcp HTTP/1.1\r\nHost: localhost\r\n${JSON_HEADERS.join('\r\n')}\r\nContent-Length: 10000000000\r\n\r\n`,
  )
  assert.equal((await client.response()).status, 413)
  const piece = Buffer.alloc(16 * 1024, 'x')
  await waitFor(
    () => {
      if (!client.closed) client.write(piece)
      return client.closed
    },
    { within: SOON, what: 'the sidecar to cut the client off' },
  )
  await assertCounted(sidecar, 'sidelight_exchanges_total', {
    sidelight_outcome_reason: 'too_large',
  })
})

test('a request head that is too large is answered 431', async () => {
  const { sidecar } = await scene()
  const client = await RawClient.open(sidecar.dataUrl)
  client.send({ path: '/main/mcp', headers: [...JSON_HEADERS, `X-Big: ${'x'.repeat(40_000)}`] })
  const response = await client.response()
  assert.equal(response.status, 431)
  assert.match(response.body.toString(), /limits\.headers/)
  await client.gone()
  const metrics = await assertCounted(sidecar, 'sidelight_calls_total', { sidelight_outcome: 'ok' })
  assert.equal(metrics.sum('sidelight_limit_hits_total', { sidelight_limit: 'headers' }), 1)
})

test('a client that never finishes its request is answered 408 and counted', async () => {
  const { sidecar } = await scene({ config: { limits: { requestTimeout: '1s' } } })
  const client = await RawClient.open(sidecar.dataUrl)
  client.write('POST /main/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{')
  const response = await client.response()
  assert.equal(response.status, 408)
  const metrics = await assertCounted(sidecar, 'sidelight_calls_total', { sidelight_outcome: 'ok' })
  assert.equal(metrics.sum('sidelight_limit_hits_total', { sidelight_limit: 'request_timeout' }), 1)
})

test('a client that never finishes the head of its request is answered 408', async () => {
  const { sidecar } = await scene({ config: { limits: { requestTimeout: '1s' } } })
  const client = await RawClient.open(sidecar.dataUrl)
  client.write('POST /main/mcp HTTP/1.1\r\nHost: loc')
  assert.equal((await client.response()).status, 408)
})

test('what is no HTTP is answered 400 and the connection closed', async () => {
  const { sidecar } = await scene()
  for (const bytes of ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'GARBAGE\r\n\r\n']) {
    const client = await RawClient.open(sidecar.dataUrl)
    client.write(bytes)
    assert.equal((await client.response()).status, 400)
    await client.gone()
  }
  await assertCounted(sidecar, 'sidelight_calls_total', { sidelight_outcome: 'ok' })
})

test('requests that two parsers could read in two ways are refused', async () => {
  const { sidecar, upstream } = await scene()
  const smuggled = [
    `Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`,
    `Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
  ]
  for (const rest of smuggled) {
    const client = await RawClient.open(sidecar.dataUrl)
    client.write(
      `POST /main/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${rest}`,
    )
    assert.equal((await client.response()).status, 400, rest)
  }
  assert.equal(upstream.requests.length, 0)
})

test('an upstream that does not exist is named, with those that do', async () => {
  const { sidecar } = await scene()
  const url = `${sidecar.dataUrl}/nowhere/mcp`
  const tool = parseJson<{
    id: number
    result: { isError: boolean; content: readonly { text: string }[] }
  }>((await requestOnce(url, { body: call('7') })).body)
  assert.equal(tool.id, 7)
  assert.equal(tool.result.isError, true)
  assert.match(
    tool.result.content[0]?.text ?? '',
    /no upstream named "nowhere"; configured: main, good/,
  )
  const list = errorOf(await requestOnce(url, { body: LIST }))
  assert.deepEqual([list.id, list.error.code], ['l', 1005])
  const stream = await requestOnce(url, { method: 'GET', headers: ['Accept: text/event-stream'] })
  assert.equal(stream.status, 502)
  await assertCounted(
    sidecar,
    'sidelight_calls_total',
    { sidelight_outcome_reason: 'unknown_upstream', sidelight_upstream_name: '_OTHER' },
    2,
  )
})

test('an upstream that is down is answered at once, in the words of what was asked', async () => {
  const port = await freePort()
  const good = await startRawUpstream()
  const sidecar = await startTestSidecar({
    upstreams: {
      main: { url: `http://127.0.0.1:${port}/mcp`, breaker: { mode: 'off' } },
      good: good.url,
    },
  })
  const startedAt = performance.now()
  const response = await requestOnce(sidecar.url('main'), { body: call('"a-1"') })
  assert.ok(performance.now() - startedAt < 1_000)
  assert.equal(response.status, 200)
  assert.deepEqual(response.values('retry-after'), ['5'])
  const tool = parseJson<{
    id: string
    result: {
      isError: boolean
      content: readonly { text: string }[]
      _meta: Record<string, unknown>
    }
  }>(response.body)
  assert.equal(tool.id, 'a-1')
  assert.equal(tool.result.isError, true)
  assert.match(
    tool.result.content[0]?.text ?? '',
    /"main" cannot be reached.*did not run.*not at fault/s,
  )
  assert.deepEqual(tool.result._meta['sidelight/rejection'], {
    reason: 'connect',
    upstream: 'main',
    retryAfterMs: 5000,
  })
  // Ids come back as they were written.
  for (const id of ['0', '""', '"1"', '1', '1.0', '9007199254740993', '"\\u0061"']) {
    const answer = await requestOnce(sidecar.url('main'), {
      body: `{"jsonrpc":"2.0","id":${id},"method":"resources/list"}`,
    })
    assert.ok(
      answer.body.toString().startsWith(`{"jsonrpc":"2.0","id":${id},"error":{"code":1010,`),
    )
  }
  const discover = await requestOnce(sidecar.url('main'), {
    body: '{"jsonrpc":"2.0","id":1,"method":"server/discover"}',
  })
  assert.equal(discover.status, 502)
  const notification = await requestOnce(sidecar.url('main'), {
    body: '{"jsonrpc":"2.0","method":"notifications/initialized"}',
  })
  assert.equal(notification.status, 502)
  for (const method of ['GET', 'DELETE']) {
    assert.equal((await requestOnce(sidecar.url('main'), { method })).status, 502)
  }
  await assertCounted(sidecar, 'sidelight_calls_total', {
    mcp_method_name: 'tools/call',
    sidelight_upstream_name: 'main',
    sidelight_outcome: 'upstream_failed',
    sidelight_outcome_reason: 'connect',
  })
})

test('with rejections: http the same is said with statuses', async () => {
  const port = await freePort()
  const sidecar = await startTestSidecar({
    upstreams: { main: `http://127.0.0.1:${port}/mcp` },
    config: { rejections: 'http' },
  })
  const response = await requestOnce(sidecar.url('main'), { body: call('3') })
  assert.equal(response.status, 502)
  assert.deepEqual([errorOf(response).id, errorOf(response).error.code], [3, 1010])
})

/** How an upstream can answer wrongly before a whole head has come, and what the client then gets. */
const BROKEN_HEADS: readonly (readonly [
  string,
  RawUpstreamOptions['onConnection'] & {},
  string,
])[] = [
  ['speaks another protocol', (socket) => socket.write('SSH-2.0-OpenSSH_9.6\r\n'), 'bad_message'],
  [
    'answers with noise',
    (socket) => socket.once('data', () => socket.write('\x00\x01\x02\x03garbage\r\n\r\n')),
    'bad_message',
  ],
  [
    'sends a head that is too large',
    (socket) =>
      socket.once('data', () =>
        socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`),
      ),
    'bad_message',
  ],
  ['closes without an answer', (socket) => socket.once('data', () => socket.end()), 'closed'],
  [
    'resets without an answer',
    (socket) => socket.once('data', () => socket.resetAndDestroy()),
    'reset',
  ],
  [
    'stops in the middle of the head',
    (socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-')),
    'closed',
  ],
]

for (const [what, onConnection, reason] of BROKEN_HEADS) {
  test(`an upstream that ${what} is a failed call, said to the model as such`, async () => {
    const { sidecar } = await scene({ upstream: { onConnection } })
    const response = await requestOnce(sidecar.url('main'), { body: call() })
    assert.equal(response.status, 200)
    const { id, result } = parseJson<{
      id: number
      result: { isError: boolean; _meta: object }
    }>(response.body)
    assert.equal(id, 1)
    assert.equal(result.isError, true)
    const outcome = await sidecar.recorder.outcomeOf('tools/call')
    assert.ok(outcome.kind === 'upstream_failed', JSON.stringify(outcome))
    assert.equal(outcome.reason, reason, JSON.stringify(sidecar.logs))
    await assertCounted(sidecar, 'sidelight_calls_total', { sidelight_outcome: 'upstream_failed' })
  })
}

/** Answers that arrive whole and are passed on, but are no answer to the call. */
const NO_ANSWERS: readonly (readonly [string, readonly string[], string, string])[] = [
  ['a web page', ['Content-Type: text/html'], '<html>welcome</html>', 'bad_message'],
  [
    "JSON of another call's id",
    ['Content-Type: application/json'],
    '{"jsonrpc":"2.0","id":2,"result":{}}',
    'bad_message',
  ],
  [
    'the id as a string',
    ['Content-Type: application/json'],
    '{"jsonrpc":"2.0","id":"1","result":{}}',
    'bad_message',
  ],
  [
    'JSON that is no JSON-RPC',
    ['Content-Type: application/json'],
    '{"hello":"world"}',
    'bad_message',
  ],
  [
    'JSON that stops in the middle',
    ['Content-Type: application/json'],
    '{"jsonrpc":"2.0","id":1,"result":{',
    'bad_message',
  ],
  ['an empty body', ['Content-Type: application/json'], '', 'bad_message'],
  [
    'an error whose code is no number',
    ['Content-Type: application/json'],
    '{"jsonrpc":"2.0","id":1,"error":{"code":"E","message":"m"}}',
    'bad_message',
  ],
  [
    'an event stream without the answer',
    ['Content-Type: text/event-stream'],
    'data: {"jsonrpc":"2.0","method":"notifications/progress"}\n\n',
    'closed',
  ],
  ['an event that is not JSON', ['Content-Type: text/event-stream'], 'data: hello\n\n', 'closed'],
]

for (const [what, headers, body, reason] of NO_ANSWERS) {
  test(`${what} in reply to a call passes verbatim and counts as ${reason}`, async () => {
    const { sidecar } = await scene({ handler: (_request, reply) => reply.send({ headers, body }) })
    const response = await requestOnce(sidecar.url('main'), { body: call() })
    assert.equal(response.status, 200)
    assert.equal(response.body.toString(), body)
    assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), {
      kind: 'upstream_failed',
      reason,
      sent: true,
    })
    await assertCounted(sidecar, 'sidelight_calls_total', { sidelight_outcome_reason: reason })
  })
}

/** Bodies that end before their framing says so. */
const TRUNCATED: readonly (readonly [string, string])[] = [
  [
    'declared length',
    'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"jsonrpc":"2.0","id":1,',
  ],
  [
    'chunks',
    'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"jso\r\n',
  ],
  [
    'a chunk',
    'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"jso',
  ],
]

for (const [what, bytes] of TRUNCATED) {
  test(`a reply that ends inside its ${what} is broken for the client too, and counts as closed`, async () => {
    const { sidecar } = await scene({
      handler: (_request, reply) => {
        reply.raw(bytes)
        reply.socket.end()
      },
    })
    const client = await RawClient.open(sidecar.dataUrl)
    client.send({ path: '/main/mcp', body: call() })
    await client.head()
    await client.gone()
    assert.ok(!client.received.includes('0\r\n\r\n'))
    assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), {
      kind: 'upstream_failed',
      reason: 'closed',
      sent: true,
    })
    await assertCounted(sidecar, 'sidelight_calls_total', { sidelight_outcome_reason: 'closed' })
  })
}

test('a reply that ends with its connection is whole', async () => {
  const body = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'
  const { sidecar } = await scene({
    handler: (_request, reply) => {
      reply.raw(
        `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n${body}`,
      )
      reply.socket.end()
    },
  })
  const response = await requestOnce(sidecar.url('main'), { body: call() })
  assert.equal(response.body.toString(), body)
  assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), { kind: 'ok' })
})

test('bytes after the end of a reply do not become the next one', async () => {
  const { sidecar } = await scene({
    handler: (request, reply) => {
      reply.result({ content: [], first: true })
      if (request.connection === 0) reply.raw('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}')
    },
  })
  for (const id of ['1', '2', '3']) {
    const response = await requestOnce(sidecar.url('main'), { body: call(id) })
    assert.match(response.body.toString(), /"first":true|sidelight/)
  }
})

test('a client that closes its half of the connection counts as gone, and the upstream is let go', async () => {
  const { sidecar, upstream } = await scene({ handler: () => {} })
  const client = await RawClient.open(sidecar.dataUrl, { halfOpen: true })
  client.send({ path: '/main/mcp', body: call() })
  const [socket] = await waitFor(() => upstream.requests.length === 1 && [...upstream.sockets], {
    within: SOON,
    what: 'the call to arrive',
  })
  client.socket.end()
  if (socket !== undefined && !socket.destroyed) await once(socket, 'close')
  assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), { kind: 'cancelled' })
  await assertCounted(sidecar, 'sidelight_calls_total', { sidelight_outcome: 'cancelled' })
})

test('a client that leaves in the middle of its request counts as gone', async () => {
  const { sidecar, upstream } = await scene()
  const client = await RawClient.open(sidecar.dataUrl)
  client.write(
    `POST /main/mcp HTTP/1.1\r\nHost: localhost\r\n${JSON_HEADERS.join('\r\n')}\r\nContent-Length: 100\r\n\r\n{"json`,
  )
  client.socket.end()
  await client.gone()
  await assertCounted(sidecar, 'sidelight_exchanges_total', { sidelight_outcome: 'cancelled' })
  assert.equal(upstream.requests.length, 0)
})

const EVIL: readonly (readonly [string, string, readonly string[], string])[] = [
  ['a Host of somebody else', 'evil.example', [], 'forbidden_host'],
  ['a Host that only begins like loopback', 'localhost.evil.example', [], 'forbidden_host'],
  ['an address that is not loopback in Host', '10.0.0.1:8420', [], 'forbidden_host'],
  ['a Host with a user in it', 'localhost@evil.example', [], 'forbidden_host'],
  ['an empty Host', '', [], 'forbidden_host'],
  ['an Origin of somebody else', 'localhost', ['Origin: https://evil.example'], 'forbidden_origin'],
  [
    'an Origin that only begins like loopback',
    'localhost',
    ['Origin: http://localhost.evil.example'],
    'forbidden_origin',
  ],
  ['the Origin null', 'localhost', ['Origin: null'], 'forbidden_origin'],
  ['an Origin of a file', 'localhost', ['Origin: file://localhost'], 'forbidden_origin'],
]

for (const [what, host, headers, reason] of EVIL) {
  test(`${what} is refused with 403 on both listeners`, async () => {
    const { sidecar, upstream } = await scene()
    const data = await requestOnce(sidecar.url('main'), {
      host,
      headers: [...JSON_HEADERS, ...headers],
      body: LIST,
    })
    assert.equal(data.status, 403)
    assert.equal(errorOf(data).error.data.reason, reason)
    const admin = await requestOnce(`${sidecar.adminUrl}/metrics`, { method: 'GET', host, headers })
    assert.equal(admin.status, 403)
    assert.ok(!admin.body.includes('sidelight_calls'))
    assert.equal(upstream.requests.length, 0)
    await assertCounted(sidecar, 'sidelight_exchanges_total', { sidelight_outcome_reason: reason })
  })
}

test('loopback names in any form, and origins of loopback, pass', async () => {
  const { sidecar } = await scene()
  for (const host of [
    'localhost',
    'LOCALHOST:1',
    '127.0.0.1',
    '127.9.9.9:80',
    '[::1]',
    '[::1]:9',
  ]) {
    assert.equal((await requestOnce(sidecar.url('good'), { host, body: LIST })).status, 200, host)
  }
  for (const origin of [
    'http://localhost',
    'http://localhost:6274',
    'https://127.0.0.1:1',
    'http://[::1]:3',
  ]) {
    const headers = [...JSON_HEADERS, `Origin: ${origin}`]
    assert.equal(
      (await requestOnce(sidecar.url('good'), { headers, body: LIST })).status,
      200,
      origin,
    )
  }
})

test('each message of a batch has an outcome of its own', async () => {
  const batch = `[${call('1')},{"jsonrpc":"2.0","method":"notifications/initialized"},${call('2')},{"jsonrpc":"2.0","id":"3","method":"tools/list"},${call('4')}]`
  const replies =
    '[{"jsonrpc":"2.0","id":"3","error":{"code":-32601,"message":"no"}},{"jsonrpc":"2.0","id":2,"result":{"isError":true}},{"jsonrpc":"2.0","id":1,"result":{}}]'
  const { sidecar } = await scene({
    handler: (_request, reply) => reply.send({ body: replies }),
    config: { telemetry: { propagateMeta: false } },
  })
  const response = await requestOnce(sidecar.url('main'), { body: batch })
  assert.equal(response.body.toString(), replies)
  await sidecar.recorder.exchangeOutcome('message')
  assert.deepEqual(
    sidecar.recorder.calls.map(({ id, outcome }) => [id, outcome?.kind]),
    [
      ['1', 'ok'],
      [undefined, 'ok'],
      ['2', 'tool_error'],
      ['"3"', 'rpc_error'],
      ['4', 'upstream_failed'],
    ],
  )
  await assertCounted(sidecar, 'sidelight_exchanges_total', { sidelight_upstream_name: 'main' })
})

test('a batch to an upstream that is down gets one answer per request', async () => {
  const port = await freePort()
  const sidecar = await startTestSidecar({ upstreams: { main: `http://127.0.0.1:${port}/mcp` } })
  const body = `[${call('1')},{"jsonrpc":"2.0","method":"notifications/initialized"},{"jsonrpc":"2.0","id":"b","method":"tools/list"}]`
  const answers = parseJson<
    readonly {
      id: unknown
      result?: { isError: boolean }
      error?: { code: number }
    }[]
  >((await requestOnce(sidecar.url('main'), { body })).body)
  assert.deepEqual(
    answers.map(({ id, result, error }) => [id, result?.isError, error?.code]),
    [
      [1, true, undefined],
      ['b', undefined, 1010],
    ],
  )
})

test('at limits.streams a call is refused and counted, and room is made when one ends', async () => {
  const { sidecar, upstream } = await scene({
    handler: (_request, reply) => reply.stream(),
    config: { limits: { streams: 1 } },
  })
  const holder = await RawClient.open(sidecar.dataUrl)
  holder.send({ path: '/main/mcp', body: call() })
  await holder.head()
  const refused = await requestOnce(sidecar.url('main'), { body: call('2') })
  assert.deepEqual(refused.values('retry-after'), ['1'])
  const { result } = parseJson<{
    result: { isError: boolean; _meta: Record<string, unknown> }
  }>(refused.body)
  assert.equal(result.isError, true)
  assert.deepEqual(result._meta['sidelight/rejection'], {
    reason: 'at_capacity',
    upstream: 'main',
    retryAfterMs: 1000,
  })
  assert.equal(upstream.requests.length, 1)
  holder.close()
  await sidecar.recorder.exchangeOutcome('message', 2)
  const metrics = await assertCounted(sidecar, 'sidelight_calls_total', {
    sidelight_outcome_reason: 'at_capacity',
  })
  assert.equal(metrics.sum('sidelight_limit_hits_total', { sidelight_limit: 'streams' }), 1)
})

test('connections beyond limits.connections are dropped and counted', async () => {
  const { sidecar } = await scene({ config: { limits: { connections: 2 } } })
  const held = [await RawClient.open(sidecar.dataUrl), await RawClient.open(sidecar.dataUrl)]
  for (const client of held) {
    client.send({ path: '/good/mcp', body: LIST })
    assert.equal((await client.response()).status, 200)
  }
  const third = await RawClient.open(sidecar.dataUrl)
  await third.gone()
  for (const client of held) client.close()
  const metrics = await waitFor(
    async () => {
      const now = await sidecar.metrics()
      return now.sum('sidelight_limit_hits_total', { sidelight_limit: 'connections' }) > 0 && now
    },
    { within: SOON, what: 'the hit to be counted' },
  )
  assert.equal(metrics.sum('sidelight_limit_hits_total', { sidelight_limit: 'connections' }), 1)
  await assertCounted(sidecar, 'sidelight_calls_total', { sidelight_outcome: 'ok' }, 3)
})

test('upstream connections beyond the limit wait for their turn', async () => {
  const waiting: (() => void)[] = []
  const upstream = await startRawUpstream((request, reply) =>
    waiting.push(() => answerWell(request, reply)),
  )
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: upstream.url, connections: 2 } },
  })
  const calls = [1, 2, 3, 4].map((id) => requestOnce(sidecar.url('main'), { body: call(`${id}`) }))
  for (let answered = 0; answered < 4; answered += 1) {
    await waitFor(() => waiting.length > 0, { within: SOON, what: 'a call to arrive' })
    assert.ok(upstream.connections <= 2)
    waiting.shift()?.()
  }
  for (const response of await Promise.all(calls)) assert.equal(response.status, 200)
  assert.equal(upstream.requests.length, 4)
})

test('methods and tools that clients make up do not become metric series', async () => {
  const { sidecar } = await scene({
    handler: (request, reply) => {
      const { id } = request.json()
      reply.send({
        body: JSON.stringify({
          jsonrpc: '2.0',
          id,
          error: { code: -32602, message: 'unknown tool' },
        }),
      })
    },
  })
  for (let i = 0; i < 20; i += 1) {
    await requestOnce(sidecar.url('main'), {
      body: `{"jsonrpc":"2.0","id":1,"method":"made/up-${i}"}`,
    })
    await requestOnce(sidecar.url('main'), {
      headers: [...JSON_HEADERS, `MCP-Protocol-Version: 1999-01-${i + 10}`],
      body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"invented-${i}"}}`,
    })
  }
  const { text, find } = await bindMetrics(sidecar)
  assert.doesNotMatch(text, /made\/up|invented|1999-01/)
  assert.equal(find('mcp_server_operation_duration_seconds_count').length, 2)
})

async function bindMetrics(sidecar: TestSidecar): Promise<{ text: string; find: Metrics['find'] }> {
  const metrics = await sidecar.metrics()
  return { text: metrics.text, find: (name, labels) => metrics.find(name, labels) }
}
