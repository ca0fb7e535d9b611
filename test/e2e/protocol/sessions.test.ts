/** Sessions of the handshake era: begun, used, lost, ended, and nobody else's. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linesWithout, valuesOf } from '../../support/http-message.ts'
import {
  assertQuiet,
  call,
  exchange,
  initialize,
  initialized,
  openLink,
  openSession,
  overModes,
  request,
  result,
  shakeHands,
} from '../../support/link.ts'
import { JSON_HEADERS, requestOnce } from '../../support/raw-client.ts'
import { startRawUpstream } from '../../support/raw-upstream.ts'
import { startTestSidecar } from '../../support/test-sidecar.ts'
import { watchTimers } from '../../support/timers.ts'
import { SOON, waitFor } from '../../support/wait-for.ts'
import { startWrapped } from '../../support/wrapped.ts'

const SILENT = { telemetry: { propagateMeta: false, propagateHeaders: false } }

/** What belongs to the connection, or is set by the client's HTTP stack. */
const OWN_HEADERS = ['host', 'content-length', 'connection', 'transfer-encoding', 'keep-alive']

test('case 1: initialize and its answer pass, with the session header as the server wrote it (HTTP→HTTP)', async () => {
  const upstream = await startRawUpstream((_request, reply) =>
    reply.send({
      headers: ['Content-Type: application/json', 'mCP-sEssion-ID: abc-\u00e9~!'],
      body: initialized('2025-11-25'),
    }),
  )
  const sidecar = await startTestSidecar({ upstreams: { main: upstream.url }, config: SILENT })
  const response = await requestOnce(sidecar.url('main'), { body: initialize('2025-11-25') })
  assert.equal((await upstream.request()).body.toString(), initialize('2025-11-25'))
  assert.equal(response.body.toString(), initialized('2025-11-25'))
  assert.ok(linesWithout(response.rawHeaders, []).includes('mCP-sEssion-ID: abc-\u00e9~!'))
})

test('case 1: initialize begins a session with an id that nobody can guess (HTTP→stdio)', async () => {
  const ids = new Set<string>()
  const link = await openLink('HTTP→stdio')
  for (let i = 0; i < 3; i += 1) {
    if (link.http !== undefined) delete link.http.headers['Mcp-Session-Id']
    await shakeHands(link, '2025-11-25')
    const id = link.http?.headers['Mcp-Session-Id'] ?? ''
    // 2025-11-25 "Session Management": visible ASCII, and here at least 128 random bits.
    assert.match(id, /^[!-~]{22,}$/)
    ids.add(id)
  }
  assert.equal(ids.size, 3)
  assert.equal(link.pipeFar?.puppets?.all.length, 3)
})

overModes(
  'case 1: initialize and its answer pass byte for byte',
  ['stdio→stdio', 'stdio→HTTP'],
  async (mode) => {
    // openSession compares the bytes of the handshake at both ends.
    const link = await openSession(mode, { revision: '2025-11-25' })
    await assertQuiet(link)
  },
)

test('case 2: calls carry session and revision as the client wrote them (HTTP→HTTP)', async () => {
  const upstream = await startRawUpstream()
  const sidecar = await startTestSidecar({ upstreams: { main: upstream.url }, config: SILENT })
  const headers = [
    ...JSON_HEADERS,
    'mcp-SESSION-id: abc',
    'MCP-Protocol-Version: 2025-06-18',
    'X-Other: 1',
  ]
  await requestOnce(sidecar.url('main'), { headers, body: call('1') })
  const { rawHeaders, body } = await upstream.request()
  assert.deepEqual(linesWithout(rawHeaders, OWN_HEADERS), headers)
  assert.equal(body.toString(), call('1'))
})

overModes(
  'case 2: calls of a session reach the server that began it',
  ['HTTP→stdio', 'stdio→stdio'],
  async (mode) => {
    const link = await openSession(mode)
    for (const id of ['1', '2', '3']) await exchange(link, call(id), result(id))
    assert.equal(link.pipeFar?.puppets?.all.length, 1)
  },
)

