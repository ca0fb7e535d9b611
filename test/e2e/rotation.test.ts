/** Secrets in files, which are replaced while the sidecar runs, as Kubernetes does it. */

import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import { test } from 'node:test'
import { mintDevToken } from '../../src/auth/shared-secret.ts'
import { startHttpServer } from '../support/http-server.ts'
import { newKeyPair } from '../support/key-pair.ts'
import { listen } from '../support/otlp-collector.ts'
import { projectedVolume } from '../support/projected-volume.ts'
import { JSON_HEADERS, requestOnce } from '../support/raw-client.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { closeAfterTest } from '../support/scope.ts'
import { makeSigner, mint, type Signer } from '../support/signer.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { waitFor } from '../support/wait-for.ts'

const LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'

/** Files are looked at every five seconds. */
const NOTICED_WITHIN = 30_000

const keySet = ({ jwk }: Signer): string => JSON.stringify({ keys: [jwk] })

async function status(sidecar: TestSidecar, token: string): Promise<number> {
  const headers = [...JSON_HEADERS, `Authorization: Bearer ${token}`]
  return (await requestOnce(sidecar.url('main'), { headers, body: LIST })).status
}

async function becomes(what: string, holds: () => Promise<boolean>): Promise<void> {
  await waitFor(holds, { within: NOTICED_WITHIN, what })
}

