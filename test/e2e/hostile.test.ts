/**
 * Clients and upstreams that mean harm, or behave as if they did: what they hold is taken from them,
 * what they say is not believed, and everybody else is served.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import zlib from 'node:zlib'
import { parseJson } from '../support/json.ts'
import { startOtlpSink } from '../support/otlp-sink.ts'
import { plainAttributes } from '../support/otlp-types.ts'
import { JSON_HEADERS, RawClient, requestOnce, type RawResponse } from '../support/raw-client.ts'
import {
  answerWell,
  startRawUpstream,
  type RawHandler,
  type RawUpstream,
  type Reply,
} from '../support/raw-upstream.ts'
import { startSidecarProcess, withFile } from '../support/sidecar-process.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const call = (id: string | number = 1, name = 't'): string =>
  `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"tools/call","params":{"name":${JSON.stringify(name)}}}`

const largeCall = (id: number, bytes: number): string =>
  call(id).replace('"name"', `"arguments":{"x":"${'y'.repeat(bytes)}"},"name"`)

interface Scene {
  readonly sidecar: TestSidecar
  readonly upstream: RawUpstream
}

async function scene(
  options: {
    readonly handler?: RawHandler
    readonly limits?: Readonly<Record<string, unknown>>
    readonly upstream?: Readonly<Record<string, unknown>>
  } = {},
): Promise<Scene> {
  const upstream = await startRawUpstream(options.handler)
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: upstream.url, ...options.upstream } },
    config: { limits: options.limits ?? {} },
  })
  return { sidecar, upstream }
}

async function assertCounted(
  sidecar: TestSidecar,
  name: string,
  labels: Readonly<Record<string, string>>,
  count = 1,
): Promise<void> {
  await waitFor(async () => (await sidecar.metrics()).sum(name, labels) === count, {
    within: SOON,
    what: `${name}${JSON.stringify(labels)} to be ${count}`,
  })
}

function errorOf(response: RawResponse): { code: number; reason: string } {
  const { error } = parseJson<{ error: { code: number; data: { reason: string } } }>(response.body)
  return { code: error.code, reason: error.data.reason }
}

/** What makes the sidecar answer before a request is whole, and with what. */
const HALF_REQUESTS: readonly (readonly [what: string, bytes: string, status: number])[] = [
  ['a request that stops in its head', 'POST /main/mcp HTTP/1.1\r\nHost: loc', 408],
  [
    'a request that stops in its body',
    'POST /main/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
    408,
  ],
  [
    'a head that is too large',
    `POST /main/mcp HTTP/1.1\r\nHost: localhost\r\nX-Big: ${'x'.repeat(40_000)}\r\n\r\n`,
    431,
  ],
  ['noise', 'GARBAGE\r\n\r\n', 400],
]

for (const [what, bytes, status] of HALF_REQUESTS) {
  test(`a client that never closes does not hold its connection after ${what}`, async () => {
    const { sidecar } = await scene({
      limits: { connections: 2, ...(status === 408 ? { requestTimeout: '300ms' } : {}) },
    })
    const holders = await Promise.all(
      [1, 2].map(() => RawClient.open(sidecar.dataUrl, { halfOpen: true })),
    )
    for (const holder of holders) holder.write(bytes)
    for (const holder of holders) {
      assert.equal((await holder.response()).status, status)
      await holder.gone()
      assert.equal(holder.socket.writable, true, 'the client has not closed its half')
    }
    await waitFor(
      async () => {
        const client = await RawClient.open(sidecar.dataUrl)
        client.send({ path: '/main/mcp', body: call() })
        await waitFor(() => client.closed || client.ended || client.received.length > 0, {
          within: SOON,
          what: 'an answer or the end of the connection',
        })
        const served = client.received.includes('"result"')
        client.close()
        return served
      },
      { within: SOON, what: 'a new client to get in' },
    )
  })
}