test('case 2: every message of a session carries its id and revision (stdio→HTTP)', async () => {
  const link = await openSession('stdio→HTTP', { revision: '2025-06-18' })
  await exchange(link, call('1'), result('1'))
  const { upstream, gets } = link.httpFar ?? {}
  const [first, ...others] = upstream?.requests ?? []
  assert.deepEqual(first?.values('mcp-session-id'), [])
  assert.equal(others.length, 3)
  for (const other of [...others, ...(gets ?? [])]) {
    assert.deepEqual(other.values('mcp-session-id'), ['far-session'])
    assert.deepEqual(other.values('mcp-protocol-version'), ['2025-06-18'])
  }
  for (const post of upstream?.requests ?? []) {
    if (post.method !== 'POST') continue
    assert.deepEqual(post.values('accept'), ['application/json, text/event-stream'])
    assert.deepEqual(post.values('content-type'), ['application/json'])
  }
})

test("case 3: a call without a session gets the server's 400 verbatim (HTTP→HTTP)", async () => {
  const body = '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no \\u00e9"}}'
  const headers = ['Content-Type: application/json', 'X-Why: none']
  const upstream = await startRawUpstream((_request, reply) =>
    reply.send({ status: '400 No Session', headers, body }),
  )
  const sidecar = await startTestSidecar({ upstreams: { main: upstream.url } })
  const response = await requestOnce(sidecar.url('main'), { body: call('1') })
  assert.equal(response.startLine, 'HTTP/1.1 400 No Session')
  assert.equal(response.body.toString(), body)
  assert.deepEqual(response.values('x-why'), ['none'])
})

