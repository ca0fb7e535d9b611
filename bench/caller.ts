/** Who calls: a token that every request of a run carries, and the key set that it can be checked with. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

export const ISSUER = 'https://idp.example'
export const AUDIENCE = 'https://mcp.example'

export interface Caller {
  /** Headers of every request, the same for every target, so that all read as many bytes. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** A token of somebody else, with the same rights. */
  readonly tokenFor: (subject: string) => Promise<string>
  /** The issuer's key set. */
  readonly keysFile: string
  /** A directory of this run alone, removed at its end. */
  readonly dir: string
}

/** As much as tokens of real issuers hold. */
const CLAIMS = {
  roles: ['analyst'],
  org_id: 'acme',
  client_id: 'bench',
  email: 'alice@acme.example',
  groups: Array.from({ length: 12 }, (_, i) => `group-number-${i}`),
}

/** Longer than any run. */
const LIFETIME_S = 12 * 3_600

export async function createCaller(): Promise<Caller> {
  const dir = mkdtempSync(path.join(tmpdir(), 'sidelight-bench-'))
  // Also when the run is broken off.
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const key = { ...(await exportJWK(publicKey)), kid: 'bench', alg: 'ES256', use: 'sig' }
  const keysFile = path.join(dir, 'keys.json')
  writeFileSync(keysFile, JSON.stringify({ keys: [key] }))
  const tokenFor = (subject: string): Promise<string> => {
    const now = Math.floor(Date.now() / 1_000)
    return new SignJWT({ ...CLAIMS, sub: subject })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'bench' })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setIssuedAt(now)
      .setExpirationTime(now + LIFETIME_S)
      .sign(privateKey)
  }
  return {
    headers: [['Authorization', `Bearer ${await tokenFor('alice')}`]],
    tokenFor,
    keysFile,
    dir,
  }
}
