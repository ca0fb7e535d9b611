/** A client of the official SDK on one server, which signs in whenever the server asks for it. */

import {
  Client,
  StreamableHTTPClientTransport,
  UnauthorizedError,
  type ClientOptions,
  type OAuthClientProvider,
} from '@modelcontextprotocol/client'
import { BrowserlessProvider } from './oauth.ts'

/** Revisions from this one on have no handshake. */
const FIRST_MODERN = '2026-07-28'
/** A server that is never content must not be asked for ever. */
const SIGN_INS_MAX = 2

const INFO = { name: 'sidelight-conformance', version: '1.0.0' }

export interface SessionOptions {
  readonly server: URL
  readonly revision: string
  readonly capabilities?: ClientOptions['capabilities']
  readonly provider?: OAuthClientProvider
  /** Registers handlers before anything is sent. */
  readonly prepare?: (client: Client) => void
}

export class Session {
  readonly client: Client
  /** Resolves when the server has accepted the GET stream, which the SDK opens without a word. */
  readonly listening: Promise<void>
  readonly #transport: StreamableHTTPClientTransport
  readonly #provider: OAuthClientProvider | undefined

  private constructor(options: SessionOptions) {
    this.#provider = options.provider
    const { promise, resolve } = Promise.withResolvers<void>()
    this.listening = promise
    this.#transport = new StreamableHTTPClientTransport(options.server, {
      fetch: async (url, init) => {
        const answer = await fetch(url, init)
        if (init?.method === 'GET' && String(url) === options.server.href) resolve()
        return answer
      },
      ...(options.provider === undefined ? {} : { authProvider: options.provider }),
    })
    this.client = new Client(INFO, {
      capabilities: options.capabilities ?? {},
      ...(options.revision >= FIRST_MODERN
        ? { versionNegotiation: { mode: { pin: options.revision } } }
        : {}),
    })
    options.prepare?.(this.client)
  }

  static async open(options: SessionOptions): Promise<Session> {
    for (let signIns = 0; ; signIns += 1) {
      const session = new Session(options)
      try {
        await session.client.connect(session.#transport)
        return session
      } catch (error) {
        await session.#signIn(error, signIns)
      }
    }
  }

  /** Does the work, again after each time that the server sent the user to sign in. */
  async run<T>(work: (client: Client) => Promise<T>): Promise<T> {
    for (let signIns = 0; ; signIns += 1) {
      try {
        return await work(this.client)
      } catch (error) {
        await this.#signIn(error, signIns)
      }
    }
  }

  async close(): Promise<void> {
    await this.client.close()
  }

  /** Redeems what the browser came back with; throws the error when that is not what it is about. */
  async #signIn(error: unknown, signIns: number): Promise<void> {
    if (!(error instanceof UnauthorizedError) || signIns === SIGN_INS_MAX) throw error
    const provider = this.#provider
    const callback = provider instanceof BrowserlessProvider ? provider.takeCallback() : undefined
    if (callback === undefined) throw error
    await this.#transport.finishAuth(callback)
  }
}