test('garbage on a connection whose reply is under way breaks it and writes nothing into the reply', async () => {
  const replies: Reply[] = []
  const { sidecar } = await scene({
    handler: (_request, reply) => {
      replies.push(reply)
      reply.stream()
      reply.chunk('data: {"jsonrpc":"2.0","method":"notifications/message"}\n\n')
    },
  })
  const client = await RawClient.open(sidecar.dataUrl, { halfOpen: true })
  client.send({ path: '/main/mcp', body: call() })
  await client.until('notifications/message"}\n\n\r\n')
  client.write('GARBAGE\r\n\r\n')
  await waitFor(() => client.closed || client.ended, {
    within: SOON,
    what: 'the connection to be broken',
  })
  assert.equal(client.received.toString('latin1'), '')
  assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), { kind: 'cancelled' })
  assert.equal(replies.length, 1)
})

test('the process survives the reader of its standard error', async () => {
  const upstream = await startRawUpstream()
  const sidecar = await startSidecarProcess({
    args: ['--upstream', `main=${upstream.url}`, '--log-level', 'debug'],
  })
  assert.equal((await requestOnce(sidecar.url('main'), { body: call() })).status, 200)
  await waitFor(() => sidecar.stderr.includes('"t"'), { within: SOON, what: 'a call in the log' })
  sidecar.closeStderr()
  for (let id = 2; id < 30; id += 1) {
    const response = await requestOnce(sidecar.url('main'), { body: call(id) })
    assert.match(response.body.toString(), new RegExp(`"id":${id},"result":`))
  }
  const metrics = await sidecar.metrics()
  assert.equal(metrics.sum('sidelight_calls_total', { sidelight_outcome: 'ok' }), 29)
})

test('a log that is not read holds up no call, and says later how much of it was left out', async () => {
  const upstream = await startRawUpstream()
  const sidecar = await startSidecarProcess({
    args: ['--upstream', `main=${upstream.url}`, '--log-level', 'debug'],
  })
  sidecar.pauseStderr()
  const body = call(1, 'x'.repeat(1_000))
  const clients = await Promise.all(
    Array.from({ length: 20 }, () => RawClient.open(sidecar.dataUrl)),
  )
  await Promise.all(
    clients.map(async (client) => {
      for (let i = 0; i < 100; i += 1) {
        client.send({ path: '/main/mcp', body })
        assert.equal((await client.response()).status, 200)
      }
    }),
  )
  sidecar.resumeStderr()
  await waitFor(
    async () => {
      const response = await requestOnce(sidecar.url('main'), { body: call() })
      assert.equal(response.status, 200)
      return /\d+ log records were left out/.test(sidecar.stderr)
    },
    { within: SOON, what: 'the log to say what was left out' },
  )
  assert.ok(sidecar.stderr.length < 2 * 1024 * 1024, String(sidecar.stderr.length))
})

test('bodies beyond limits.bodies are answered at_capacity and counted, until others end', async () => {
  const waiting: (() => void)[] = []
  const { sidecar, upstream } = await scene({
    handler: (request, reply) => waiting.push(() => answerWell(request, reply)),
    limits: { bodies: '1MiB' },
  })
  const holder = await RawClient.open(sidecar.dataUrl)
  holder.send({ path: '/main/mcp', body: largeCall(1, 700 * 1024) })
  await upstream.request(0)
  const refused = await requestOnce(sidecar.url('main'), { body: largeCall(2, 200 * 1024) })
  assert.equal(refused.status, 503)
  assert.deepEqual(refused.values('retry-after'), ['1'])
  assert.deepEqual(errorOf(refused), { code: 1006, reason: 'at_capacity' })
  assert.equal(upstream.requests.length, 1)
  await assertCounted(sidecar, 'sidelight_limit_hits_total', { sidelight_limit: 'bodies' })
  await assertCounted(sidecar, 'sidelight_exchanges_total', {
    sidelight_outcome: 'rejected',
    sidelight_outcome_reason: 'at_capacity',
  })
  waiting[0]?.()
  assert.equal((await holder.response()).status, 200)
  upstream.handle(answerWell)
  const next = await requestOnce(sidecar.url('main'), { body: largeCall(3, 700 * 1024) })
  assert.equal(next.status, 200)
})

