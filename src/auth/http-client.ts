/** Asks an issuer's servers, with a limit on everything and without following anybody anywhere. */

import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'

export interface Question {
  readonly url: URL
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  /** Of a POST. */
  readonly body: string | undefined
}

export type Reply =
  /** Whatever the status; a redirect is an answer like any other. */
  | { readonly kind: 'reply'; readonly status: number; readonly text: string }
  /** `code` is the system's, such as ECONNREFUSED, or one of ours. */
  | { readonly kind: 'failed'; readonly code: string }

export interface HttpClient {
  /** Never rejects, and ends in bounded time. */
  ask(question: Question): Promise<Reply>
  close(): void
}

/** For the whole answer, however slowly it drips. */
const TIMEOUT_MS = 5_000

const BYTES_MAX = 256 * 1024

const CONNECTIONS_MAX = 16

/** `ca` holds certificates to trust in place of the usual ones. */
export function createHttpClient(ca: string | undefined, timeoutMs = TIMEOUT_MS): HttpClient {
  const usual = { keepAlive: true, maxSockets: CONNECTIONS_MAX }
  const http = new HttpAgent(usual)
  const https = new HttpsAgent(ca === undefined ? usual : { ...usual, ca })
  return {
    ask: (question) => askOnce(question, AbortSignal.timeout(timeoutMs), http, https),
    close: () => {
      http.destroy()
      https.destroy()
    },
  }
}

function askOnce(
  { url, method, headers, body }: Question,
  signal: AbortSignal,
  http: HttpAgent,
  https: HttpsAgent,
): Promise<Reply> {
  const secure = url.protocol === 'https:'
  return new Promise((resolve) => {
    const fail = (code: string): void => resolve({ kind: 'failed', code })
    const request = (secure ? httpsRequest : httpRequest)(url, {
      method,
      headers: { Accept: 'application/json', ...headers },
      agent: secure ? https : http,
      signal,
    })
    request.on('error', (error: NodeJS.ErrnoException) => {
      fail(error.name === 'TimeoutError' || error.name === 'AbortError' ? 'timeout' : codeOf(error))
    })
    // Whoever switches protocols says nothing that is read, and Node then tells of no error.
    request.on('upgrade', (_, socket) => socket.destroy())
    request.on('close', () => fail('closed'))
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        chunks.push(chunk)
        if (bytes <= BYTES_MAX) return
        fail('too_large')
        request.destroy()
      })
      response.on('error', (error: NodeJS.ErrnoException) => fail(codeOf(error)))
      response.on('end', () =>
        resolve({
          kind: 'reply',
          status: response.statusCode ?? 0,
          text: Buffer.concat(chunks).toString('utf8'),
        }),
      )
      response.on('close', () => fail('closed'))
    })
    request.end(body)
  })
}

function codeOf(error: NodeJS.ErrnoException): string {
  return error.code ?? 'failed'
}
