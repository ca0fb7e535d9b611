/** What belongs to HTTP: statuses, encodings, credentials, metadata, Host and Origin; trace context. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { linesWithout, valuesOf } from '../../support/http-message.ts'
import { parseJson } from '../../support/json.ts'
import {
  call,
  httpOf,
  initialize,
  modern,
  openLink,
  openSession,
  overModes,
  processesOf,
  request,
  result,
  withoutContext,
  type Mode,
} from '../../support/link.ts'
import { JSON_HEADERS, requestOnce } from '../../support/raw-client.ts'
import { startRawUpstream, type RawHandler } from '../../support/raw-upstream.ts'
import { startTestSidecar } from '../../support/test-sidecar.ts'
import { startWrapped } from '../../support/wrapped.ts'

const OWN_HEADERS = ['host', 'content-length', 'connection', 'transfer-encoding', 'keep-alive']
const SILENT = { telemetry: { propagateMeta: false, propagateHeaders: false } }

for (const [status, body] of [
  ['404 Not Found', '<html>no such page</html>'],
  ['429 Too Many Requests', ''],
  ['500 Internal Server Error', 'oops \u00e9'],
  ['503 Service Unavailable', '{"error":"maintenance"}'],
]) {
  test(`case 29: a ${status ?? ''} that is no message becomes an error that names the status (stdio→HTTP)`, async () => {
    const upstream = await startRawUpstream((_request, reply) =>
      reply.send({ status: status ?? '', headers: ['Content-Type: text/html'], body: body ?? '' }),
    )
    const wrapped = startWrapped({ server: upstream.url })
    wrapped.write(`${call('"x"')}\n`)
    const line = parseJson<{ id: string; error: { code: number; message: string } }>(
      await wrapped.line(0),
    )
    assert.equal(line.id, 'x')
    assert.ok(line.error.code > 0, 'our own codes lie outside the reserved range')
    assert.match(line.error.message, new RegExp(`\\b${status?.slice(0, 3)}\\b`))
    assert.equal(wrapped.lines.length, 1)
  })
}

const PROPAGATING: readonly Mode[] = ['HTTP→stdio', 'stdio→stdio', 'stdio→HTTP']
const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const VALID = /"traceparent":"(00-([0-9a-f]{32})-([0-9a-f]{16})-0[01])"/

/** The request as the server saw it, without the trace context that was put into it. */
async function asked(mode: Mode, message: string): Promise<{ text: string; parent: string[] }> {
  const link = await openSession(mode, { propagate: true })
  link.near.send(message)
  const taken = await link.far.next()
  taken.answer(result('1'))
  await link.near.next()
  return { text: taken.text, parent: [...(VALID.exec(taken.text) ?? [])].slice(1) }
}

overModes(
  'case 39: trace context is put into a request, and nothing else',
  PROPAGATING,
  async (mode) => {
    const message = request('1', 'tools/call', '{"name":"t","arguments":{"n":1.0,"n":2}}')
    const { text } = await asked(mode, message)
    assert.match(text, VALID)
    assert.equal(withoutContext(text), message)
  },
)

overModes('case 39: trace context of the client is continued', PROPAGATING, async (mode) => {
  const meta = `"traceparent":"${PARENT}","tracestate":"a=b","x":1.0`
  const message = request('1', 'tools/call', `{"name":"t","_meta":{${meta}}}`)
  const { text, parent } = await asked(mode, message)
  assert.equal(parent[1], '0af7651916cd43dd8448eb211c80319c')
  assert.notEqual(parent[2], 'b7ad6b7169203331')
  assert.equal(text.replace(VALID, `"traceparent":"${PARENT}"`), message)
})

overModes(
  'case 39: trace context that is invalid is replaced, and the call is not refused',
  PROPAGATING,
  async (mode) => {
    for (const bad of [
      '""',
      '"00-zz"',
      '7',
      'null',
      '"00-00000000000000000000000000000000-b7ad6b7169203331-01"',
    ]) {
      const meta = `"traceparent":${bad},"x":1.0`
      const { text, parent } = await asked(mode, request('1', 'ping', `{"_meta":{${meta}}}`))
      assert.match(parent[1] ?? '', /[1-9a-f]/, text)
      assert.match(text, /"x":1\.0/)
    }
  },
)

test('case 39: of two contexts the one in _meta counts (HTTP→stdio)', async () => {
  const link = await openSession('HTTP→stdio', { propagate: true })
  const header = '00-11111111111111111111111111111111-2222222222222222-01'
  link.near.send(request('1', 'ping', `{"_meta":{"traceparent":"${PARENT}"}}`), {
    traceparent: header,
  })
  const both = await link.far.next()
  assert.equal(VALID.exec(both.text)?.[2], '0af7651916cd43dd8448eb211c80319c')
  both.answer(result('1'))
  link.near.send(request('2', 'ping'), { traceparent: header })
  const alone = await link.far.next()
  assert.equal(VALID.exec(alone.text)?.[2], '1'.repeat(32))
  alone.answer(result('2'))
})

