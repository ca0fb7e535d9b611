/**
 * The revisions that clients and servers agreed on where no message repeats it: over pipes there are
 * no headers, and before 2026-07-28 only `initialize` names one (MCP 2025-11-25, "Version negotiation").
 */

import type { Call, Exchange } from '../core/exchange.ts'
import type { Answered } from '../core/observer.ts'

/** An answer to `initialize` holds instructions too; one that is longer is not read. */
const RESULT_BYTES_MAX = 64 * 1024

export class AgreedRevisions {
  /** By upstream, of which each has one client when there are pipes: the program that wraps it. */
  readonly #byUpstream = new Map<string, string>()

  of({ carrier, upstreamName }: Exchange): string | undefined {
    return carrier === 'pipe' ? this.#byUpstream.get(upstreamName) : undefined
  }

  /** Bytes of the answer's result that have to be copied to learn from it. */
  resultBytesWanted({ exchange, message }: Call): number {
    return exchange.carrier === 'pipe' && message.method === 'initialize' ? RESULT_BYTES_MAX : 0
  }

  learn(call: Call, { result }: Answered): void {
    if (result === undefined || this.resultBytesWanted(call) === 0) return
    const revision = revisionIn(result)
    if (revision !== undefined) this.#byUpstream.set(call.exchange.upstreamName, revision)
  }
}

function revisionIn(result: Buffer): string | undefined {
  try {
    const value: unknown = JSON.parse(result.toString('utf8'))
    const known = typeof value === 'object' && value !== null && 'protocolVersion' in value
    return known && typeof value.protocolVersion === 'string'
      ? value.protocolVersion.slice(0, 64)
      : undefined
  } catch {
    return undefined
  }
}
