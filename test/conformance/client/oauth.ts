/**
 * The ways in which the conformance client gets a token. The flows are the SDK's; what is here is
 * what an application has to bring: where credentials are kept, and a person who always agrees.
 */

import { randomUUID } from 'node:crypto'
import {
  ClientCredentialsProvider,
  CrossAppAccessProvider,
  DpopSession,
  PrivateKeyJwtProvider,
  requestJwtAuthorizationGrant,
  type OAuthClientInformationContext,
  type OAuthClientMetadata,
  type OAuthClientProvider,
  type OAuthDiscoveryState,
  type StoredOAuthClientInformation,
  type StoredOAuthTokens,
} from '@modelcontextprotocol/client'

const CALLBACK = 'http://localhost:3000/callback'
/** The suite's authorization servers accept this document, and no other, as a client. */
const CLIENT_DOCUMENT = 'https://conformance-test.local/client-metadata.json'
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** What a scenario tells the client, from `MCP_CONFORMANCE_CONTEXT`. */
export type ScenarioContext = Readonly<Record<string, unknown>>

/** The authorization code flow, in which the person at the browser is a `fetch`. */
export class BrowserlessProvider implements OAuthClientProvider {
  readonly redirectUrl = CALLBACK
  readonly clientMetadataUrl = CLIENT_DOCUMENT
  readonly clientMetadata: OAuthClientMetadata = {
    client_name: 'sidelight-conformance',
    redirect_uris: [CALLBACK],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  }
  readonly #clients = new Map<string, StoredOAuthClientInformation>()
  readonly #tokens = new Map<string, StoredOAuthTokens>()
  readonly #dpop: DpopSession | undefined
  #latest: StoredOAuthTokens | undefined
  #verifier = ''
  #state = ''
  #callback: URLSearchParams | undefined
  #discovery: OAuthDiscoveryState | undefined

  constructor(dpop?: DpopSession) {
    this.#dpop = dpop
  }

  /** Keeps a registration that was made beforehand with this authorization server. */
  preRegister(issuer: string, client: StoredOAuthClientInformation): void {
    this.#clients.set(issuer, client)
  }

  /** What the browser came back with, once; undefined when nobody was sent to it. */
  takeCallback(): URLSearchParams | undefined {
    const callback = this.#callback
    this.#callback = undefined
    return callback
  }

  state(): string {
    this.#state = randomUUID()
    return this.#state
  }

  async redirectToAuthorization(url: URL): Promise<void> {
    const answer = await fetch(url, { redirect: 'manual' })
    const location = answer.headers.get('location')
    if (location === null) throw new Error(`${url.pathname} answered ${answer.status}, no redirect`)
    const callback = new URL(location).searchParams
    if (callback.get('state') !== this.#state) throw new Error('The callback is not for this state')
    this.#callback = callback
  }

  clientInformation(
    context?: OAuthClientInformationContext,
  ): StoredOAuthClientInformation | undefined {
    return context === undefined ? undefined : this.#clients.get(context.issuer)
  }

  saveClientInformation(
    client: StoredOAuthClientInformation,
    context?: OAuthClientInformationContext,
  ): void {
    if (context !== undefined) this.#clients.set(context.issuer, client)
  }

  tokens(context?: OAuthClientInformationContext): StoredOAuthTokens | undefined {
    return context === undefined ? this.#latest : this.#tokens.get(context.issuer)
  }

  saveTokens(tokens: StoredOAuthTokens, context?: OAuthClientInformationContext): void {
    this.#latest = tokens
    this.#discovery = undefined
    if (context !== undefined) this.#tokens.set(context.issuer, tokens)
  }

  saveDiscoveryState(state: OAuthDiscoveryState): void {
    this.#discovery = state
  }

  /** Known from the redirect to the tokens, and then forgotten: the next sign-in may be elsewhere. */
  discoveryState(): OAuthDiscoveryState | undefined {
    return this.#discovery
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier
  }

  codeVerifier(): string {
    return this.#verifier
  }

  dpop(): DpopSession | undefined {
    return this.#dpop
  }
}

/** A workload that shows a token of its platform instead of a secret (SEP-1933, RFC 7523). */
class WorkloadProvider implements OAuthClientProvider {
  readonly redirectUrl = undefined
  readonly clientMetadata: OAuthClientMetadata = {
    client_name: 'sidelight-conformance',
    redirect_uris: [],
    grant_types: [JWT_BEARER],
    token_endpoint_auth_method: 'none',
  }
  readonly #clientId: string
  readonly #assertion: string
  #tokens: StoredOAuthTokens | undefined