test('case 40: a process is answered for without any encoding, whatever the client takes (HTTP→stdio)', async () => {
  const link = await openSession('HTTP→stdio')
  const posted = link.http?.send(call('1'), { 'Accept-Encoding': 'gzip, br' })
  ;(await link.far.next()).answer(result('1', `{"t":"${'x'.repeat(5000)}"}`))
  await posted?.whole()
  assert.deepEqual(valuesOf(posted?.rawHeaders ?? [], 'content-encoding'), [])
  assert.equal(await link.near.next(), result('1', `{"t":"${'x'.repeat(5000)}"}`))
})

test('case 40: no encoding is asked for that could not be read (stdio→HTTP)', async () => {
  const link = await openSession('stdio→HTTP')
  for (const sent of link.httpFar?.upstream?.requests ?? []) {
    assert.deepEqual(sent.values('accept-encoding'), [])
  }
})

test('case 40: two encodings and the reply without one pass untouched (HTTP→HTTP)', async () => {
  const plain = Buffer.from(result('1', `{"t":"${'é'.repeat(500)}"}`))
  const zipped = gzipSync(plain)
  const upstream = await startRawUpstream((asked_, reply) => {
    const zip = asked_.values('accept-encoding')[0]?.includes('gzip') === true
    const headers = ['Content-Type: application/json', ...(zip ? ['Content-Encoding: gzip'] : [])]
    reply.send({ headers, body: zip ? zipped : plain })
  })
  const sidecar = await startTestSidecar({ upstreams: { main: upstream.url } })
  const with_ = [...JSON_HEADERS, 'Accept-Encoding: gzip;q=1.0, identity;q=0.5']
  const packed = await requestOnce(sidecar.url('main'), { headers: with_, body: call('1') })
  assert.deepEqual(packed.body, zipped)
  assert.deepEqual(gunzipSync(packed.body), plain)
  assert.deepEqual(upstream.requests[0]?.values('accept-encoding'), ['gzip;q=1.0, identity;q=0.5'])
  const bare = await requestOnce(sidecar.url('main'), { body: call('1') })
  assert.deepEqual(bare.body, plain)
  assert.deepEqual(upstream.requests[1]?.values('accept-encoding'), [])
})

/** Demands a token, and then one with a larger scope. */
const demanding: RawHandler = (asked_, reply) => {
  const [authorization] = asked_.values('authorization')
  if (authorization === undefined) {
    return reply.send({
      status: '401 Unauthorized',
      headers: ['WWW-Authenticate: Bearer realm="r", scope="a"'],
      body: 'who?',
    })
  }
  if (!authorization.includes('large')) {
    return reply.send({
      status: '403 Forbidden',
      headers: ['WWW-Authenticate: Bearer error="insufficient_scope", scope="a b"'],
      body: 'more',
    })
  }
  reply.result({ content: [] })
}

for (const host of ['preserve', 'upstream']) {
  test(`case 44: a client steps up from no token to a small one to a large one with host: ${host} (HTTP→HTTP)`, async () => {
    const upstream = await startRawUpstream(demanding)
    const sidecar = await startTestSidecar({ upstreams: { main: { url: upstream.url, host } } })
    const steps: [string | undefined, number, string[]][] = [
      [undefined, 401, ['Bearer realm="r", scope="a"']],
      ['Bearer small', 403, ['Bearer error="insufficient_scope", scope="a b"']],
      ['bearer  large~+/=', 200, []],
    ]
    for (const [token, status, challenge] of steps) {
      const own = token === undefined ? [] : [`Authorization: ${token}`]
      const headers = [...JSON_HEADERS, ...own]
      const response = await requestOnce(sidecar.url('main'), { headers, body: call('1') })
      assert.equal(response.status, status)
      assert.deepEqual(response.values('www-authenticate'), challenge)
      const [arrived] = upstream.requests.at(-1)?.values('authorization') ?? []
      assert.equal(arrived, token)
    }
    assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call'), { kind: 'ok' })
  })
}

test('case 44: credentials of a client are no business of a process (HTTP→stdio)', async () => {
  const link = await openLink('HTTP→stdio')
  link.near.send(initialize('2025-11-25'), { Authorization: 'Bearer secret-token' })
  const taken = await link.far.next()
  assert.equal(taken.text, initialize('2025-11-25'))
  const { env, argv } = taken.puppet?.hello ?? {}
  assert.doesNotMatch(JSON.stringify([env, argv]), /secret-token/)
})

