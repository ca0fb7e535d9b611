/**
 * OAuth metadata of an upstream behind an address of ours (RFC 9728).
 *
 * A client refuses metadata whose `resource` is not the address it called, so an upstream that is
 * reached under another address needs its metadata and its challenges rewritten. Nothing of that
 * happens in `host: preserve` placement, where the address is the upstream's own.
 *
 * The consequence: clients ask the authorization server for tokens for OUR address. It must issue
 * them, and the upstream must accept that audience (docs/placement.md).
 */

import { headerOf, type Exchange } from '../core/exchange.ts'
import type { ReplySink, TransportFailure } from './transport.ts'

export const METADATA_PREFIX = '/.well-known/oauth-protected-resource'

/** Larger metadata is passed as it is. */
const METADATA_BYTES_MAX = 256 * 1024

/** The address under which clients know the sidecar: scheme and authority. */
export function publicOrigin(exchange: Exchange, configured: string | undefined): string {
  return configured ?? `http://${headerOf(exchange.headers, 'host') ?? 'localhost'}`
}

/** Headers of a 401 or 403 whose challenge names our metadata in place of the upstream's. */
export function rewriteChallenge(
  rawHeaders: readonly string[],
  metadataUrl: string,
  onOriginal: (url: string) => void,
): string[] {
  return rawHeaders.map((value, index) => {
    const name = index % 2 === 1 ? (rawHeaders[index - 1] ?? '') : ''
    if (name.toLowerCase() !== 'www-authenticate') return value
    return value.replaceAll(
      /(resource_metadata\s*=\s*)("[^"]*"|[^\s,]+)/gi,
      (_, key: string, original: string) => {
        onOriginal(original.replaceAll('"', ''))
        return `${key}"${metadataUrl}"`
      },
    )
  })
}

/** Headers of a 401 or 403 without what it asks for. */
export function withoutChallenges(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, index) => {
    const name = rawHeaders[index - (index % 2)] ?? ''
    return name.toLowerCase() !== 'www-authenticate'
  })
}

/**
 * Whether metadata speaks of this upstream: its own URL, or one that it lies under. Anything else goes
 * on unchanged, so that clients still see that it does not match (RFC 9728 §3.3).
 */
export function isResourceOf(resource: unknown, upstream: URL): boolean {
  if (typeof resource !== 'string' || !URL.canParse(resource)) return false
  const { origin, pathname } = new URL(resource)
  const prefix = pathname.endsWith('/') ? pathname : `${pathname}/`
  return origin === upstream.origin && `${upstream.pathname}/`.startsWith(prefix)
}

/** Holds the upstream's metadata until it is whole and puts our address in it. */
export class MetadataSink implements ReplySink {
  readonly #sink: ReplySink
  readonly #resource: string
  readonly #upstream: URL
  readonly #onMissing: (() => void) | undefined
  #head: { status: number; message: string; headers: readonly string[] } | undefined
  #missing = false
  #chunks: Buffer[] = []
  #bytes = 0
  #passing = false

  /** `onMissing` is called instead when the upstream has no metadata at this place. */
  constructor(
    sink: ReplySink,
    resource: string,
    upstream: URL,
    onMissing: (() => void) | undefined,
  ) {
    this.#upstream = upstream
    this.#sink = sink
    this.#resource = resource
    this.#onMissing = onMissing
  }

  head(status: number, message: string, headers: readonly string[]): void {
    this.#missing = status === 404 && this.#onMissing !== undefined
    this.#head = { status, message, headers }
    if (status !== 200 && !this.#missing) this.#pass()
  }

  data(chunk: Buffer): boolean {
    if (this.#missing) return true
    if (this.#passing) return this.#sink.data(chunk)
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes > METADATA_BYTES_MAX) this.#pass()
    return true
  }

  end(): void {
    if (this.#missing) return this.#onMissing?.()
    if (!this.#passing) this.#rewrite()
    this.#sink.end()
  }

  failed(failure: TransportFailure): void {
    this.#sink.failed(failure)
  }

  cancelled(): void {
    this.#sink.cancelled()
  }

  #pass(): void {
    const head = this.#head
    this.#passing = true
    if (head !== undefined) this.#sink.head(head.status, head.message, head.headers)
    for (const chunk of this.#chunks) this.#sink.data(chunk)
    this.#chunks = []
  }

  #rewrite(): void {
    const metadata = parseObject(Buffer.concat(this.#chunks))
    const head = this.#head
    if (metadata === undefined || head === undefined) return this.#pass()
    const own = 'resource' in metadata && isResourceOf(metadata.resource, this.#upstream)
    if (!own) return this.#pass()
    const body = Buffer.from(JSON.stringify({ ...metadata, resource: this.#resource }))
    const kept = head.headers.filter((_, index) => {
      const name = (head.headers[index - (index % 2)] ?? '').toLowerCase()
      return name !== 'content-length' && name !== 'etag'
    })
    this.#sink.head(200, head.message, [...kept, 'Content-Length', String(body.length)])
    this.#sink.data(body)
  }
}

function parseObject(bytes: Buffer): object | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}