test('case 3: a call without a session is answered 400 and starts no process (HTTP→stdio)', async () => {
  const link = await openLink('HTTP→stdio')
  const posted = link.http?.send(call('7'))
  assert.equal(await posted?.head(), 400)
  assert.match(await link.near.next(), /^\{"jsonrpc":"2.0","id":7,"error":\{"code":-32000,/)
  assert.equal(link.pipeFar?.puppets?.all.length, 0)
})

/** The error that came with a status is the answer to the request. */
async function assertErrorAnswers(status: string, code: number): Promise<void> {
  const upstream = await startRawUpstream((_request, reply) =>
    reply.send({
      status,
      body: `{"jsonrpc":"2.0","id":null,"error":{"code":${code},"message":"no session","data":[1]}}`,
    }),
  )
  const wrapped = startWrapped({ server: upstream.url })
  wrapped.write(`${call('"x"')}\n`)
  assert.deepEqual(JSON.parse(await wrapped.line(0)), {
    jsonrpc: '2.0',
    id: 'x',
    error: { code, message: 'no session', data: [1] },
  })
}

test("case 3: the error of the server's 400 is the answer to the call (stdio→HTTP)", async () => {
  await assertErrorAnswers('400 Bad Request', -32000)
})

test("case 4: the error of the server's 404 is the answer to the call (stdio→HTTP)", async () => {
  await assertErrorAnswers('404 Not Found', -32001)
})

test('case 4: a session that never was or has ended is answered 404 with -32001 (HTTP→stdio)', async () => {
  const link = await openSession('HTTP→stdio')
  const { http } = link
  assert.ok(http !== undefined)
  const never = http.send(call('5'), { 'Mcp-Session-Id': 'never' })
  assert.equal(await never.head(), 404)
  assert.match(await link.near.next(), /^\{"jsonrpc":"2.0","id":5,"error":\{"code":-32001,/)
  link.pipeFar?.puppets?.all[0]?.exit(0)
  await waitFor(
    async () => (await link.sidecar?.metrics())?.sum('sidelight_sessions_active') === 0,
    {
      within: SOON,
      what: 'the session to end with its process',
    },
  )
  assert.equal(await http.send(call('6')).head(), 404)
  assert.match(await link.near.next(), /^\{"jsonrpc":"2.0","id":6,"error":\{"code":-32001,/)
})

for (const status of ['200 OK', '204 No Content', '405 Method Not Allowed', '404 Not Found']) {
  test(`case 5: DELETE answered ${status} is passed verbatim (HTTP→HTTP)`, async () => {
    const body = status.startsWith('405') ? 'no' : ''
    const headers = status.startsWith('405') ? ['Allow: POST, GET', 'X-A: b'] : ['X-A: b']
    const upstream = await startRawUpstream((_request, reply) => {
      if (status.startsWith('204')) reply.raw('HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n')
      else reply.send({ status, headers, body })
    })
    const sidecar = await startTestSidecar({ upstreams: { main: upstream.url }, config: SILENT })
    const response = await requestOnce(sidecar.url('main'), {
      method: 'DELETE',
      headers: ['Mcp-Session-Id: abc'],
    })
    const asked = await upstream.request()
    assert.equal(asked.method, 'DELETE')
    assert.deepEqual(asked.values('mcp-session-id'), ['abc'])
    assert.equal(response.startLine, `HTTP/1.1 ${status}`)
    assert.deepEqual(linesWithout(response.rawHeaders, OWN_HEADERS), headers)
    assert.equal(response.body.toString(), body)
  })
}

test('case 5: DELETE ends the session and its process (HTTP→stdio)', async () => {
  const link = await openSession('HTTP→stdio')
  const puppet = await link.pipeFar?.puppets?.puppet()
  assert.equal(await link.http?.request('DELETE', '', {}).head(), 200)
  await waitFor(() => puppet?.gone, { within: SOON, what: 'the process to end' })
  assert.equal(puppet?.inputEnded, true)
  assert.equal(await link.http?.send(call('1')).head(), 404)
})

for (const status of ['200 OK', '405 Method Not Allowed']) {
  test(`case 5: the end of the client ends its session, also when that is answered ${status} (stdio→HTTP)`, async () => {
    const link = await openSession('stdio→HTTP')
    const { upstream } = link.httpFar ?? {}
    upstream?.handle((_request, reply) => reply.send({ status, headers: [] }))
    link.wrapped?.end()
    assert.equal(await link.wrapped?.ended(), 0)
    const last = upstream?.requests.at(-1)
    assert.equal(last?.method, 'DELETE')
    assert.deepEqual(last?.values('mcp-session-id'), ['far-session'])
  })
}

test('case 7: a server without a GET stream is not asked for it again (stdio→HTTP)', async () => {
  const timers = watchTimers()
  const link = await openLink('stdio→HTTP')
  const { httpFar } = link
  let gets = 0
  httpFar?.upstream?.handle((asked, reply) => {
    if (asked.method !== 'GET') return httpFar.handler(asked, reply)
    gets += 1
    reply.send({ status: '405 Method Not Allowed', headers: ['Allow: POST'], body: 'POST only' })
  })
  await shakeHands(link, '2025-11-25')
  await waitFor(() => gets === 1, { within: SOON, what: 'the GET' })
  // Calls go on, and meanwhile the refusal has been read.
  for (const id of ['1', '2', '3', '4', '5']) await exchange(link, call(id), result(id))
  // Nothing waits to ask again, as it would for two seconds after a server that was down.
  assert.deepEqual(
    timers().filter(({ from, ms }) => from.includes('http-bridge') && ms > 1_000),
    [],
  )
  assert.equal(gets, 1)
  await assertQuiet(link)
})

test('case 7: GET without a session is answered 405 with Allow (HTTP→stdio)', async () => {
  const link = await openLink('HTTP→stdio')
  const posted = link.http?.listen()
  assert.equal(await posted?.head(), 405)
  assert.deepEqual(valuesOf(posted?.rawHeaders ?? [], 'allow'), ['POST'])
})

/** An unsigned token whose subject is the principal. */
function tokenOf(subject: string): string {
  const payload = Buffer.from(JSON.stringify({ iss: 'https://as.example', sub: subject }))
  return `Bearer e30.${payload.toString('base64url')}.c2ln`
}

overModes(
  "case 49: another principal's session is answered as one that does not exist",
  ['HTTP→HTTP', 'HTTP→stdio'],
  async (mode) => {
    const link = await openLink(mode)
    const { http } = link
    assert.ok(http !== undefined)
    http.headers['Authorization'] = tokenOf('ada')
    await shakeHands(link, '2025-06-18')
    await exchange(link, call('1'), result('1'))
    for (const authorization of [tokenOf('eve'), undefined]) {
      if (authorization === undefined) delete http.headers['Authorization']
      else http.headers['Authorization'] = authorization
      for (const sent of [
        http.send(call('2')),
        http.listen(),
        http.request('DELETE', '', {}),
        http.send(request('3', 'tools/list')),
      ]) {
        assert.equal(await sent.head(), 404)
        await sent.whole()
        assert.match(sent.body.toString(), /"error":\{"code":-32001,/)
      }
    }
    while (link.near.waiting.length > 0) await link.near.next()
    // Nothing of it has reached the server, and the owner goes on.
    http.headers['Authorization'] = tokenOf('ada')
    await assertQuiet(link)
  },
)
