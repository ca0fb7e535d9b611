/** What is passed on unread, and what is not: paths, addresses and metadata that are not what they seem. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { RawClient, requestOnce, type RawResponse } from '../support/raw-client.ts'
import {
  startRawUpstream,
  type RawHandler,
  type RawUpstream,
  type UpstreamRequest,
} from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { bounded } from '../support/wait-for.ts'

const METADATA = '/.well-known/oauth-protected-resource'

interface Scene {
  readonly upstream: RawUpstream
  readonly sidecar: TestSidecar
}

async function startScene(
  handler: RawHandler,
  upstreamKeys: Readonly<Record<string, unknown>> = {},
): Promise<Scene> {
  const upstream = await startRawUpstream(handler)
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: upstream.url, ...upstreamKeys } },
  })
  return { upstream, sidecar }
}

/** Sends a request whose target is exactly this. */
async function get(sidecar: TestSidecar, target: string, method = 'GET'): Promise<RawResponse> {
  const client = await RawClient.open(sidecar.dataUrl)
  const headers = ['Mcp-Session-Id: somebody-elses', 'Content-Type: application/json']
  const body = method === 'POST' ? '{"jsonrpc":"2.0","id":1,"method":"tools/call"}' : ''
  client.send({ method, path: target, headers, body })
  try {
    return await client.response()
  } finally {
    client.close()
  }
}

/** The upstream's own port: its Host is that of its URL. */
function portOf(request: UpstreamRequest): string {
  return request.values('host')[0]?.split(':')[1] ?? ''
}

/** Each of them means another path to some server than it does to another. */
const TRICKS: readonly string[] = [
  '/admin/../.well-known/x',
  '/.well-known/../admin',
  '/.well-known/%2e%2e/admin',
  '/.well-known/.%2E/admin',
  '/.well-known/..%2fadmin',
  '/.well-known/..%5cadmin',
  '/.well-known/..\\admin',
  '/.well-known/./../admin',
  '/%2ewell-known/x',
  '/.well-known%2f..%2fadmin',
  '//evil.example/.well-known/x',
  '/.well-known//../../admin',
  'http://evil.example/.well-known/x',
  'http://evil.example/.well-known/../admin',
  'http://localhost/admin/../.well-known/x',
  '/mcp/../.well-known/x',
  '/main/mcp/../../.well-known/x',
]

for (const target of TRICKS) {
  test(`a request for ${target} does not reach the upstream`, async () => {
    const { upstream, sidecar } = await startScene((_request, reply) => reply.send({}), {
      host: 'preserve',
    })
    for (const method of ['GET', 'POST']) {
      const { status } = await get(sidecar, target, method)
      assert.ok(status === 400 || status === 404, `${method}: ${status}`)
    }
    assert.deepEqual(
      upstream.requests.map((request) => request.target),
      [],
    )
  })
}

test('a path that is passed on arrives as it was sent, with what is harmless in it', async () => {
  const { upstream, sidecar } = await startScene((_request, reply) => reply.send({}), {
    host: 'preserve',
  })
  const targets = [
    '/.well-known/x',
    '/.well-known/oauth-authorization-server/a%20b/c',
    '/.well-known/x?next=/../admin&u=http://evil.example',
    '/.well-known/a..b/.c/d...',
  ]
  for (const target of targets) assert.equal((await get(sidecar, target)).status, 200, target)
  assert.deepEqual(
    upstream.requests.map((request) => request.target),
    targets,
  )
})

test('streams on a path that is passed on take no place of calls, and hold up no shutdown', async () => {
  const { sidecar } = await startScene(
    (request, reply) => {
      if (request.target !== '/events/x') return reply.result({})
      reply.stream()
      reply.chunk(': open\n\n')
    },
    { passthrough: ['/events/'], connections: 2 },
  )
  for (let stream = 0; stream < 4; stream += 1) {
    const client = await RawClient.open(sidecar.dataUrl)
    client.send({ method: 'GET', path: '/events/x', headers: [] })
    await client.until(': open')
  }
  const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
  assert.equal((await requestOnce(sidecar.url('main'), { body })).status, 200)
  // Calls get 2 s to finish; what is passed on unread gets none.
  await bounded(sidecar.close(), { within: 1_500, what: 'the shutdown' })
})

