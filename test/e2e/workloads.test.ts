/** The examples for workloads, with tokens as their platforms make them. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { SignJWT } from 'jose'
import { parse } from 'yaml'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { startTokenIssuer, type TokenIssuer } from '../support/token-issuer.ts'

interface Example {
  readonly auth: { readonly issuers: readonly Readonly<Record<string, unknown>>[] }
}

/** The example, with an issuer of the test in the place of the platform's. */
async function startExample(
  name: string,
  issuer: TokenIssuer,
  changes: Readonly<Record<string, unknown>>,
): Promise<TestSidecar> {
  const { auth }: Example = parse(readFileSync(`examples/${name}.yaml`, 'utf8'))
  const upstream = await startRawUpstream((_, reply) => reply.result({ tools: [] }))
  return startTestSidecar({
    upstreams: { search: upstream.url },
    config: {
      auth: { ...auth, issuers: [{ ...auth.issuers[0], issuer: issuer.url, ...changes }] },
      policy: { roles: { workload: { allow: ['search:*'] } } },
    },
  })
}

async function status(sidecar: TestSidecar, token: string): Promise<number> {
  const reply = await fetch(sidecar.url('search'), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
  })
  await reply.arrayBuffer()
  return reply.status
}

const now = (): number => Math.floor(Date.now() / 1_000)

describe('The example for Kubernetes', () => {
  it('accepts a projected token for its audience, and no other token of the cluster', async () => {
    const issuer = await startTokenIssuer('RS256')
    const directory = await temporaryDirectory()
    const bearerFile = join(directory, 'token')
    await writeFile(bearerFile, 'canary-of-our-own-pod\n')
    const shown: (string | undefined)[] = []
    issuer.answer = (request, reply) => {
      shown.push(request.headers.authorization)
      if (request.headers.authorization !== 'Bearer canary-of-our-own-pod') {
        return void reply.writeHead(403).end()
      }
      reply.end(JSON.stringify({ keys: issuer.published }))
    }
    const sidecar = await startExample('kubernetes', issuer, {
      jwks: `${issuer.url}/openid/v1/jwks`,
      bearerFile,
      caFile: undefined,
    })
    const projected = (aud: readonly string[], lifetime = 3_607): Promise<string> =>
      new SignJWT({
        aud: [...aud],
        exp: now() + lifetime,
        iat: now(),
        iss: issuer.url,
        jti: '0b6f0d0c-3c1d-4f0e-9b0e-0d9a3f1c2b4a',
        'kubernetes.io': {
          namespace: 'agents',
          node: { name: 'node-1', uid: 'e1' },
          pod: { name: 'agent-7', uid: 'e2' },
          serviceaccount: { name: 'planner', uid: 'e3' },
        },
        nbf: now(),
        sub: 'system:serviceaccount:agents:planner',
      })
        .setProtectedHeader({ alg: 'RS256', kid: 'first' })
        .sign(issuer.signer.privateKey)
    assert.equal(await status(sidecar, await projected(['https://mcp.tools.svc'])), 200)
    const usual = await projected(['https://kubernetes.default.svc.cluster.local'])
    assert.equal(await status(sidecar, usual), 401)
    // The extended lifetime of tokens that pods get without asking.
    assert.equal(await status(sidecar, await projected(['https://mcp.tools.svc'], 31_536_000)), 401)
    assert.deepEqual([...new Set(shown)], ['Bearer canary-of-our-own-pod'])
    assert.doesNotMatch(JSON.stringify(sidecar.logs), /canary/)
  })
})

describe('The example for SPIFFE', () => {
  it('accepts a JWT-SVID for its audience', async () => {
    const issuer = await startTokenIssuer('ES256')
    const sidecar = await startExample('spiffe', issuer, {})
    const svid = (aud: string, lifetime = 300): Promise<string> =>
      new SignJWT({
        aud: [aud],
        exp: now() + lifetime,
        iat: now(),
        iss: issuer.url,
        sub: 'spiffe://example.org/agents/planner',
      })
        .setProtectedHeader({ alg: 'ES256', kid: 'first', typ: 'JWT' })
        .sign(issuer.signer.privateKey)
    assert.equal(await status(sidecar, await svid('spiffe://example.org/mcp')), 200)
    assert.equal(await status(sidecar, await svid('spiffe://example.org/other')), 401)
    assert.equal(await status(sidecar, await svid('spiffe://example.org/mcp', 7_200)), 401)
  })
})
