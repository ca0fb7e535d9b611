import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { startTokenIssuer, type TokenIssuer } from '../support/token-issuer.ts'

const LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'

export function authOf(issuer: TokenIssuer, more: object = {}): Readonly<Record<string, unknown>> {
  return {
    auth: {
      mode: 'required',
      issuers: [{ issuer: issuer.url, audience: 'sidelight-test' }],
      ...more,
    },
  }
}

export function ask(
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