test('clients that leave in the middle of their uploads give their room back', async () => {
  const { sidecar } = await scene({ limits: { bodies: '1MiB' } })
  for (let round = 1; round <= 4; round += 1) {
    const client = await RawClient.open(sidecar.dataUrl)
    client.write(
      `POST /main/mcp HTTP/1.1\r\nHost: localhost\r\n${JSON_HEADERS.join('\r\n')}\r\nContent-Length: 900000\r\n\r\n`,
    )
    client.write(Buffer.alloc(500 * 1024, ' '))
    // The bytes have left when the socket has taken them all and a metrics request has passed.
    await waitFor(() => client.socket.writableLength === 0, {
      within: SOON,
      what: 'the bytes to leave',
    })
    await sidecar.metrics()
    client.close()
    await sidecar.recorder.exchangeOutcome('message', round)
  }
  const response = await requestOnce(sidecar.url('main'), { body: largeCall(1, 700 * 1024) })
  assert.equal(response.status, 200, response.body.toString())
})

test('a body in one-byte chunks arrives byte for byte', async () => {
  const { sidecar, upstream } = await scene()
  const body = call(1, 'x'.repeat(1_500))
  const client = await RawClient.open(sidecar.dataUrl)
  client.write(
    `POST /main/mcp HTTP/1.1\r\nHost: localhost\r\n${JSON_HEADERS.join('\r\n')}\r\nTransfer-Encoding: chunked\r\n\r\n`,
  )
  client.write(`${Array.from(body, (character) => `1\r\n${character}\r\n`).join('')}0\r\n\r\n`)
  assert.equal((await client.response()).status, 200)
  const { params } = parseJson<{ params: { name: string } }>((await upstream.request()).body)
  assert.equal(params.name, 'x'.repeat(1_500))
})

test('a body in another encoding than UTF-8 is answered 415, never forwarded, and counted', async () => {
  const { sidecar, upstream } = await scene()
  const charsets = ['utf-7', '"UTF-16"', 'utf-16le', 'latin1']
  for (const charset of charsets) {
    const response = await requestOnce(sidecar.url('main'), {
      headers: [`Content-Type: application/json; charset=${charset}`],
      body: call(),
    })
    assert.equal(response.status, 415, charset)
    assert.deepEqual(errorOf(response), { code: 1002, reason: 'unsupported_media' })
  }
  assert.equal(upstream.requests.length, 0)
  await assertCounted(
    sidecar,
    'sidelight_exchanges_total',
    { sidelight_outcome: 'rejected', sidelight_outcome_reason: 'unsupported_media' },
    4,
  )
})

test('a body that is no valid UTF-8 is answered 400, never forwarded, and counted', async () => {
  const { sidecar, upstream } = await scene()
  const body = Buffer.from(call(1, '\u00ff'), 'latin1')
  const response = await requestOnce(sidecar.url('main'), { body })
  assert.equal(response.status, 400)
  assert.deepEqual(errorOf(response), { code: -32700, reason: 'malformed' })
  assert.equal(upstream.requests.length, 0)
  await assertCounted(sidecar, 'sidelight_exchanges_total', {
    sidelight_outcome_reason: 'malformed',
  })
})

test('a body that says UTF-8 in any spelling passes', async () => {
  const { sidecar, upstream } = await scene()
  const charsets = ['utf-8', 'UTF-8', '"utf-8"', 'utf8', 'Utf8']
  for (const charset of charsets) {
    const response = await requestOnce(sidecar.url('main'), {
      headers: [`Content-Type: application/json; charset=${charset}`, 'Accept: */*'],
      body: call(1, 'añadir'),
    })
    assert.equal(response.status, 200, charset)
  }
  assert.equal(upstream.requests.length, 5)
})

test('calls given up while they wait for a connection are forgotten at once, and the one behind is served', async () => {
  const waiting: (() => void)[] = []
  const { sidecar, upstream } = await scene({
    handler: (request, reply) => waiting.push(() => answerWell(request, reply)),
    upstream: { connections: 1 },
    limits: { bodies: '4MiB' },
  })
  const hung = await RawClient.open(sidecar.dataUrl)
  hung.send({ path: '/main/mcp', body: call(0) })
  await upstream.request(0)
  // All their bodies together are larger than limits.bodies.
  for (let id = 1; id <= 20; id += 1) {
    const client = await RawClient.open(sidecar.dataUrl)
    client.send({ path: '/main/mcp', body: largeCall(id, 900 * 1024) })
    await waitFor(() => sidecar.recorder.calls.length === id + 1, {
      within: SOON,
      what: `call ${id} to be read`,
    })
    client.close()
    await waitFor(() => sidecar.recorder.calls[id]?.outcome, {
      within: SOON,
      what: `the end of call ${id}`,
    })
    assert.deepEqual(sidecar.recorder.calls[id]?.outcome, { kind: 'cancelled' })
    assert.equal(sidecar.recorder.calls[id]?.endings, 1)
  }
  const behind = await RawClient.open(sidecar.dataUrl)
  behind.send({ path: '/main/mcp', body: call(99) })
  await waitFor(() => sidecar.recorder.calls.length === 22, {
    within: SOON,
    what: 'the call behind to be read',
  })
  assert.equal(upstream.requests.length, 1)
  waiting.shift()?.()
  assert.equal((await hung.response()).status, 200)
  await upstream.request(1)
  waiting.shift()?.()
  assert.match((await behind.response()).body.toString(), /"id":99,"result"/)
  assert.equal(upstream.requests.length, 2)
})

