/**
 * An OAuth 2.1 authorization server: metadata (RFC 8414), dynamic registration (RFC 7591), the
 * authorization code flow with PKCE (RFC 7636), resource indicators (RFC 8707), refresh tokens that
 * are used once, `iss` in its redirects (RFC 9207), and tokens bound to keys (RFC 9449). Its one user,
 * Alice, agrees to everything. Tokens are JWTs as RFC 9068 has them.
 */

import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose'
import { closeAfterTest } from './scope.ts'
import { makeSigner, mint, type Signer } from './signer.ts'

interface Grant {
  readonly clientId: string
  readonly resource: string
  readonly scope: string
  readonly challenge: string
  readonly redirectUri: string
}

export interface AuthorizationServer {
  readonly url: string
  /** What happened, in order: `register`, `authorize RESOURCE`, `code`, `refresh`. */
  readonly events: readonly string[]
  /** How long its access tokens hold. */
  lifetimeSeconds: number
  /** What tokens for a resource are addressed to, where that is not its address. */
  readonly audiences: Map<string, string>
}

export async function startAuthorizationServer(): Promise<AuthorizationServer> {
  const state: ServerState = {
    url: '',
    events: [],
    lifetimeSeconds: 300,
    audiences: new Map(),
    signer: await makeSigner('ES256', 'as-1'),
    clients: new Map(),
    codes: new Map(),
    refreshTokens: new Map(),
  }
  const server = createServer((request, response) => void serve(request, response, state))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.address()
  state.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  closeAfterTest(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return state
}

interface ServerState extends AuthorizationServer {
  url: string
  events: string[]
  readonly signer: Signer
  /** Redirect addresses of each client. */
  readonly clients: Map<string, readonly string[]>
  readonly codes: Map<string, Grant>
  readonly refreshTokens: Map<string, Grant>
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  state: ServerState,
): Promise<void> {
  const url = new URL(request.url ?? '/', state.url)
  const body = await readText(request)
  const json = (status: number, value: unknown): void => {
    response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
    response.end(JSON.stringify(value))
  }
  switch (url.pathname) {
    case '/.well-known/oauth-authorization-server':
      return json(200, metadataOf(state.url))
    case '/keys':
      return json(200, { keys: [state.signer.jwk] })
    case '/register':
      return json(201, register(body, state))
    case '/authorize':
      response.writeHead(302, { Location: authorize(url.searchParams, state) })
      return void response.end()
    case '/token': {
      const tokens = await exchange(new URLSearchParams(body), request, state)
      return tokens === undefined ? json(400, { error: 'invalid_grant' }) : json(200, tokens)
    }
    default:
      return json(404, {})
  }
}

function metadataOf(url: string): object {
  return {
    issuer: url,
    authorization_endpoint: `${url}/authorize`,
    token_endpoint: `${url}/token`,
    registration_endpoint: `${url}/register`,
    jwks_uri: `${url}/keys`,
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
    authorization_response_iss_parameter_supported: true,
    dpop_signing_alg_values_supported: ['ES256'],
  }
}

function register(body: string, { clients, events }: ServerState): object {
  const asked: unknown = JSON.parse(body)
  assert.ok(typeof asked === 'object' && asked !== null && 'redirect_uris' in asked)
  assert.ok(Array.isArray(asked.redirect_uris))
  const id = randomUUID()
  clients.set(
    id,
    asked.redirect_uris.map((one: unknown) => String(one)),
  )
  events.push('register')
  return { ...asked, client_id: id, client_id_issued_at: 1, token_endpoint_auth_method: 'none' }
}

/** Where the browser is sent: back, with a code. */
function authorize(query: URLSearchParams, state: ServerState): string {
  const given = (name: string): string => query.get(name) ?? ''
  const redirectUri = given('redirect_uri')
  assert.ok(state.clients.get(given('client_id'))?.includes(redirectUri) === true)
  assert.equal(given('response_type'), 'code')
  assert.equal(given('code_challenge_method'), 'S256')
  const code = randomUUID()
  const grant: Grant = {
    clientId: given('client_id'),
    resource: given('resource'),
    scope: given('scope'),
    challenge: given('code_challenge'),
    redirectUri,
  }
  state.codes.set(code, grant)
  state.events.push(`authorize ${grant.resource}`)
  const back = new URL(redirectUri)
  back.searchParams.set('code', code)
  back.searchParams.set('iss', state.url)
  if (query.has('state')) back.searchParams.set('state', given('state'))
  return String(back)
}

async function exchange(
  form: URLSearchParams,
  request: IncomingMessage,
  state: ServerState,
): Promise<object | undefined> {
  const grant =
    form.get('grant_type') === 'refresh_token' ? refresh(form, state) : redeem(form, state)
  if (grant === undefined || form.get('client_id') !== grant.clientId) return undefined
  const refreshToken = randomUUID()
  state.refreshTokens.set(refreshToken, grant)
  const jkt = await thumbprintOf(request)
  const nowMs = Date.now()
  const accessToken = await mint(state.signer, state.url, nowMs, {
    claims: {
      aud: state.audiences.get(grant.resource) ?? grant.resource,
      client_id: grant.clientId,
      jti: randomUUID(),
      exp: Math.floor(nowMs / 1_000) + state.lifetimeSeconds,
      ...(grant.scope === '' ? {} : { scope: grant.scope }),
      ...(jkt === undefined ? {} : { cnf: { jkt } }),
    },
  })
  return {
    access_token: accessToken,
    token_type: jkt === undefined ? 'Bearer' : 'DPoP',
    expires_in: state.lifetimeSeconds,
    refresh_token: refreshToken,
    scope: grant.scope,
  }
}

function redeem(form: URLSearchParams, { codes, events }: ServerState): Grant | undefined {
  const code = form.get('code') ?? ''
  const grant = codes.get(code)
  codes.delete(code)
  const verifier = form.get('code_verifier') ?? ''
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const good =
    grant?.challenge === challenge &&
    grant.redirectUri === form.get('redirect_uri') &&
    grant.resource === form.get('resource')
  if (!good) return undefined
  events.push('code')
  return grant
}

function refresh(form: URLSearchParams, { refreshTokens, events }: ServerState): Grant | undefined {
  const token = form.get('refresh_token') ?? ''
  const grant = refreshTokens.get(token)
  refreshTokens.delete(token)
  if (grant !== undefined) events.push('refresh')
  return grant
}

async function thumbprintOf(request: IncomingMessage): Promise<string | undefined> {
  const proof = request.headers['dpop']
  if (typeof proof !== 'string') return undefined
  const { protectedHeader } = await jwtVerify(proof, EmbeddedJWK, { typ: 'dpop+jwt' })
  return protectedHeader.jwk === undefined
    ? undefined
    : calculateJwkThumbprint(protectedHeader.jwk, 'sha256')
}

async function readText(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}
