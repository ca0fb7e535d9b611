import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { calculateJwkThumbprint, SignJWT } from 'jose'
import { makeSigner } from '../support/signer.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { startTokenIssuer } from '../support/token-issuer.ts'
import { waitFor } from '../support/wait-for.ts'

const READER = 'canary-reader-0123456789'
const OPERATOR = 'canary-operator-0123456789'

async function status(
  sidecar: TestSidecar,
  path: string,
  token?: string,
  init: RequestInit = {},
): Promise<number> {
  const reply = await fetch(sidecar.adminUrl + path, {
    ...init,
    headers: {
      'Content-Type': 'application/json',
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    },
  })
  await reply.arrayBuffer()
  return reply.status
}

const ORDER: RequestInit = {
  method: 'POST',
  body: '{"action":"reset","reason":"a test","actor":"somebody else"}',
}

async function withTokens(admin: object = {}): Promise<{
  readonly sidecar: TestSidecar
  readonly files: readonly string[]
}> {
  const directory = await temporaryDirectory()
  const files = [join(directory, 'reader'), join(directory, 'operator')]
  await writeFile(files[0] ?? '', `${READER}\n`)
  await writeFile(files[1] ?? '', `${OPERATOR}\n`)
  const upstream = await startRawUpstream()
  const tokens = [
    { name: 'reader', file: files[0], permissions: ['read'] },
    { name: 'operator', file: files[1], permissions: ['read', 'control'] },
  ]
  const sidecar = await startTestSidecar({
    upstreams: { a: upstream.url },
    config: { listen: { admin: '0.0.0.0:0' }, auth: { admin: { tokens, ...admin } } },
  })
  return { sidecar, files }
}

describe('The admin plane off loopback', () => {
  it('shows health and metrics alone while nobody can say who they are', async () => {
    const upstream = await startRawUpstream()
    const sidecar = await startTestSidecar({
      upstreams: { a: upstream.url },
      config: { listen: { admin: '0.0.0.0:0' } },
    })
    for (const path of ['/', '/healthz', '/readyz', '/metrics']) {
      assert.equal(await status(sidecar, path), 200, path)
    }
    for (const path of ['/breakers', '/breakers/a', '/catalogue', '/catalogue/a']) {
      assert.equal(await status(sidecar, path), 403, path)
      assert.equal(await status(sidecar, path, READER), 403, path)
    }
  })

  it('gives each token what it is for, and nothing to others', async () => {
    const { sidecar } = await withTokens()
    for (const path of ['/breakers', '/breakers/a', '/catalogue']) {
      assert.equal(await status(sidecar, path), 401, path)
      assert.equal(await status(sidecar, path, 'canary-wrong-token-0000'), 401, path)
      assert.equal(await status(sidecar, `${path}?access_token=${READER}`), 401, path)
      assert.equal(await status(sidecar, path, READER), 200, path)
    }
    assert.equal(await status(sidecar, '/breakers/a', undefined, ORDER), 401)
    assert.equal(await status(sidecar, '/breakers/a', READER, ORDER), 403)
    assert.equal(await status(sidecar, '/breakers/a', OPERATOR, ORDER), 200)
    const reload = { method: 'POST', body: '{}' }
    assert.equal(await status(sidecar, '/api/v1/config/reload', READER, reload), 403)
    // There is no file to be read, which only those hear who may order it.
    assert.equal(await status(sidecar, '/api/v1/config/reload', OPERATOR, reload), 409)
    const record = sidecar.logs.find(({ event }) => event === 'sidelight.breaker.order')
    assert.equal(record?.fields['sidelight.breaker.order.actor'], 'operator')
    assert.doesNotMatch(JSON.stringify(sidecar.logs), /canary/)
  })

  it('keeps health and metrics for those who say who they are, when told to', async () => {
    const { sidecar } = await withTokens({ open: [] })
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      assert.equal(await status(sidecar, path), 401, path)
      assert.equal(await status(sidecar, path, READER), 200, path)
    }
  })

  it('takes a new token from its file, and the old one no more', async () => {
    const { sidecar, files } = await withTokens()
    assert.equal(await status(sidecar, '/breakers', READER), 200)
    await writeFile(files[0] ?? '', 'canary-renewed-0123456789')
    await waitFor(
      async () => (await status(sidecar, '/breakers', 'canary-renewed-0123456789')) === 200,
      { within: 20_000, what: 'the new token to be read' },
    )
    assert.equal(await status(sidecar, '/breakers', READER), 401)
  })

  it('takes tokens of the issuers whose roles are named', async () => {
    const issuer = await startTokenIssuer()
    const upstream = await startRawUpstream()
    const sidecar = await startTestSidecar({
      upstreams: { a: upstream.url },
      config: {
        listen: { admin: '0.0.0.0:0' },
        auth: {
          mode: 'required',
          issuers: [{ issuer: issuer.url, audience: 'sidelight-test' }],
          admin: { roles: { read: ['sre', 'lead'], control: ['lead'] } },
        },
      },
    })
    const tokenOf = (roles: readonly string[]): Promise<string> =>
      issuer.token({ claims: { roles } })
    const [nobody, sre, lead] = await Promise.all([
      tokenOf(['x']),
      tokenOf(['sre']),
      tokenOf(['lead']),
    ])
    assert.equal(await status(sidecar, '/breakers'), 401)
    assert.equal(await status(sidecar, '/breakers', 'a.b.c'), 401)
    assert.equal(await status(sidecar, '/breakers', nobody), 403)
    assert.equal(await status(sidecar, '/breakers', sre), 200)
    assert.equal(await status(sidecar, '/breakers/a', sre, ORDER), 403)
    assert.equal(await status(sidecar, '/breakers/a', lead, ORDER), 200)
    const record = sidecar.logs.find(({ event }) => event === 'sidelight.breaker.order')
    assert.equal(record?.fields['sidelight.breaker.order.actor'], `${issuer.url} alice`)
  })
})