test('a hung call that is given up gives its connection to the one behind', async () => {
  const { sidecar, upstream } = await scene({
    handler: (request, reply) => {
      if (request.json()['id'] !== 1) answerWell(request, reply)
    },
    upstream: { connections: 1 },
  })
  const hung = await RawClient.open(sidecar.dataUrl)
  hung.send({ path: '/main/mcp', body: call(1) })
  await upstream.request(0)
  const behind = await RawClient.open(sidecar.dataUrl)
  behind.send({ path: '/main/mcp', body: call(2) })
  await waitFor(() => sidecar.recorder.calls.length === 2, {
    within: SOON,
    what: 'the call behind to be read',
  })
  hung.close()
  assert.equal((await behind.response()).status, 200)
})

test('methods outside MCP and browsers are answered 501 and never reach the upstream', async () => {
  const { sidecar, upstream } = await scene()
  const methods = ['TRACE', 'PUT', 'PATCH', 'PROPFIND', 'M-SEARCH']
  for (const method of methods) {
    const response = await requestOnce(sidecar.url('main'), { method, headers: [] })
    assert.equal(response.status, 501, method)
    assert.deepEqual(errorOf(response), { code: 1008, reason: 'unsupported_method' })
  }
  assert.equal(upstream.requests.length, 0)
  await assertCounted(
    sidecar,
    'sidelight_exchanges_total',
    { sidelight_outcome_reason: 'unsupported_method' },
    5,
  )
})

test('OPTIONS and HEAD reach the upstream', async () => {
  const { sidecar, upstream } = await scene({
    handler: (_request, reply) => reply.raw('HTTP/1.1 204 No Content\r\nAllow: POST\r\n\r\n'),
  })
  for (const method of ['OPTIONS', 'HEAD']) {
    const response = await requestOnce(sidecar.url('main'), { method, headers: [] })
    assert.equal(response.status, 204, method)
    assert.deepEqual(response.values('allow'), ['POST'])
  }
  assert.deepEqual(
    upstream.requests.map(({ method }) => method),
    ['OPTIONS', 'HEAD'],
  )
})

test('names that only fail are at most 32 labels, and a tool that then succeeds still becomes one', async () => {
  const { sidecar } = await scene({
    handler: (request, reply) => {
      const { params } = parseJson<{ params: { name: string } }>(request.body)
      reply.result({ content: [], isError: params.name !== 'works' })
    },
  })
  const client = await RawClient.open(sidecar.dataUrl)
  for (const name of [...Array.from({ length: 50 }, (_, i) => `fails-${i}`), 'works']) {
    client.send({ path: '/main/mcp', body: call(1, name) })
    assert.equal((await client.response()).status, 200)
  }
  const metrics = await sidecar.metrics()
  const tools = new Set(
    metrics
      .find('mcp_server_operation_duration_seconds_count')
      .map(({ labels }) => labels['gen_ai_tool_name']),
  )
  assert.equal(tools.size, 34)
  for (const name of ['fails-0', 'fails-31', 'works', '_OTHER']) assert.ok(tools.has(name), name)
  assert.equal(tools.has('fails-32'), false)
})

