/** What tokens let their bearers do. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mintDevToken } from '../../src/auth/shared-secret.ts'
import { JSON_HEADERS, requestOnce, type RawResponse } from '../support/raw-client.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'

const SECRET = 'a-secret-for-tests-that-is-long-enough'

const ROLES = {
  analyst: { allow: ['weather:forecast', 'files:read_*'] },
  editor: { allow: ['files:*'], deny: ['files:format'], scopes: ['files.read', 'files.write'] },
  tenant: { allow: ['tenants:*'], organizations: ['acme'] },
  admin: { allow: ['*'] },
  guest: { deny: ['*:delete_*'] },
}

const UPSTREAMS = ['weather', 'files', 'tenants'] as const

type Send = (
  claims: Readonly<Record<string, unknown>> | undefined,
  upstream: string,
  tool: string,
) => Promise<RawResponse>

async function scene(more: Readonly<Record<string, unknown>> = {}): Promise<{
  readonly sidecar: TestSidecar
  readonly send: Send
}> {
  const upstream = await startRawUpstream()
  const sidecar = await startTestSidecar({
    upstreams: Object.fromEntries(UPSTREAMS.map((name) => [name, upstream.url])),
    config: {
      auth: { mode: 'dev-hs256', dev: { secret: SECRET } },
      policy: { roles: ROLES, ...more },
    },
  })
  const send: Send = async (claims, to, tool) => {
    const token = claims === undefined ? undefined : await tokenOf(claims)
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool } }
    return requestOnce(sidecar.url(to), {
      headers: [
        ...JSON_HEADERS,
        ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
      ],
      body: JSON.stringify(call),
    })
  }
  return { sidecar, send }
}

function tokenOf(claims: Readonly<Record<string, unknown>>): Promise<string> {
  return mintDevToken(Buffer.from(SECRET), {
    issuer: 'sidelight-dev',
    audience: 'sidelight',
    subject: 'alice',
    lifetimeSeconds: 600,
    issuedAtSeconds: Math.floor(Date.now() / 1_000),
    claims,
  })
}

function verdict(response: RawResponse): string {
  const text = response.body.toString('utf8')
  const reason = /"reason":"(\w+)"/.exec(text)?.[1]
  return reason === undefined ? String(response.status) : `${response.status} ${reason}`
}

test('the roles of a token say what its bearer may call', async () => {
  const { send, sidecar } = await scene()
  const rows: readonly [claims: object, upstream: string, tool: string, expected: string][] = [
    [{ roles: ['analyst'] }, 'weather', 'forecast', '200'],
    [{ roles: ['analyst'] }, 'weather', 'alerts', '200 forbidden'],
    [{ roles: ['analyst'] }, 'files', 'read_file', '200'],
    [{ roles: ['analyst'] }, 'tenants', 'list', '200 unknown_upstream'],
    [{ roles: ['admin'] }, 'tenants', 'list', '200'],
    [{ roles: ['admin', 'guest'] }, 'tenants', 'delete_all', '200 forbidden'],
    [{ roles: [] }, 'weather', 'forecast', '200 unknown_upstream'],
    [{ roles: ['nobody-knows'] }, 'weather', 'forecast', '200 unknown_upstream'],
    [{ roles: ['anonymous'] }, 'weather', 'forecast', '200 unknown_upstream'],
    [{ roles: ['tenant'], org_id: 'acme' }, 'tenants', 'list', '200'],
    [{ roles: ['tenant'], org_id: 'globex' }, 'tenants', 'list', '200 unknown_upstream'],
    [{ roles: ['tenant'] }, 'tenants', 'list', '200 unknown_upstream'],
    [{ scope: 'files.write files.read' }, 'files', 'write', '200'],
    [{ scope: 'files.write files.read' }, 'files', 'format', '200 forbidden'],
  ]
  for (const [claims, upstream, tool, expected] of rows) {
    assert.equal(
      verdict(await send({ ...claims }, upstream, tool)),
      expected,
      JSON.stringify([claims, tool]),
    )
  }
  assert.equal(verdict(await send(undefined, 'weather', 'forecast')), '401 unauthenticated')
  const unknown = sidecar.logs.filter(({ event }) => event === 'sidelight.policy.role_unknown')
  assert.deepEqual(
    unknown.map(({ fields }) => fields['sidelight.policy.role']),
    ['nobody-knows', 'anonymous'],
  )
})

test('a bearer who lacks scopes is told all that the call needs, and where to get them', async () => {
  const { send, sidecar } = await scene()
  const refused = await send({ roles: ['analyst'], scope: 'files.read' }, 'files', 'write')
  assert.equal(verdict(refused), '403 insufficient_scope')
  const [challenge = ''] = refused.values('www-authenticate')
  assert.match(challenge, /^Bearer /)
  assert.match(challenge, /error="insufficient_scope"/)
  assert.match(challenge, /scope="files\.read files\.write"/)
  assert.match(
    challenge,
    /resource_metadata="http:\/\/[^"]+\/\.well-known\/oauth-protected-resource\/files\/mcp"/,
  )
  const outcome = await sidecar.recorder.outcomeOf('tools/call')
  assert.equal(outcome.kind === 'rejected' ? outcome.reason : outcome.kind, 'insufficient_scope')
})

test('a bearer without any right at an upstream is told which scopes would give some', async () => {
  const { send, sidecar } = await scene()
  const refused = await send({ roles: [] }, 'files', 'write')
  assert.equal(verdict(refused), '403 insufficient_scope')
  const token = await tokenOf({ roles: [] })
  const begin = await requestOnce(sidecar.url('files'), {
    headers: [...JSON_HEADERS, `Authorization: Bearer ${token}`],
    body: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}',
  })
  assert.equal(begin.status, 403)
  assert.match(begin.values('www-authenticate').join(), /scope="files\.read files\.write"/)
  assert.equal(verdict(await send({ roles: [] }, 'weather', 'forecast')), '200 unknown_upstream')
})

test('with denials: result a lack of scopes is told to the model', async () => {
  const { send } = await scene({ denials: 'result' })
  const refused = await send({ roles: ['analyst'], scope: 'files.read' }, 'files', 'write')
  assert.equal(verdict(refused), '200 forbidden')
  assert.deepEqual(refused.values('www-authenticate'), [])
})

test('the upstreams that an answer names are those that its reader may use', async () => {
  const { send } = await scene()
  const one = await send({ roles: ['analyst'] }, 'nowhere', 'x')
  assert.match(one.body.toString('utf8'), /configured: weather, files\b/)
  assert.doesNotMatch(one.body.toString('utf8'), /tenants/)
  const none = await send({ roles: [] }, 'nowhere', 'x')
  assert.doesNotMatch(none.body.toString('utf8'), /weather|files|tenants/)
})

test('a path of an upstream that its reader may not know of looks like a path of nobody', async () => {
  const upstream = await startRawUpstream()
  const sidecar = await startTestSidecar({
    upstreams: {
      weather: upstream.url,
      old: { url: upstream.url, transport: 'sse' },
      tenants: { url: upstream.url, path: '/internal/mcp-of-tenants' },
    },
    config: {
      auth: { mode: 'dev-hs256', dev: { secret: SECRET } },
      policy: { roles: { analyst: { allow: ['weather:*'] } } },
    },
  })
  const token = await tokenOf({ roles: ['analyst'] })
  const ask = async (method: string, path: string): Promise<string> => {
    const { status, body, rawHeaders } = await requestOnce(`${sidecar.dataUrl}${path}`, {
      method,
      headers: [...JSON_HEADERS, `Authorization: Bearer ${token}`],
      body: method === 'POST' ? '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' : '',
    })
    const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
    return `${status} ${body.toString('utf8')} ${names.toSorted().join(' ')}`
  }
  const nobodys = await ask('GET', '/nobody/sse')
  assert.match(nobodys, /^404 /)
  assert.equal(await ask('GET', '/old/sse'), nobodys)
  assert.equal(await ask('POST', '/old/message?sessionId=x'), nobodys)
  assert.equal(await ask('POST', '/internal/mcp-of-tenants'), nobodys)
  assert.equal(upstream.requests.length, 0)
})