const ENCODINGS: readonly (readonly [string, (text: string) => Buffer])[] = [
  ['gzip', (text) => gzipSync(text)],
  ['br', (text) => brotliCompressSync(text)],
]

for (const [encoding, compress] of ENCODINGS) {
  test(`metadata that an upstream would send as ${encoding} names our address all the same`, async () => {
    const { upstream, sidecar } = await startScene((request, reply) => {
      const body = `{"resource":"http://127.0.0.1:${portOf(request)}/mcp","n":"é"}`
      const accepts = request.values('accept-encoding').join(',')
      const json = 'Content-Type: application/json'
      if (!accepts.includes(encoding)) return reply.send({ headers: [json], body })
      reply.send({ headers: [json, `Content-Encoding: ${encoding}`], body: compress(body) })
    })
    const response = await requestOnce(`${sidecar.dataUrl}${METADATA}/main/mcp`, {
      method: 'GET',
      headers: [`Accept-Encoding: ${encoding}, identity;q=0.5`],
      host: 'localhost:8420',
    })
    assert.deepEqual(response.values('content-encoding'), [])
    assert.deepEqual(response.json(), { resource: 'http://localhost:8420/main/mcp', n: 'é' })
    assert.equal(upstream.requests.length, 1)
  })
}

test('metadata of another resource passes unchanged, so that clients see that it does not match', async () => {
  const body = '{ "resource" : "https://other.example/mcp", "n":1.0 }'
  const headers = ['Content-Type: application/json', 'ETag: "a"']
  const { sidecar } = await startScene((_request, reply) => reply.send({ headers, body }))
  const response = await requestOnce(`${sidecar.dataUrl}${METADATA}/main/mcp`, { method: 'GET' })
  assert.equal(response.body.toString(), body)
  assert.deepEqual(response.values('etag'), ['"a"'])
})

test('metadata at a place of its own is found when a challenge has named it, and not on another server', async () => {
  const other = await startRawUpstream((_request, reply) => reply.send({ body: '{}' }))
  const places = [`${new URL(other.url).origin}/theirs`, '{own}/own/place?tenant=1']
  const { upstream, sidecar } = await startScene((request, reply) => {
    const own = `http://127.0.0.1:${portOf(request)}`
    if (request.method === 'POST') {
      const place = places.shift()?.replace('{own}', own)
      const challenge = `WWW-Authenticate: Bearer error="invalid_token", resource_metadata="${place}"`
      return reply.send({ status: '401 Unauthorized', headers: [challenge] })
    }
    if (request.target !== '/own/place?tenant=1') return reply.send({ status: '404 Not Found' })
    reply.send({ body: `{"resource":"${own}/mcp"}` })
  })
  const ask = (): Promise<RawResponse> =>
    requestOnce(`${sidecar.dataUrl}${METADATA}/main/mcp`, { method: 'GET', host: 'localhost:1' })
  for (const status of [404, 200]) {
    const refused = await requestOnce(sidecar.url('main'), {
      body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      host: 'localhost:1',
    })
    assert.deepEqual(refused.values('www-authenticate'), [
      `Bearer error="invalid_token", resource_metadata="http://localhost:1${METADATA}/main/mcp"`,
    ])
    assert.equal((await ask()).status, status)
  }
  assert.deepEqual((await ask()).json(), { resource: 'http://localhost:1/main/mcp' })
  assert.equal(other.requests.length, 0)
  const targets = upstream.requests.map((request) => request.target)
  assert.ok(!targets.includes('/theirs'), targets.join(' '))
})
