/** What the official SDK wants to know of the person whose client it is: where they come back to, and what they got. */

import { createServer } from 'node:http'
import { once } from 'node:events'
import type {
  OAuthClientInformationMixed,
  OAuthClientMetadata,
  OAuthClientProvider,
  OAuthTokens,
} from '@modelcontextprotocol/client'

/** Keeps everything in memory; a real client keeps tokens in the keychain. */
export class Person implements OAuthClientProvider {
  readonly redirectUrl: string
  /** What the authorization server sent the browser back with. */
  readonly #backs: Promise<URLSearchParams>[] = []
  readonly #comeBack: () => Promise<URLSearchParams>
  #client: OAuthClientInformationMixed | undefined
  #tokens: OAuthTokens | undefined
  #verifier = ''

  private constructor(redirectUrl: string, comeBack: () => Promise<URLSearchParams>) {
    this.redirectUrl = redirectUrl
    this.#comeBack = comeBack
  }

  /** Listens on a port of its own for the browser that comes back. */
  static async listen(): Promise<{ person: Person; close: () => void }> {
    const server = createServer((request, response) => {
      response.end('You can close this window.')
      server.emit('back', new URL(request.url ?? '/', 'http://127.0.0.1').searchParams)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : address
    const comeBack = async (): Promise<URLSearchParams> => (await once(server, 'back'))[0]
    const close = (): void => {
      server.close()
      server.closeAllConnections()
    }
    return { person: new Person(`http://127.0.0.1:${port}/callback`, comeBack), close }
  }

  /** The parameters that the browser last came back with. */
  async back(): Promise<URLSearchParams> {
    const last = await this.#backs.pop()
    if (last === undefined) throw new Error('nobody was sent to the authorization server')
    return last
  }

  get clientMetadata(): OAuthClientMetadata {
    return {
      client_name: 'Sidelight example',
      redirect_uris: [this.redirectUrl],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    }
  }

  async redirectToAuthorization(url: URL): Promise<void> {
    this.#backs.push(this.#comeBack())
    // The authorization server here asks nothing, so a request takes the place of a browser.
    await fetch(url)
  }

  clientInformation(): OAuthClientInformationMixed | undefined {
    return this.#client
  }

  saveClientInformation(client: OAuthClientInformationMixed): void {
    this.#client = client
  }

  tokens(): OAuthTokens | undefined {
    return this.#tokens
  }

  saveTokens(tokens: OAuthTokens): void {
    this.#tokens = tokens
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier
  }

  codeVerifier(): string {
    return this.#verifier
  }
}