  constructor(clientId: string, assertion: string) {
    this.#clientId = clientId
    this.#assertion = assertion
  }

  clientInformation(): StoredOAuthClientInformation {
    return { client_id: this.#clientId }
  }

  tokens(): StoredOAuthTokens | undefined {
    return this.#tokens
  }

  saveTokens(tokens: StoredOAuthTokens): void {
    this.#tokens = tokens
  }

  prepareTokenRequest(scope?: string): URLSearchParams {
    const request = new URLSearchParams({ grant_type: JWT_BEARER, assertion: this.#assertion })
    if (scope !== undefined) request.set('scope', scope)
    return request
  }

  redirectToAuthorization(): void {
    throw new Error('A workload has no browser')
  }

  saveCodeVerifier(): void {}

  codeVerifier(): string {
    throw new Error('A workload has no code to verify')
  }
}

/** The provider that a scenario needs, with the credentials that it handed out. */
export async function providerFor(
  scenario: string,
  context: ScenarioContext,
): Promise<OAuthClientProvider> {
  const text = (name: string): string => textOf(context, name)
  switch (scenario) {
    case 'auth/client-credentials-basic':
      return new ClientCredentialsProvider({
        clientId: text('client_id'),
        clientSecret: text('client_secret'),
      })
    case 'auth/client-credentials-jwt':
      return new PrivateKeyJwtProvider({
        clientId: text('client_id'),
        privateKey: text('private_key_pem'),
        algorithm: text('signing_algorithm'),
      })
    case 'auth/enterprise-managed-authorization':
      return enterpriseProvider(context)
    case 'auth/wif-jwt-bearer':
      return new WorkloadProvider(text('client_id'), text('valid_jwt'))
    case 'auth/dpop':
    case 'auth/dpop-nonce':
      return new BrowserlessProvider(await DpopSession.create())
    case 'auth/pre-registration': {
      const provider = new BrowserlessProvider()
      const issuer = text('issuer')
      const client = { client_id: text('client_id'), client_secret: text('client_secret'), issuer }
      provider.preRegister(issuer, client)
      return provider
    }
    default:
      return new BrowserlessProvider()
  }
}

/** The identity provider of an enterprise vouches for the user (SEP-990). */
function enterpriseProvider(context: ScenarioContext): OAuthClientProvider {
  const text = (name: string): string => textOf(context, name)
  return new CrossAppAccessProvider({
    clientId: text('client_id'),
    clientSecret: text('client_secret'),
    assertion: async ({ authorizationServerUrl, resourceUrl, scope, fetchFn }) => {
      const { jwtAuthGrant } = await requestJwtAuthorizationGrant({
        tokenEndpoint: text('idp_token_endpoint'),
        audience: authorizationServerUrl,
        resource: resourceUrl,
        idToken: text('idp_id_token'),
        clientId: text('idp_client_id'),
        fetchFn,
        ...(scope === undefined ? {} : { scope }),
      })
      return jwtAuthGrant
    },
  })
}

function textOf(context: ScenarioContext, name: string): string {
  const value = context[name]
  if (typeof value !== 'string') throw new Error(`The scenario's context has no ${name}`)
  return value
}
