/**
 * Rewrites the `endpoint` event of HTTP+SSE (2024-11-05 "HTTP with SSE"): where clients post.
 *
 * Events before it pass as they are; after it, every byte does.
 */

/** An `endpoint` event comes first; a stream that names none in so many bytes is passed as it is. */
const SEARCH_BYTES_MAX = 64 * 1024

const EMPTY: Buffer = Buffer.alloc(0)

export class EndpointRewriter {
  readonly #rewrite: (address: string) => string | undefined
  #held: Buffer = EMPTY
  #done = false

  /** `rewrite` returns what to say instead, or undefined for an address that must not be used. */
  constructor(rewrite: (address: string) => string | undefined) {
    this.#rewrite = rewrite
  }

  /** What of the stream may go on now. */
  write(chunk: Buffer): Buffer {
    if (this.#done) return chunk
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    const out: Buffer[] = []
    for (;;) {
      const end = endOfEvent(this.#held)
      if (end < 0) break
      const event = this.#held.subarray(0, end)
      this.#held = this.#held.subarray(end)
      const rewritten = this.#rewriteEvent(event)
      out.push(rewritten ?? event)
      if (rewritten === undefined) continue
      this.#done = true
      break
    }
    if (this.#done || this.#held.length > SEARCH_BYTES_MAX) {
      this.#done = true
      out.push(this.#held)
      this.#held = EMPTY
    }
    return out.length === 1 ? (out[0] ?? EMPTY) : Buffer.concat(out)
  }

  /** What is left when the stream ends. */
  end(): Buffer {
    const rest = this.#held
    this.#held = EMPTY
    return rest
  }

  /** The event with our address in it; undefined when it is another event. */
  #rewriteEvent(event: Buffer): Buffer | undefined {
    // A stream may begin with a byte order mark, which is no part of its first line.
    const lines = event
      .toString('utf8')
      .replace(/^\ufeff/, '')
      .split(/\r\n|\r|\n/)
    const valueOf = (line: string, field: string): string | undefined =>
      line.startsWith(`${field}:`) ? line.slice(field.length + 1).replace(/^ /, '') : undefined
    const name = lines.map((line) => valueOf(line, 'event')).find((value) => value !== undefined)
    if (name !== 'endpoint') return undefined
    const address = lines
      .map((line) => valueOf(line, 'data'))
      .filter((value) => value !== undefined)
      .join('\n')
    const ours = this.#rewrite(address)
    // An event without data is none: the client waits, and its stream says nothing more of it.
    return ours === undefined ? EMPTY : Buffer.from(`event: endpoint\ndata: ${ours}\n\n`)
  }
}

/**
 * Where the first whole event ends, its blank line included; -1 when it has not ended. A CR at the very
 * end may be half of a CRLF; its other half is then one more blank line, which says nothing.
 */
function endOfEvent(bytes: Buffer): number {
  const match = /(?:\r\n|\r(?!\n)|\n)(?:\r\n|\r(?!\n)|\n)/.exec(bytes.toString('latin1'))
  return match === null ? -1 : match.index + match[0].length
}