/** Says of every token that it is active, over TLS, and remembers who asked. */
async function startIntrospection(first: { cert: Buffer; key: Buffer }): Promise<{
  readonly url: string
  readonly asked: readonly string[]
  use(next: { cert: Buffer; key: Buffer }): void
}> {
  const asked: string[] = []
  const server = createServer(first, (request, response) => {
    const [, credential = ''] = (request.headers.authorization ?? '').split(' ')
    asked.push(Buffer.from(credential, 'base64').toString())
    // Each question is a handshake of its own.
    response.writeHead(200, { 'Content-Type': 'application/json', Connection: 'close' })
    response.end('{"active":true}')
  })
  const url = (await listen(server)).replace('http:', 'https:')
  closeAfterTest(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { url, asked, use: (next) => server.setSecureContext(next) }
}

/** Shows its keys, and remembers the tokens that they were asked for with. */
async function startKeyServer(first: Signer): Promise<{
  readonly url: string
  readonly asked: readonly string[]
  use(next: Signer): void
}> {
  const asked: string[] = []
  let signer = first
  const { origin } = await startHttpServer((request, response) => {
    asked.push(request.headers.authorization ?? '')
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(keySet(signer))
  })
  return {
    url: origin,
    asked,
    use: (next) => {
      signer = next
    },
  }
}

test('a receiver of alerts is told with the header that its file holds now', async () => {
  const volume = await projectedVolume({ hook: 'canary-old-hook\n' })
  const failing = await startRawUpstream((_request, reply) => reply.result({ isError: true }))
  const hook = await startRawUpstream((request, reply) => {
    const [key] = request.values('x-hook')
    reply.send({ status: key === 'canary-fresh-hook' ? '200 OK' : '401 Unauthorized' })
  })
  const headers = { 'X-Hook': { file: volume.path('hook') } }
  const sidecar = await startTestSidecar({
    upstreams: { main: failing.url },
    config: {
      alerts: {
        rules: { errorRate: { for: '0s' } },
        receivers: { hook: { type: 'webhook', url: hook.url, headers } },
      },
    },
  })
  for (let id = 1; id <= 6; id += 1) {
    const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"break"}}`
    await requestOnce(sidecar.url('main'), { body })
  }
  const last = (): string | undefined => hook.requests.at(-1)?.values('x-hook')[0]
  await becomes('a notification', async () => last() === 'canary-old-hook')
  await volume.put({ hook: 'canary-fresh-hook\n' })
  await becomes('a notification with the new header', async () => last() === 'canary-fresh-hook')
})

test('every secret in a file is read again when its volume changes', async () => {
  const [old, fresh] = [await makeSigner('ES256', 'old'), await makeSigner('ES256', 'fresh')]
  const [oldPair, freshPair] = [await newKeyPair('old'), await newKeyPair('fresh')]
  const introspection = await startIntrospection(oldPair)
  const keyServer = await startKeyServer(old)
  const versionOf = (name: string, signer: Signer, ca: Buffer, revoked: object[]) => ({
    upstream: `canary-${name}-upstream\n`,
    admin: `canary-${name}-admin-0123456789\n`,
    client: `canary-${name}-client\n`,
    bearer: `canary-${name}-bearer\n`,
    dev: `canary-${name}-dev-secret-of-32-bytes-or-more\n`,
    'ca.pem': ca.toString(),
    'keys.json': keySet(signer),
    'revoked.json': JSON.stringify({ revoked }),
  })
  const volume = await projectedVolume(versionOf('old', old, oldPair.cert, []))
  const upstream = await startRawUpstream((_request, reply) => reply.result({ tools: [] }))
  const file = (name: string): { readonly file: string } => ({ file: volume.path(name) })
  const issuer = (name: string, more: object): object => ({
    issuer: name,
    audience: 'sidelight-test',
    ...more,
  })
  const sidecar = await startTestSidecar({
    upstreams: {
      main: {
        url: upstream.url,
        headers: { 'X-Key': { ...file('upstream'), prefix: 'Key ' } },
      },
    },
    config: {
      auth: {
        mode: 'required',
        revocations: volume.path('revoked.json'),
        admin: { tokens: [{ name: 'a', ...file('admin'), permissions: ['read'] }] },
        issuers: [
          issuer('by-file', { jwks: file('keys.json') }),
          issuer('by-server', { jwks: keyServer.url, bearerFile: volume.path('bearer') }),
          issuer('asked', {
            jwks: file('keys.json'),
            caFile: volume.path('ca.pem'),
            introspection: {
              url: introspection.url,
              clientId: 'sidelight',
              clientSecret: file('client'),
              cacheTtl: '1ms',
            },
          }),
        ],
      },
    },
  })
  const dev = await startTestSidecar({
    upstreams: { main: upstream.url },
    config: { auth: { mode: 'dev-hs256', dev: { secret: file('dev') } } },
  })
  const token = (signer: Signer, name: string, sub = 'alice'): Promise<string> =>
    mint(signer, name, Date.now(), { claims: { sub } })
  const devToken = (name: string): Promise<string> =>
    mintDevToken(Buffer.from(`canary-${name}-dev-secret-of-32-bytes-or-more`), {
      issuer: 'sidelight-dev',
      audience: 'sidelight',
      subject: 'ann',
      lifetimeSeconds: 600,
      issuedAtSeconds: Math.floor(Date.now() / 1_000),
      claims: {},
    })
  const admin = async (name: string): Promise<number> => {
    const headers = { Authorization: `Bearer canary-${name}-admin-0123456789` }
    return (await fetch(`${sidecar.adminUrl}/api/v1/build`, { headers })).status
  }
  const lastHeader = async (): Promise<string> => {
    await status(sidecar, await token(fresh, 'by-file'))
    return upstream.requests.at(-1)?.values('x-key')[0] ?? ''
  }
  for (const name of ['by-file', 'by-server', 'asked']) {
    assert.equal(await status(sidecar, await token(old, name)), 200, name)
  }
  assert.deepEqual(upstream.requests.at(-1)?.values('x-key'), ['Key canary-old-upstream'])
  assert.equal(introspection.asked.at(-1), 'sidelight:canary-old-client')
  assert.equal(keyServer.asked.at(-1), 'Bearer canary-old-bearer')
  assert.equal(await admin('old'), 200)
  assert.equal(await status(dev, await devToken('old')), 200)

  introspection.use(freshPair)
  keyServer.use(fresh)
  await volume.put(versionOf('fresh', fresh, freshPair.cert, [{ sub: 'mallory' }]))
  await becomes('the new key to be known', async () => {
    return (await status(sidecar, await token(fresh, 'by-file'))) === 200
  })
  await becomes('the new header', async () => (await lastHeader()) === 'Key canary-fresh-upstream')
  await becomes('the new admin token', async () => (await admin('fresh')) === 200)
  await becomes('the list of what is revoked', async () => {
    return (await status(sidecar, await token(fresh, 'by-file', 'mallory'))) === 401
  })
  await becomes('the new authority and client secret', async () => {
    await status(sidecar, await token(fresh, 'asked'))
    return introspection.asked.at(-1) === 'sidelight:canary-fresh-client'
  })
  await becomes('the new bearer', async () => {
    await status(sidecar, await token(fresh, 'by-server'))
    return keyServer.asked.at(-1) === 'Bearer canary-fresh-bearer'
  })
  await becomes('the new secret of dev tokens', async () => {
    return (await status(dev, await devToken('fresh'))) === 200
  })
  assert.equal(await admin('old'), 401)
  assert.equal(await status(dev, await devToken('old')), 401)
  assert.equal(await status(sidecar, await token(old, 'by-file')), 401)
  assert.equal(await status(sidecar, await token(fresh, 'asked')), 200)
})