test('the 33rd JSON-RPC code of an upstream counts as _OTHER', async () => {
  const { sidecar } = await scene({
    handler: (request, reply) => {
      const { id } = request.json()
      reply.send({
        body: JSON.stringify({ jsonrpc: '2.0', id, error: { code: Number(id), message: 'no' } }),
      })
    },
  })
  const client = await RawClient.open(sidecar.dataUrl)
  for (let code = 2_001; code <= 2_040; code += 1) {
    client.send({ path: '/main/mcp', body: call(code) })
    assert.equal((await client.response()).status, 200)
  }
  const metrics = await sidecar.metrics()
  for (const name of [
    'mcp_server_operation_duration_seconds_count',
    'mcp_client_operation_duration_seconds_count',
  ]) {
    for (const label of ['error_type', 'rpc_response_status_code']) {
      assert.equal(metrics.sum(name, { [label]: '2001' }), 1, `${name} ${label}`)
      assert.equal(metrics.sum(name, { [label]: '2032' }), 1, `${name} ${label}`)
      assert.equal(metrics.sum(name, { [label]: '_OTHER' }), 8, `${name} ${label}`)
    }
  }
  assert.doesNotMatch(metrics.text, /"20(3[3-9]|40)"/)
})

const ANSWER = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'
const FAILED_ANSWER = '{"jsonrpc":"2.0","id":1,"result":{"isError":true,"content":[]}}'
const BAD_MESSAGE = { kind: 'upstream_failed', reason: 'bad_message', sent: true }

/** Replies whose coding is odd: what the bytes are, and how the call ends. */
const CODED: readonly (readonly [fact: string, coding: string, body: Buffer, outcome: object])[] = [
  ['plain text called gzip is a bad message', 'gzip', Buffer.from(ANSWER), BAD_MESSAGE],
  [
    'truncated br is a bad message',
    'br',
    zlib.brotliCompressSync(FAILED_ANSWER).subarray(0, -8),
    BAD_MESSAGE,
  ],
  [
    'truncated gzip is a bad message',
    'gzip',
    zlib.gzipSync(FAILED_ANSWER).subarray(0, 30),
    BAD_MESSAGE,
  ],
  ['an empty body called gzip is a bad message', 'gzip', Buffer.alloc(0), BAD_MESSAGE],
  [
    'gzip with junk behind it is a bad message, as it is to clients',
    'gzip',
    Buffer.concat([zlib.gzipSync(FAILED_ANSWER), Buffer.from('junk behind')]),
    BAD_MESSAGE,
  ],
  [
    'gzip with zeros behind it is read',
    'gzip',
    Buffer.concat([zlib.gzipSync(FAILED_ANSWER), Buffer.alloc(16)]),
    { kind: 'tool_error' },
  ],
  ['raw deflate is read', 'deflate', zlib.deflateRawSync(FAILED_ANSWER), { kind: 'tool_error' }],
  ['deflate is read', 'deflate', zlib.deflateSync(FAILED_ANSWER), { kind: 'tool_error' }],
  [
    'gzip beside identity is read',
    'identity, gzip',
    zlib.gzipSync(FAILED_ANSWER),
    { kind: 'tool_error' },
  ],
  [
    'gzip inside br is read',
    'gzip, br',
    zlib.brotliCompressSync(zlib.gzipSync(FAILED_ANSWER)),
    { kind: 'tool_error' },
  ],
]

for (const [fact, coding, body, outcome] of CODED) {
  test(`in a reply, ${fact}; the client gets the bytes as they came`, async () => {
    const { sidecar } = await scene({
      handler: (_request, reply) =>
        reply.send({
          headers: ['Content-Type: application/json', `Content-Encoding: ${coding}`],
          body,
        }),
    })
    const response = await requestOnce(sidecar.url('main'), { body: call() })
    assert.equal(response.status, 200)
    assert.deepEqual(response.values('content-encoding'), [coding])
    assert.ok(response.body.equals(body))
    assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), outcome)
  })
}

const META = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}'
const modern = (method: string, members: string): string =>
  `{"jsonrpc":"2.0","id":1,"method":"${method}","params":{${META}${members}}}`
const mirrored = (method: string, name: string): readonly string[] => [
  ...JSON_HEADERS,
  'MCP-Protocol-Version: 2026-07-28',
  `Mcp-Method: ${method}`,
  `Mcp-Name: ${name}`,
]
const LONG_NAME = 'x'.repeat(1_200)
const LONG_URI = `a:${'x'.repeat(4_096)}`