test('case 44: a credential is given with --header, and a refusal answers the call (stdio→HTTP)', async () => {
  const upstream = await startRawUpstream(demanding)
  for (const [header, expected] of [
    [undefined, /"id":1,"error":\{"code":\d+,"message":"[^"]*401/],
    ['Bearer small', /"id":1,"error":\{"code":\d+,"message":"[^"]*403/],
    ['Bearer ${TOKEN}', /"id":1,"result"/],
  ] as const) {
    const wrapped = startWrapped({
      server: upstream.url,
      env: { TOKEN: 'large' },
      flags: header === undefined ? {} : { header: [`Authorization=${header}`] },
    })
    wrapped.write(`${call('1')}\n`)
    assert.match(await wrapped.line(0), expected)
  }
  assert.deepEqual(upstream.requests.at(-1)?.values('authorization'), ['Bearer large'])
})

const METADATA = '/.well-known/oauth-protected-resource'

/** Serves metadata as a resource server does that is reached under its own address. */
function metadataAt(place: string, own: () => string): RawHandler {
  return (asked_, reply) => {
    if (asked_.target !== place) return reply.send({ status: '404 Not Found', body: '{}' })
    reply.send({
      headers: ['Content-Type: application/json', 'X-Kept: yes', 'ETag: "a"'],
      body: `{"resource":"${own()}","authorization_servers":["https://as.example"],"scopes_supported":["a"]}`,
    })
  }
}

for (const place of [`${METADATA}/mcp`, METADATA]) {
  test(`case 45: metadata at ${place} names our address in place of the upstream's (HTTP→HTTP)`, async () => {
    let url = ''
    const upstream = await startRawUpstream(metadataAt(place, () => url))
    url = upstream.url
    const sidecar = await startTestSidecar({ upstreams: { main: upstream.url } })
    const response = await requestOnce(`${sidecar.dataUrl}${METADATA}/main/mcp`, {
      method: 'GET',
      headers: ['Accept-Encoding: gzip', 'MCP-Protocol-Version: 2025-11-25'],
      host: 'localhost:8420',
    })
    assert.equal(response.status, 200)
    assert.deepEqual(response.json(), {
      resource: 'http://localhost:8420/main/mcp',
      authorization_servers: ['https://as.example'],
      scopes_supported: ['a'],
    })
    assert.deepEqual(response.values('x-kept'), ['yes'])
    // What names the bytes of the upstream does not name ours.
    assert.deepEqual(response.values('etag'), [])
    assert.equal(response.values('content-length')[0], String(response.body.length))
  })
}

test('case 45: an upstream without metadata has none through us (HTTP→HTTP)', async () => {
  const upstream = await startRawUpstream(metadataAt('/nowhere', () => ''))
  const sidecar = await startTestSidecar({ upstreams: { main: upstream.url } })
  const response = await requestOnce(`${sidecar.dataUrl}${METADATA}/main/mcp`, { method: 'GET' })
  assert.equal(response.status, 404)
})

test('case 45: metadata is asked for where the challenge of the upstream said (HTTP→HTTP)', async () => {
  const place = '/elsewhere/metadata?x=1'
  let url = ''
  const metadata = metadataAt(place, () => url)
  const upstream = await startRawUpstream((asked_, reply) => {
    if (asked_.method === 'GET') return metadata(asked_, reply)
    const origin = new URL(upstream.url).origin
    const challenge = `Bearer resource_metadata="${origin}${place}"`
    reply.send({ status: '401 Unauthorized', headers: [`WWW-Authenticate: ${challenge}`] })
  })
  url = upstream.url
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url },
    config: { listen: { publicUrl: 'https://mcp.example' } },
  })
  const refused = await requestOnce(sidecar.url('main'), { body: call('1') })
  const ours = `https://mcp.example${METADATA}/main/mcp`
  assert.deepEqual(refused.values('www-authenticate'), [`Bearer resource_metadata="${ours}"`])
  const response = await requestOnce(`${sidecar.dataUrl}${METADATA}/main/mcp`, { method: 'GET' })
  assert.equal(
    parseJson<{ resource: string }>(response.body).resource,
    'https://mcp.example/main/mcp',
  )
})

