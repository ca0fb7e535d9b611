/** An issuer of tokens on a port of its own: keys that it publishes, metadata, and tokens. */

import type { JWK } from 'jose'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { closeAfterTest } from './scope.ts'
import { makeSigner, mint, type Claimed, type Signer } from './signer.ts'

export interface TokenIssuer {
  /** Its name and its address. */
  readonly url: string
  /** Paths that were asked for. */
  readonly asked: readonly string[]
  signer: Signer
  /** What is published; the signer's key unless a test says otherwise. */
  published: readonly JWK[]
  /** Answers in place of the issuer, when set. */
  answer: ((incoming: IncomingMessage, outgoing: ServerResponse) => void) | undefined
  token(claimed?: Claimed): Promise<string>
  close(): Promise<void>
}

export async function startTokenIssuer(algorithm = 'ES256'): Promise<TokenIssuer> {
  const asked: string[] = []
  const server = createServer((incoming, outgoing) => {
    asked.push(incoming.url ?? '')
    if (issuer.answer !== undefined) return issuer.answer(incoming, outgoing)
    outgoing.setHeader('Content-Type', 'application/json')
    if (incoming.url === '/keys') {
      return void outgoing.end(JSON.stringify({ keys: issuer.published }))
    }
    if (incoming.url === '/.well-known/oauth-authorization-server') {
      const metadata = { issuer: issuer.url, jwks_uri: `${issuer.url}/keys` }
      return void outgoing.end(JSON.stringify(metadata))
    }
    outgoing.writeHead(404).end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const url = `http://127.0.0.1:${port}`
  const signer = await makeSigner(algorithm, 'first')
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  closeAfterTest(close)
  const issuer: TokenIssuer = {
    url,
    asked,
    signer,
    published: [signer.jwk],
    answer: undefined,
    token: (claimed) => mint(issuer.signer, url, Date.now(), claimed),
    close,
  }
  return issuer
}