/** Requests of which two readers could think different things. */
const DOUBTFUL: readonly (readonly [
  what: string,
  headers: readonly string[],
  body: string,
  code: number,
])[] = [
  [
    'an Mcp-Name beside a body that names nothing',
    mirrored('tools/call', 'safe'),
    modern('tools/call', ''),
    -32020,
  ],
  [
    'an Mcp-Name beside a name that is a number',
    mirrored('tools/call', '5'),
    modern('tools/call', ',"name":5'),
    -32020,
  ],
  [
    'an Mcp-Name beside a name that is too long to be read',
    mirrored('tools/call', LONG_NAME),
    modern('tools/call', `,"name":"${LONG_NAME}"`),
    -32020,
  ],
  [
    'an Mcp-Name beside a URI over 4096 bytes',
    mirrored('resources/read', LONG_URI),
    modern('resources/read', `,"uri":"${LONG_URI}"`),
    -32020,
  ],
  [
    'an MCP-Protocol-Version that is sent twice',
    [...JSON_HEADERS, 'MCP-Protocol-Version: 2026-07-28', 'MCP-Protocol-Version: 2025-11-25'],
    call(),
    -32020,
  ],
  [
    'an MCP-Protocol-Version that is sent twice with one value',
    [...JSON_HEADERS, 'MCP-Protocol-Version: 2026-07-28', 'mcp-protocol-version: 2026-07-28'],
    modern('tools/call', ',"name":"t"'),
    -32020,
  ],
  [
    'an MCP-Protocol-Version that lists two revisions',
    [...JSON_HEADERS, 'MCP-Protocol-Version: 2025-11-25, 2026-07-28'],
    call(),
    -32020,
  ],
  [
    'a batch with a message of the stateless era',
    JSON_HEADERS,
    `[${call()},${modern('tools/call', ',"name":"t"')}]`,
    -32600,
  ],
]

for (const [what, headers, body, code] of DOUBTFUL) {
  test(`${what} is answered 400 and never reaches the upstream`, async () => {
    const { sidecar, upstream } = await scene()
    const response = await requestOnce(sidecar.url('main'), { headers, body })
    assert.equal(response.status, 400)
    assert.equal(errorOf(response).code, code)
    assert.equal(upstream.requests.length, 0)
  })
}

test('a request that is still being uploaded at SIGTERM is answered when it is complete', async () => {
  const upstream = await startRawUpstream()
  const yaml = `upstreams:\n  main: { url: "${upstream.url}" }\nshutdown: { drainTimeout: 10m, flushTimeout: 1s }\n`
  const sidecar = await withFile(yaml, (file) => startSidecarProcess({ args: ['--config', file] }))
  const body = call('late')
  const client = await RawClient.open(sidecar.dataUrl)
  client.write(
    `POST /main/mcp HTTP/1.1\r\nHost: localhost\r\n${JSON_HEADERS.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 20)}`,
  )
  await waitFor(async () => (await sidecar.metrics()).text.length > 0, {
    within: SOON,
    what: 'the sidecar to have read the first bytes',
  })
  sidecar.signal('SIGTERM')
  await waitFor(() => sidecar.stderr.includes('sidecar.draining'), {
    within: SOON,
    what: 'the drain to begin',
  })
  // Longer than a drain with nothing to wait for would take.
  await new Promise((resolve) => setTimeout(resolve, 500))
  assert.equal(client.closed, false)
  client.write(body.slice(20))
  const response = await client.response()
  assert.equal(response.status, 200)
  assert.match(response.body.toString(), /"id":"late".*"isError":true.*"reason":"draining"/)
  assert.equal((await sidecar.finished(30_000)).code, 0)
  assert.equal(upstream.requests.length, 0)
})

test('the spans of a call about a resource show neither the user information nor the query of its URI', async () => {
  const sink = await startOtlpSink()
  const upstream = await startRawUpstream()
  const sidecar = await startTestSidecar({ upstreams: { main: upstream.url }, otel: sink.env })
  await requestOnce(sidecar.url('main'), {
    body: '{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"https://user:hunter2@h.example/doc?token=hunter3"}}',
  })
  const spans = await sink.waitForSpans(2)
  for (const { attributes } of spans) {
    assert.equal(plainAttributes(attributes)['mcp.resource.uri'], 'https://h.example/doc')
  }
  await sidecar.close()
  for (const { body } of sink.received) assert.doesNotMatch(body.toString(), /hunter|user:/)
})

