/** Where an issuer's keys are read: at an address, found by its metadata, or in a file. */

import { readFile } from 'node:fs/promises'
import type { Clock } from '../core/clock.ts'
import { isClaims } from './claim-path.ts'
import type { HttpClient, Reply } from './http-client.ts'
import type { Loaded } from './key-set.ts'

type Load = () => Promise<Loaded>

/** The address of the keys is asked for anew after so long, and when it does not answer. */
const METADATA_MS = 60 * 60_000

const FILE_BYTES_MAX = 256 * 1024

export interface KeyServer {
  readonly client: HttpClient
  /** A credential for the issuer's servers, read each time: such files change. */
  readonly bearerFile: string | undefined
}

export function loadFromUrl(url: URL, server: KeyServer): Load {
  return async () => {
    const reply = await get(url, server)
    if (reply.kind === 'failed') return failed(reply.code)
    return reply.status === 200
      ? { kind: 'document', text: reply.text }
      : failed(`status ${reply.status}`)
  }
}

export function loadFromFile(path: string): Load {
  return async () => {
    try {
      const text = await readFile(path, 'utf8')
      return text.length > FILE_BYTES_MAX ? failed('too_large') : { kind: 'document', text }
    } catch (error) {
      return failed(error instanceof Error && 'code' in error ? String(error.code) : 'unreadable')
    }
  }
}

/**
 * By the issuer's metadata: RFC 8414 §3, then OpenID Connect Discovery §4. Whatever calls itself by
 * another name is not this issuer's.
 */
export function loadByMetadata(issuer: string, server: KeyServer, clock: Clock): Load {
  let found: { readonly url: URL; readonly atMs: number } | undefined
  return async () => {
    const nowMs = clock.monotonicMs()
    if (found === undefined || nowMs - found.atMs > METADATA_MS) {
      const url = await findKeys(issuer, server)
      if (url instanceof URL) found = { url, atMs: nowMs }
      else if (found === undefined) return url
    }
    const loaded = await loadFromUrl(found.url, server)()
    if (loaded.kind === 'failed') found = undefined
    return loaded
  }
}

async function findKeys(issuer: string, server: KeyServer): Promise<URL | Loaded> {
  let problem: Loaded = failed('no metadata')
  for (const place of metadataPlaces(issuer)) {
    const reply = await get(place, server)
    const read = readMetadata(reply, issuer)
    if (read instanceof URL) return read
    problem = read
    // Who cannot be reached at one address cannot be reached at the other.
    if (reply.kind === 'failed') break
  }
  return problem
}

export function metadataPlaces(issuer: string): readonly URL[] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  return [
    new URL(`${origin}/.well-known/oauth-authorization-server${path}`),
    new URL(`${origin}${path}/.well-known/openid-configuration`),
    ...(path === '' ? [] : [new URL(`${origin}/.well-known/openid-configuration${path}`)]),
  ]
}

function readMetadata(reply: Reply, issuer: string): URL | Loaded {
  if (reply.kind === 'failed') return failed(reply.code)
  if (reply.status !== 200) return failed(`status ${reply.status} of its metadata`)
  const metadata = parse(reply.text)
  if (!isClaims(metadata) || metadata['issuer'] !== issuer) {
    return invalid('metadata that is not of this issuer')
  }
  const url = metadata['jwks_uri']
  return typeof url === 'string' && mayHoldKeys(url, issuer)
    ? new URL(url)
    : invalid('metadata without an https:// address of keys')
}

/** Metadata that came over https must not send us to somebody on this machine. */
function mayHoldKeys(url: string, issuer: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  if (protocol === 'https:') return true
  const own = new URL(issuer)
  return protocol === 'http:' && own.protocol === 'http:' && own.hostname === hostname
}

async function get(url: URL, { client, bearerFile }: KeyServer): Promise<Reply> {
  const headers: Record<string, string> = {}
  if (bearerFile !== undefined) {
    const token = await readToken(bearerFile)
    if (token === undefined) return { kind: 'failed', code: 'bearerFile unreadable' }
    headers['Authorization'] = `Bearer ${token}`
  }
  return client.ask({ url, method: 'GET', headers, body: undefined })
}

async function readToken(path: string): Promise<string | undefined> {
  try {
    const token = (await readFile(path, 'utf8')).trim()
    return /^[\x21-\x7e]{1,16384}$/.test(token) ? token : undefined
  } catch {
    return undefined
  }
}

function failed(detail: string): Loaded {
  return { kind: 'failed', result: 'unreachable', detail }
}

function invalid(detail: string): Loaded {
  return { kind: 'failed', result: 'invalid', detail }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