describe('A proof of a key', () => {
  it('is good for the whole of one request, so its sender may give orders by MCP too', async () => {
    const issuer = await startTokenIssuer()
    const upstream = await startRawUpstream()
    const sidecar = await startTestSidecar({
      upstreams: { a: upstream.url },
      config: {
        mcp: { control: true },
        auth: {
          mode: 'required',
          issuers: [{ issuer: issuer.url, audience: 'sidelight-test' }],
          admin: { roles: { read: ['analyst'], control: ['lead'] } },
        },
      },
    })
    const key = await makeSigner('ES256', undefined)
    const { kty = 'EC', crv = '', x = '', y = '' } = key.jwk
    const cnf = { jkt: await calculateJwkThumbprint(key.jwk) }
    const toolsOf = async (roles: readonly string[], jti: string): Promise<string> => {
      const token = await issuer.token({ claims: { cnf, roles } })
      const proof = await new SignJWT({
        jti,
        htm: 'POST',
        htu: `${sidecar.adminUrl}/mcp`,
        ath: createHash('sha256').update(token).digest('base64url'),
      })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: { kty, crv, x, y } })
        .setIssuedAt()
        .sign(key.privateKey)
      const reply = await fetch(`${sidecar.adminUrl}/mcp`, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          Accept: 'application/json, text/event-stream',
          Authorization: `DPoP ${token}`,
          DPoP: proof,
        },
        body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
      })
      assert.equal(reply.status, 200)
      return reply.text()
    }
    assert.match(await toolsOf(['analyst', 'lead'], 'one'), /"order_breaker"/)
    const reads = await toolsOf(['analyst'], 'two')
    assert.match(reads, /"list_upstreams"/)
    assert.doesNotMatch(reads, /"order_breaker"/)
  })
})
