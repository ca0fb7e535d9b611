import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Client, SSEClientTransport } from '@modelcontextprotocol/client'
import { mintDevToken } from '../../src/auth/shared-secret.ts'
import { startOtlpSink } from '../support/otlp-sink.ts'
import { JSON_HEADERS, RawClient, requestOnce } from '../support/raw-client.ts'
import { startSseServer } from '../support/mcp-server-sse.ts'
import { closeAfterTest } from '../support/scope.ts'
import { runSidelight } from '../support/sidecar-process.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { makeSigner } from '../support/signer.ts'
import { startTokenIssuer, type TokenIssuer } from '../support/token-issuer.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'

function authOf(issuer: TokenIssuer, more: object = {}): Readonly<Record<string, unknown>> {
  return {
    auth: {
      mode: 'required',
      issuers: [{ issuer: issuer.url, audience: 'sidelight-test' }],
      ...more,
    },
  }
}

function ask(
  sidecar: TestSidecar,
  authorization: string | undefined,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(sidecar.url('a'), {
    method: 'POST',
    body: LIST,
    headers: {
      'Content-Type': 'application/json',
      ...(authorization === undefined ? {} : { Authorization: authorization }),
      ...headers,
    },
  })
}

describe('A request with authentication required', () => {
  it('reaches the upstream with a good token alone', async () => {
    const issuer = await startTokenIssuer()
    const upstream = await startRawUpstream((_, reply) => reply.result({ tools: [] }))
    const sidecar = await startTestSidecar({
      upstreams: { a: upstream.url },
      config: authOf(issuer),
    })
    const good = await issuer.token()
    const [head = '', payload = ''] = good.split('.')
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`
    const legs: readonly (readonly [string, string | undefined, number, string | undefined])[] = [
      ['none', undefined, 401, undefined],
      ['garbage', 'Bearer x', 401, 'invalid_token'],
      ['garbage in three parts', 'Bearer a.b.c', 401, 'invalid_token'],
      ['unsigned', `Bearer ${unsigned}`, 401, 'invalid_token'],
      ['without its signature', `Bearer ${head}.${payload}.`, 401, 'invalid_token'],
      [
        'for another audience',
        `Bearer ${await issuer.token({ claims: { aud: 'somebody-else' } })}`,
        401,
        'invalid_token',
      ],
      ['basic', 'Basic YWxpY2U6YWxpY2U=', 401, undefined],
      ['good', `Bearer ${good}`, 200, undefined],
      ['good, scheme in lower case', `bearer ${good}`, 200, undefined],
    ]
    for (const [name, authorization, status, error] of legs) {
      const before = upstream.requests.length
      const reply = await ask(sidecar, authorization)
      assert.equal(reply.status, status, name)
      await reply.text()
      assert.equal(upstream.requests.length - before, status === 200 ? 1 : 0, name)
      const challenge = reply.headers.get('www-authenticate')
      if (status === 200) {
        assert.equal(challenge, null, name)
        continue
      }
      const place = `resource_metadata="${sidecar.dataUrl}/.well-known/oauth-protected-resource/a/mcp"`
      assert.ok(challenge?.startsWith(`Bearer ${place}`), `${name}: ${challenge}`)
      assert.equal(/error="(\w+)"/.exec(challenge ?? '')?.[1], error, name)
    }
  })
})

describe('Whoever is not authenticated', () => {
  it('costs a head: a body is not waited for, and no upstream, path or tool is told of', async () => {
    const issuer = await startTokenIssuer()
    const upstream = await startRawUpstream()
    const sidecar = await startTestSidecar({
      upstreams: { a: upstream.url },
      config: authOf(issuer),
    })
    for (const path of ['/a/mcp', '/mcp', '/unknown/mcp', '/message', '/.well-known/x']) {
      const client = await RawClient.open(sidecar.dataUrl)
      // The body never comes.
      client.write(
        `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{`,
      )
      const known = path.endsWith('/mcp')
      await client.until(`HTTP/1.1 ${known ? 401 : 404} `)
      client.socket.destroy()
    }
    const nothing = await (await fetch(`${sidecar.dataUrl}/`)).text()
    assert.equal(nothing, 'There is no MCP endpoint at this path.\n')
    for (const method of ['GET', 'DELETE', 'HEAD', 'OPTIONS']) {
      const reply = await fetch(sidecar.url('a'), { method })
      assert.equal(reply.status, 401, method)
    }
    assert.equal(upstream.requests.length, 0)
    const metrics = await sidecar.metrics()
    const label = { sidelight_upstream_name: 'a', sidelight_auth_refusal: 'missing' }
    assert.equal(metrics.sum('sidelight_auth_attempts_total', label), 6)
    const exchanges = { sidelight_outcome_reason: 'unauthenticated' }
    assert.equal(metrics.sum('sidelight_exchanges_total', exchanges), 7)
  })

  it('is answered a preflight by Sidelight itself, and can read the challenge in a browser', async () => {
    const issuer = await startTokenIssuer()
    const upstream = await startRawUpstream()
    const sidecar = await startTestSidecar({
      upstreams: { a: upstream.url },
      config: { ...authOf(issuer), listen: { allowedOrigins: ['https://app.example'] } },
    })
    const Origin = 'https://app.example'
    const preflight = await fetch(sidecar.url('a'), {
      method: 'OPTIONS',
      headers: {
        Origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'authorization,mcp-protocol-version',
      },
    })
    assert.equal(preflight.status, 204)
    const allowed = (name: string): string | null =>
      preflight.headers.get(`access-control-allow-${name}`)
    assert.equal(allowed('origin'), Origin)
    assert.equal(allowed('headers'), 'authorization,mcp-protocol-version')
    const refused = await ask(sidecar, undefined, { Origin })
    assert.equal(refused.status, 401)
    assert.equal(refused.headers.get('access-control-allow-origin'), Origin)
    assert.equal(refused.headers.get('access-control-expose-headers'), 'WWW-Authenticate')
    assert.equal((await ask(sidecar, undefined, { Origin: 'https://evil.example' })).status, 403)
    assert.equal(upstream.requests.length, 0)
  })
})

describe('The metadata of Sidelight as a protected resource', () => {
  it('stands at the place of each endpoint and at the root, and names the issuers', async () => {
    const issuer = await startTokenIssuer()
    const upstream = await startRawUpstream()
    const sidecar = await startTestSidecar({
      upstreams: { a: upstream.url, b: { url: upstream.url, transport: 'sse' } },
      config: authOf(issuer, { scopes: ['tools:read', 'tools:call'] }),
    })
    const at = async (path: string): Promise<unknown> => {
      const reply = await fetch(`${sidecar.dataUrl}/.well-known/oauth-protected-resource${path}`)
      assert.equal(reply.headers.get('access-control-allow-origin'), '*')
      return reply.status === 200 ? reply.json() : reply.status
    }
    const of = (path: string): object => ({
      resource: sidecar.dataUrl + path,
      authorization_servers: [issuer.url],
      scopes_supported: ['tools:read', 'tools:call'],
      bearer_methods_supported: ['header'],
      dpop_signing_alg_values_supported: ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'],
    })
    assert.deepEqual(await at('/a/mcp'), of('/a/mcp'))
    assert.deepEqual(await at('/b/sse'), of('/b/sse'))
    assert.deepEqual(await at(''), of('/'))
    assert.equal(await at('/c/mcp'), 404)
    assert.equal(await at('/a'), 404)
    const challenge = (await ask(sidecar, undefined)).headers.get('www-authenticate')
    assert.equal(
      challenge,
      `Bearer resource_metadata="${sidecar.dataUrl}/.well-known/oauth-protected-resource/a/mcp", scope="tools:read tools:call"`,
    )
    const message = await fetch(`${sidecar.dataUrl}/b/message?sessionId=x`, { method: 'POST' })
    assert.match(
      message.headers.get('www-authenticate') ?? '',
      /\/\.well-known\/oauth-protected-resource\/b\/sse"/,
    )
    assert.equal(upstream.requests.length, 0)
  })

  it('names the public address and the resource that the operator has set', async () => {
    const issuer = await startTokenIssuer()
    const upstream = await startRawUpstream()
    const sidecar = await startTestSidecar({
      upstreams: { a: upstream.url },
      config: {
        ...authOf(issuer, { resource: 'https://agents.example/mcp' }),
        listen: { publicUrl: 'https://mcp.example/' },
      },
    })
    const place = '/.well-known/oauth-protected-resource'
    const reply: unknown = await (await fetch(sidecar.dataUrl + place)).json()
    assert.ok(typeof reply === 'object' && reply !== null && 'resource' in reply)
    assert.equal(reply.resource, 'https://agents.example/mcp')
    const challenge = (await ask(sidecar, undefined)).headers.get('www-authenticate')
    assert.equal(challenge, `Bearer resource_metadata="https://mcp.example${place}/a/mcp"`)
  })
})

describe('A token', () => {
  it('goes no further than Sidelight, and is nowhere in what it writes and exports', async () => {
    const issuer = await startTokenIssuer()
    const upstream = await startRawUpstream((_, reply) =>
      reply.send({
        status: '401 Unauthorized',
        headers: ['WWW-Authenticate: Bearer resource_metadata="https://upstream.example/x"'],
        body: '{}',
      }),
    )
    const sink = await startOtlpSink()
    const sidecar = await startTestSidecar({
      upstreams: { a: { url: upstream.url, headers: { 'X-Own': 'operator' } } },
      config: { ...authOf(issuer), log: { level: 'debug' } },
      otel: sink.env,
    })
    const good = await issuer.token({ claims: { sub: 'canary-subject' } })
    const bad = `${good}canary`
    const reply = await ask(sidecar, `Bearer ${good}`, {
      Cookie: 'canary-cookie=1',
      DPoP: 'canary-proof',
      'X-Other': 'stays',
    })
    assert.equal(reply.status, 401)
    assert.equal(reply.headers.get('www-authenticate'), null)
    const text = await (await ask(sidecar, `Bearer ${bad}`)).text()
    const [request] = upstream.requests
    assert.equal(upstream.requests.length, 1)
    for (const name of ['authorization', 'cookie', 'dpop']) {
      assert.deepEqual(request?.values(name), [], name)
    }
    assert.deepEqual(request?.values('x-own'), ['operator'])
    assert.deepEqual(request?.values('x-other'), ['stays'])
    const shown = await (await fetch(`${sidecar.adminUrl}/metrics`)).text()
    await sidecar.close()
    const [, payload = '', signature = ''] = good.split('.')
    const everything = [
      text,
      shown,
      JSON.stringify(sidecar.logs),
      sink.received.map(({ body }) => body.toString('latin1')).join('\n'),
    ]
    assert.match(everything[3] ?? '', /sidelight\.auth\.attempts/)
    for (const one of everything) {
      for (const secret of [payload, signature, 'canary']) assert.equal(one.includes(secret), false)
    }
  })

  it('of mode off goes through untouched', async () => {
    const upstream = await startRawUpstream((_, reply) => reply.result({ tools: [] }))
    const sidecar = await startTestSidecar({ upstreams: { a: upstream.url } })
    await (await ask(sidecar, 'Bearer opaque', { Cookie: 'a=b' })).text()
    const [request] = upstream.requests
    assert.deepEqual(request?.values('authorization'), ['Bearer opaque'])
    assert.deepEqual(request?.values('cookie'), ['a=b'])
  })
})

describe('An issuer that changes its keys', () => {
  it('costs no call, however often, while many are made', async () => {
    const issuer = await startTokenIssuer()
    const upstream = await startRawUpstream((_, reply) => reply.result({ tools: [] }))
    const sidecar = await startTestSidecar({
      upstreams: { a: upstream.url },
      config: authOf(issuer),
    })
    const statuses = new Map<number, number>()
    for (let round = 0; round < 5; round += 1) {
      const signer = await makeSigner('ES256', `round-${round}`)
      issuer.published = [signer.jwk, ...issuer.published.slice(0, 1)]
      issuer.signer = signer
      await Promise.all(
        Array.from({ length: 40 }, async (_, i) => {
          const token = await issuer.token({ claims: { sub: `u${i}` } })
          const reply = await ask(sidecar, `Bearer ${token}`)
          await reply.arrayBuffer()
          statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1)
        }),
      )
    }
    assert.deepEqual([...statuses], [[200, 200]])
    const reads = issuer.asked.filter((path) => path === '/keys').length
    assert.ok(reads <= 6, `${reads} reads of keys`)
  })
})

describe('While keys are waited for', () => {
  const slow = async (): Promise<{
    readonly issuer: TokenIssuer
    readonly sidecar: TestSidecar
    readonly release: () => void
  }> => {
    const issuer = await startTokenIssuer()
    const held: (() => void)[] = []
    issuer.answer = (incoming, outgoing) => {
      held.push(() => {
        issuer.answer = undefined
        outgoing.setHeader('Connection', 'close')
        const { url, published } = issuer
        const body =
          incoming.url === '/keys' ? { keys: published } : { issuer: url, jwks_uri: `${url}/keys` }
        outgoing.end(JSON.stringify(body))
      })
    }
    const upstream = await startRawUpstream((_, reply) => reply.result({ tools: [] }))
    const sidecar = await startTestSidecar({
      upstreams: { a: upstream.url },
      config: authOf(issuer),
    })
    await waitFor(() => held.length > 0, { within: SOON, what: 'the issuer to be asked' })
    return {
      issuer,
      sidecar,
      release: () => {
        for (const one of held.splice(0)) one()
      },
    }
  }

  it('calls wait, and go on when they have come', async () => {
    const { issuer, sidecar, release } = await slow()
    const token = await issuer.token()
    const asked = Array.from({ length: 10 }, () => ask(sidecar, `Bearer ${token}`))
    release()
    assert.deepEqual(
      (await Promise.all(asked)).map(({ status }) => status),
      Array.from({ length: 10 }, () => 200),
    )
  })

  it('a client that leaves is let go, and counted once', async () => {
    const { issuer, sidecar } = await slow()
    const client = await RawClient.open(sidecar.dataUrl)
    client.write(
      `POST /a/mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${await issuer.token()}\r\nContent-Length: 2\r\n\r\n`,
    )
    await waitFor(async () => (await sidecar.metrics()).sum('sidelight_exchanges_active') === 1, {
      within: SOON,
      what: 'the request to wait',
    })
    client.socket.destroy()
    const left = { sidelight_outcome: 'cancelled' }
    await waitFor(
      async () => (await sidecar.metrics()).sum('sidelight_exchanges_total', left) === 1,
      { within: SOON, what: 'the client to be let go' },
    )
    assert.equal((await sidecar.metrics()).sum('sidelight_exchanges_active'), 0)
  })

  it('a shutdown answers who waits, and is not held up', async () => {
    const { issuer, sidecar } = await slow()
    const asked = ask(sidecar, `Bearer ${await issuer.token()}`)
    await waitFor(async () => (await sidecar.metrics()).sum('sidelight_exchanges_active') === 1, {
      within: SOON,
      what: 'the request to wait',
    })
    const closed = sidecar.close()
    const reply = await asked
    assert.equal(reply.status, 503)
    assert.match(await reply.text(), /"reason":"draining"/)
    await closed
  })
})

describe('An issuer that cannot be reached', () => {
  it('makes calls wait for better times, and says so', async () => {
    const issuer = await startTokenIssuer()
    const token = await issuer.token()
    await issuer.close()
    const upstream = await startRawUpstream()
    const sidecar = await startTestSidecar({
      upstreams: { a: upstream.url },
      config: authOf(issuer),
    })
    const reply = await ask(sidecar, `Bearer ${token}`)
    assert.equal(reply.status, 503)
    assert.equal(reply.headers.get('www-authenticate'), null)
    assert.ok(Number(reply.headers.get('retry-after')) > 0)
    const record = sidecar.logs.find(({ event }) => event === 'sidelight.auth.keys_unavailable')
    assert.equal(record?.fields['sidelight.detail'], 'ECONNREFUSED')
    const metrics = await sidecar.metrics()
    assert.equal(
      metrics.sum('sidelight_auth_attempts_total', { sidelight_auth_outcome: 'unavailable' }),
      1,
    )
    assert.equal(
      metrics.sum('sidelight_auth_keys_reads_total', {
        sidelight_auth_keys_outcome: 'unreachable',
      }),
      1,
    )
    assert.equal(upstream.requests.length, 0)
  })
})

describe('A session', () => {
  it('is its principal’s alone, and cannot be claimed by another token', async () => {
    const issuer = await startTokenIssuer()
    const upstream = await startRawUpstream((_, reply) =>
      reply.send({
        headers: ['Mcp-Session-Id: s-1'],
        body: '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"x","version":"1"}}}',
      }),
    )
    const sidecar = await startTestSidecar({
      upstreams: { a: upstream.url },
      config: authOf(issuer),
    })
    const alice = `Bearer ${await issuer.token()}`
    const bob = `Bearer ${await issuer.token({ claims: { sub: 'bob' } })}`
    const begun = await fetch(sidecar.url('a'), {
      method: 'POST',
      headers: { Authorization: alice, 'Content-Type': 'application/json' },
      body: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}',
    })
    assert.equal(begun.headers.get('mcp-session-id'), 's-1')
    const session = { 'Mcp-Session-Id': 's-1' }
    assert.equal((await ask(sidecar, bob, session)).status, 404)
    assert.equal((await ask(sidecar, alice, session)).status, 200)
    // Some servers take the first of several ids, others the last.
    const before = upstream.requests.length
    for (const ids of [
      ['s-1', 'x'],
      ['x', 's-1'],
      ['s-1', 's-1'],
    ]) {
      const twice = await requestOnce(sidecar.url('a'), {
        headers: [
          ...JSON_HEADERS,
          `Authorization: ${bob}`,
          ...ids.map((id) => `Mcp-Session-Id: ${id}`),
        ],
        body: LIST,
      })
      assert.equal(twice.status, 400)
    }
    assert.equal(upstream.requests.length, before)
  })
})

describe('dev-hs256', () => {
  it('takes tokens signed with its secret, and says at its start what that is worth', async () => {
    const secret = 'canary-secret-0123456789abcdef012345'
    const upstream = await startRawUpstream((_, reply) => reply.result({ tools: [] }))
    const sidecar = await startTestSidecar({
      upstreams: { a: upstream.url },
      config: { auth: { mode: 'dev-hs256', dev: { secret } } },
    })
    const made = {
      issuer: 'sidelight-dev',
      audience: 'sidelight',
      subject: 'alice',
      lifetimeSeconds: 60,
      issuedAtSeconds: Math.floor(Date.now() / 1_000),
      claims: { roles: ['admin'] },
    }
    const token = await mintDevToken(Buffer.from(secret), made)
    const other = await mintDevToken(Buffer.from('another-secret-0123456789abcdef01234'), made)
    assert.equal((await ask(sidecar, `Bearer ${token}`)).status, 200)
    assert.equal((await ask(sidecar, `Bearer ${other}`)).status, 401)
    assert.equal((await ask(sidecar, undefined)).status, 401)
    const warned = sidecar.logs.filter(({ event }) => event === 'sidelight.auth.insecure')
    assert.deepEqual(
      warned.map(({ level }) => level),
      ['warn'],
    )
    assert.doesNotMatch(JSON.stringify(sidecar.logs), /canary/)
  })
})

describe('A listener off loopback', () => {
  it('does not come up without authentication, unless the operator says that it may', async () => {
    const args = ['--upstream', 'http://127.0.0.1:1/mcp', '--admin', 'off']
    const refused = await runSidelight(['run', ...args, '--listen', '0.0.0.0:0'])
    assert.equal(refused.code, 2)
    assert.match(refused.stderr, /listen\.data: this is no loopback address, and nobody is auth/)
    const checked = [...args, '--listen', '0.0.0.0:0', '--print-config']
    const allowed = await runSidelight(['run', ...checked, '--allow-unauthenticated'])
    assert.equal(allowed.code, 0)
    assert.match(allowed.stdout, /allowUnauthenticated: true/)
  })
})

describe('A stream', () => {
  it('needs a token as every request does: GET, and HTTP+SSE with its messages', async () => {
    const issuer = await startTokenIssuer()
    const server = await startSseServer()
    const sidecar = await startTestSidecar({
      upstreams: { a: { url: server.url, transport: 'sse' } },
      config: authOf(issuer),
    })
    const url = new URL(`${sidecar.dataUrl}/a/sse`)
    const connect = async (headers: Readonly<Record<string, string>>): Promise<Client> => {
      const client = new Client({ name: 'test', version: '1' })
      await client.connect(
        new SSEClientTransport(url, { requestInit: { headers: { ...headers } } }),
      )
      closeAfterTest(() => client.close())
      return client
    }
    await assert.rejects(connect({}))
    await assert.rejects(connect({ Authorization: 'Bearer x' }))
    assert.equal(server.sessions, 0)
    const client = await connect({ Authorization: `Bearer ${await issuer.token()}` })
    assert.ok((await client.listTools()).tools.length > 0)
    assert.deepEqual(new Set(server.credentials), new Set([undefined]))
  })
})
