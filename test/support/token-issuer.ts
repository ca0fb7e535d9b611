/** An issuer of tokens on a port of its own: keys that it publishes, metadata, and tokens. */

import { generateKeyPair, exportJWK, SignJWT, type CryptoKey, type JWK } from 'jose'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { closeAfterTest } from './scope.ts'

export interface Signer {
  readonly kid: string | undefined
  readonly algorithm: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

export async function makeSigner(algorithm: string, kid: string | undefined): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  const jwk = await exportJWK(publicKey)
  return {
    kid,
    algorithm,
    privateKey,
    jwk: { ...jwk, ...(kid === undefined ? {} : { kid }), alg: algorithm, use: 'sig' },
  }
}

export interface Claimed {
  /** In place of, or besides, the usual claims; undefined leaves one out. */
  readonly claims?: Readonly<Record<string, unknown>>
  readonly header?: Readonly<Record<string, unknown>>
}

/** A token with what every token has: ten minutes for `alice`, for the audience `sidelight-test`. */
export function mint(
  signer: Signer,
  issuer: string,
  nowMs: number,
  { claims = {}, header = {} }: Claimed = {},
): Promise<string> {
  const now = Math.floor(nowMs / 1_000)
  const payload = {
    iss: issuer,
    aud: 'sidelight-test',
    sub: 'alice',
    iat: now,
    exp: now + 600,
    roles: ['analyst'],
    ...claims,
  }
  return new SignJWT(payload)
    .setProtectedHeader({
      alg: signer.algorithm,
      typ: 'at+jwt',
      ...(signer.kid === undefined ? {} : { kid: signer.kid }),
      ...header,
    })
    .sign(signer.privateKey)
}

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
