/**
 * An OAuth 2.1 authorization server to try things out with, on this machine alone: metadata (RFC 8414),
 * registration of clients (RFC 7591), the authorization code flow with PKCE (RFC 7636), resource
 * indicators (RFC 8707), `iss` in redirects (RFC 9207), tokens as RFC 9068 has them. Its one user, Alice,
 * agrees to everything without being asked, and its key is a new one at each start. It is no product.
 */

import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

interface Grant {
  readonly clientId: string
  readonly redirectUri: string
  readonly challenge: string
  readonly resource: string
  readonly scope: string
}

interface Answer {
  readonly status: number
  readonly body?: object
  readonly location?: string
}

const LIFETIME_SECONDS = 300
/** Codes and clients that are remembered; the oldest goes first. */
const REMEMBERED_MAX = 1000

/** What tokens are made out to; without it, to the resource that was asked for. */
const AUDIENCE = process.env['AUDIENCE']

const { privateKey, publicKey } = await generateKeyPair('ES256')
const key = { ...(await exportJWK(publicKey)), kid: 'first', alg: 'ES256', use: 'sig' }
const clients = new Map<string, readonly string[]>()
const grants = new Map<string, Grant>()

const http = createServer((request, response) => void respond(request, response))

http.listen(Number(process.env['PORT'] ?? 9000), '127.0.0.1', () => {
  console.log(`authorization server at ${issuer()}`)
})

function issuer(): string {
  const address = http.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : address}`
}

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const refused: Answer = { status: 400, body: { error: 'invalid_request' } }
  const { status, body, location } = await answer(request).catch(() => refused)
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    ...(location === undefined ? {} : { location }),
  })
  response.end(body === undefined ? '' : JSON.stringify(body))
}

async function answer(request: IncomingMessage): Promise<Answer> {
  const url = new URL(request.url ?? '/', issuer())
  switch (url.pathname) {
    case '/.well-known/oauth-authorization-server':
      return { status: 200, body: metadata() }
    case '/keys':
      return { status: 200, body: { keys: [key] } }
    case '/register':
      return { status: 201, body: register(await read(request)) }
    case '/authorize':
      return { status: 302, location: authorize(url.searchParams) }
    case '/token':
      return exchange(new URLSearchParams(await read(request)))
    default:
      return { status: 404, body: {} }
  }
}

function metadata(): object {
  return {
    issuer: issuer(),
    authorization_endpoint: `${issuer()}/authorize`,
    token_endpoint: `${issuer()}/token`,
    registration_endpoint: `${issuer()}/register`,
    jwks_uri: `${issuer()}/keys`,
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
    authorization_response_iss_parameter_supported: true,
  }
}

function register(body: string): object {
  const asked: { redirect_uris?: unknown } = JSON.parse(body)
  if (!Array.isArray(asked.redirect_uris)) throw new Error('redirect_uris is missing')
  const id = randomUUID()
  remember(clients, id, asked.redirect_uris.map(String))
  return { ...asked, client_id: id, token_endpoint_auth_method: 'none' }
}

/** Where the browser goes: back to the client, with a code. */
function authorize(query: URLSearchParams): string {
  const given = (name: string): string => query.get(name) ?? ''
  const redirectUri = given('redirect_uri')
  const known = clients.get(given('client_id'))?.includes(redirectUri) === true
  if (!known || given('code_challenge_method') !== 'S256') throw new Error('not a good request')
  const code = randomUUID()
  const scope = given('scope')
  remember(grants, code, {
    clientId: given('client_id'),
    redirectUri,
    challenge: given('code_challenge'),
    resource: given('resource'),
    scope,
  })
  console.log(`Alice was asked for ${scope}, and agreed`)
  const back = new URL(redirectUri)
  back.searchParams.set('code', code)
  back.searchParams.set('iss', issuer())
  if (query.has('state')) back.searchParams.set('state', given('state'))
  return back.href
}

async function exchange(form: URLSearchParams): Promise<Answer> {
  const grant = grants.get(form.get('code') ?? '')
  // A code is good once, whatever comes of it.
  grants.delete(form.get('code') ?? '')
  const verifier = form.get('code_verifier') ?? ''
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const good =
    grant?.challenge === challenge &&
    grant.clientId === form.get('client_id') &&
    grant.redirectUri === form.get('redirect_uri')
  if (!good) return { status: 400, body: { error: 'invalid_grant' } }
  const { clientId, resource, scope } = grant
  const token = await new SignJWT({ client_id: clientId, scope, jti: randomUUID() })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: key.kid })
    .setIssuer(issuer())
    .setAudience(AUDIENCE ?? resource)
    .setSubject('alice')
    .setIssuedAt()
    .setExpirationTime(`${LIFETIME_SECONDS}s`)
    .sign(privateKey)
  const body = { access_token: token, token_type: 'Bearer', expires_in: LIFETIME_SECONDS, scope }
  return { status: 200, body }
}

function remember<T>(map: Map<string, T>, name: string, value: T): void {
  const [oldest] = map.keys()
  if (map.size >= REMEMBERED_MAX && oldest !== undefined) map.delete(oldest)
  map.set(name, value)
}

/** The largest body that a client may send. */
const BODY_MAX = 64 * 1024

async function read(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of request) {
    const buffer = Buffer.from(piece)
    bytes += buffer.length
    if (bytes > BODY_MAX) throw new Error('the body is too large')
    pieces.push(buffer)
  }
  return Buffer.concat(pieces).toString()
}