test('a request with two Host headers is answered 403', async () => {
  const { sidecar, upstream } = await scene()
  for (const [first, second] of [
    ['localhost', 'evil.example'],
    ['evil.example', 'localhost'],
    ['localhost', 'localhost'],
  ] as const) {
    const client = await RawClient.open(sidecar.dataUrl)
    client.send({
      path: '/main/mcp',
      host: first,
      headers: [...JSON_HEADERS, `hOST: ${second}`],
      body: call(),
    })
    const response = await client.response()
    assert.equal(response.status, 403, `${first}, ${second}`)
    assert.equal(errorOf(response).reason, 'forbidden_host')
  }
  assert.equal(upstream.requests.length, 0)
})

test('a null error beside a result, and a byte order mark before a reply, are no failures', async () => {
  const bodies = ['{"jsonrpc":"2.0","id":1,"result":{},"error":null}', `\ufeff${ANSWER}`]
  const { sidecar, upstream } = await scene()
  for (const [index, body] of bodies.entries()) {
    upstream.handle((_request, reply) => reply.send({ body }))
    const response = await requestOnce(sidecar.url('main'), { body: call() })
    assert.equal(response.body.toString(), body)
    await waitFor(() => sidecar.recorder.calls[index]?.outcome, {
      within: SOON,
      what: 'the outcome of the call',
    })
    assert.deepEqual(sidecar.recorder.calls[index]?.outcome, { kind: 'ok' })
  }
})

test('ids above 2^53 in a batch keep their own outcomes', async () => {
  const low = '9007199254740992'
  const high = '9007199254740993'
  const { sidecar } = await scene({
    handler: (_request, reply) =>
      reply.send({
        body: `[{"jsonrpc":"2.0","id":${high},"result":{"isError":true,"content":[]}},{"jsonrpc":"2.0","id":${low},"result":{"content":[]}}]`,
      }),
  })
  const calls = [low, high].map(
    (id) => `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"t"}}`,
  )
  const response = await requestOnce(sidecar.url('main'), { body: `[${calls.join()}]` })
  assert.equal(response.status, 200)
  await waitFor(() => sidecar.recorder.open.length === 0, { within: SOON, what: 'both outcomes' })
  assert.deepEqual(
    sidecar.recorder.calls.map(({ id, outcome }) => [id, outcome?.kind]),
    [
      [low, 'ok'],
      [high, 'tool_error'],
    ],
  )
})

test('names that a terminal would act on or that are no text are no labels', async () => {
  const { sidecar } = await scene()
  for (const name of ['"a\\u009b31m"', '"\\ud800"', '"a\\u202eb"']) {
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":${name}}}`
    assert.equal((await requestOnce(sidecar.url('main'), { body })).status, 200)
  }
  const metrics = await sidecar.metrics()
  // oxlint-disable-next-line no-control-regex -- these are what must not be there
  assert.doesNotMatch(metrics.text, /[\u0080-\u009f\u202e\ufffd]|31m/)
})

test('what follows a fragment is no query for the upstream', async () => {
  const { sidecar, upstream } = await scene()
  const rows = [
    ['/main/mcp#x?y', '/mcp'],
    ['/main/mcp?a=1#x?y', '/mcp?a=1'],
    ['/main/mcp?a=1', '/mcp?a=1'],
  ] as const
  for (const [index, [path, target]] of rows.entries()) {
    const response = await requestOnce(sidecar.url('main'), { path, body: call() })
    assert.equal(response.status, 200, path)
    assert.equal((await upstream.request(index)).target, target)
  }
})

test('a request to a path that is no endpoint is answered 404 and counted', async () => {
  const { sidecar, upstream } = await scene()
  for (const path of ['/', '/mcp/', '/main/mcp/x', '/.env']) {
    const response = await requestOnce(sidecar.url('main'), { path, body: call() })
    assert.equal(response.status, 404, path)
  }
  assert.equal(upstream.requests.length, 0)
  await assertCounted(
    sidecar,
    'sidelight_exchanges_total',
    { sidelight_outcome: 'rejected', sidelight_outcome_reason: 'unknown_upstream' },
    4,
  )
})