test('case 45: beside the server every well-known document passes as it is (HTTP→HTTP)', async () => {
  const body = '{"resource" : "https://a.example/mcp","n":1.0}'
  const upstream = await startRawUpstream((_request, reply) =>
    reply.send({ headers: ['Content-Type: application/json', 'ETag: "a"'], body }),
  )
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: upstream.url, host: 'preserve' } },
    config: SILENT,
  })
  for (const path of [
    `${METADATA}/mcp`,
    METADATA,
    '/.well-known/oauth-authorization-server/tenant?x=%20',
    '/.well-known/openid-configuration',
  ]) {
    const response = await requestOnce(sidecar.dataUrl + path, {
      method: 'GET',
      headers: ['X-A: b'],
    })
    assert.equal(response.body.toString(), body)
    assert.deepEqual(response.values('etag'), ['"a"'])
    const arrived = upstream.requests.at(-1)
    assert.equal(arrived?.target, path)
    assert.deepEqual(linesWithout(arrived?.rawHeaders ?? [], OWN_HEADERS), ['X-A: b'])
  }
  assert.equal(sidecar.recorder.calls.length, 0)
})

test('case 45: what passthrough names goes on unread, and the longest beginning counts (HTTP→HTTP)', async () => {
  const shown =
    (name: string): RawHandler =>
    (asked_, reply) =>
      reply.send({ status: '201 Made', headers: ['X-A: b'], body: `${name} ${asked_.target}` })
  const a = await startRawUpstream(shown('a'))
  const b = await startRawUpstream(shown('b'))
  const sidecar = await startTestSidecar({
    upstreams: {
      a: { url: a.url, passthrough: ['/oauth/', '/.well-known/oauth-authorization-server'] },
      b: { url: b.url, passthrough: ['/oauth/token'] },
    },
  })
  const body = 'grant_type=client_credentials&no=json'
  for (const [path, expected] of [
    ['/oauth/authorize?a=b', 'a /oauth/authorize?a=b'],
    ['/oauth/token', 'b /oauth/token'],
    ['/.well-known/oauth-authorization-server', 'a /.well-known/oauth-authorization-server'],
  ]) {
    const headers = ['Content-Type: application/x-www-form-urlencoded']
    const response = await requestOnce(sidecar.dataUrl + path, { headers, body })
    assert.equal(response.startLine, 'HTTP/1.1 201 Made')
    assert.equal(response.body.toString(), expected)
  }
  assert.equal(a.requests[0]?.body.toString(), body)
  const unknown = await requestOnce(`${sidecar.dataUrl}/other`, { method: 'GET' })
  assert.equal(unknown.status, 404)
  assert.equal(sidecar.recorder.calls.length, 0)
})

test('case 46: a DPoP proof arrives with the address that it is for, and the nonce comes back (HTTP→HTTP)', async () => {
  const headers = ['WWW-Authenticate: DPoP error="use_dpop_nonce"', 'dPoP-nOnce: abc~']
  const upstream = await startRawUpstream((_request, reply) =>
    reply.send({ status: '401 Unauthorized', headers, body: '' }),
  )
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: upstream.url, host: 'preserve', path: '/mcp' } },
    config: { ...SILENT, listen: { allowedHosts: ['mcp.example'] } },
  })
  const own = [...JSON_HEADERS, 'Authorization: DPoP t', 'DPoP: e30.e30.c2ln']
  const response = await requestOnce(`${sidecar.dataUrl}/mcp`, {
    headers: own,
    body: call('1'),
    host: 'mcp.example',
  })
  assert.deepEqual(linesWithout(response.rawHeaders, OWN_HEADERS), headers)
  const arrived = upstream.requests[0]
  // htm and htu of the proof: the method, and the address as the client knows it.
  assert.deepEqual(arrived?.values('host'), ['mcp.example'])
  assert.equal(arrived?.startLine, 'POST /mcp HTTP/1.1')
  assert.deepEqual(linesWithout(arrived?.rawHeaders ?? [], OWN_HEADERS), own)
})

test('case 47: a foreign Host or Origin is refused before a process is started (HTTP→stdio)', async () => {
  const link = await openLink('HTTP→stdio')
  const http = httpOf(link)
  const body = initialize('2025-11-25')
  for (const [host = '', origin] of [
    ['evil.example'],
    ['localhost', 'https://evil.example'],
    ['localhost', 'null'],
  ]) {
    const headers = [...JSON_HEADERS, ...(origin === undefined ? [] : [`Origin: ${origin}`])]
    const response = await requestOnce(http.url, { headers, body, host })
    assert.equal(response.status, 403, `${host} ${origin}`)
  }
  assert.equal(processesOf(link).all.length, 0)
  for (const [host = '', origin] of [
    ['localhost:8420'],
    ['127.0.0.1', 'http://localhost:3000'],
    ['[::1]', 'http://127.0.0.1'],
  ]) {
    const posted = http.send(modern('1', 'tools/list'), {
      Host: host,
      ...(origin === undefined ? {} : { Origin: origin }),
    })
    const taken = await link.far.next()
    taken.answer(taken.text.replace(/"method".*$/, '"result":{}}'))
    assert.equal(await posted.head(), 200, `${host} ${origin}`)
  }
})
