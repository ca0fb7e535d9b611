/** What can go wrong between a client and a server over TCP and HTTP. All of it is plain data. */

/** Which bytes: those of replies, which is what is meant when nothing is said, or of requests. */
export type Way = 'toClient' | 'toServer'

/** What happens to bytes on their way. */
export type LinkFault =
  | {
      readonly kind: 'latency'
      readonly way?: Way
      readonly ms: number
      /** At most so much more; how much is chance. Order is kept. */
      readonly jitterMs?: number
    }
  | { readonly kind: 'bandwidth'; readonly way?: Way; readonly bytesPerSecond: number }
  /** Bytes leave in slices of this size, each in a write of its own. */
  | {
      readonly kind: 'slice'
      readonly way?: Way
      readonly bytes: number
      readonly everyMs?: number
    }
  /** Bytes wait until the fault is gone. */
  | { readonly kind: 'stall'; readonly way?: Way }
  /** Bytes become others; `share` of them, or all. */
  | { readonly kind: 'garbage'; readonly way?: Way; readonly share?: number }
  | Cut

/**
 * The connection breaks where the bytes after the first `afterBytes` would pass, counted since the
 * fault was set. `reset`: with RST. `truncate`: in good order, both ways. `half_close`: in good order,
 * this way alone.
 */
export interface Cut {
  readonly kind: 'reset' | 'truncate' | 'half_close'
  readonly way?: Way
  readonly afterBytes: number
}

/** What happens to connections. */
export type ConnectionFault =
  /** Nothing listens; connections that were open are reset. */
  | { readonly kind: 'refuse' }
  /**
   * Connections are accepted, and what comes on them is read, and that is all; also for those that
   * are open. What went into the hole does not come out when it closes.
   */
  | { readonly kind: 'black_hole' }

/** What happens to requests instead of reaching the server. */
export interface RequestFault {
  /** `swallow`: there never is a reply. */
  readonly kind: 'answer' | 'swallow'
  /** JSON-RPC methods that are meant; without it all, and requests without a message too. */
  readonly methods?: readonly string[]
  /** How many of them, by chance; without it all. */
  readonly share?: number
  /** Such as `503 Service Unavailable`. */
  readonly status?: string
  readonly headers?: readonly string[]
  readonly body?: string
}

export type Fault = LinkFault | ConnectionFault | RequestFault

const REQUEST_FAULTS: ReadonlySet<Fault['kind']> = new Set(['answer', 'swallow'])

export function isRequestFault(fault: Fault): fault is RequestFault {
  return REQUEST_FAULTS.has(fault.kind)
}

/** The fault of a kind that holds on a way; the last one, when there are several. */
export function findFault<K extends LinkFault['kind']>(
  faults: readonly Fault[],
  kind: K,
  way: Way,
): Extract<LinkFault, { readonly kind: K }> | undefined {
  return faults.findLast((fault): fault is Extract<LinkFault, { readonly kind: K }> =>
    fault.kind === kind && 'way' in fault
      ? fault.way === way
      : fault.kind === kind && way === 'toClient',
  )
}

const CUTS: ReadonlySet<Fault['kind']> = new Set(['reset', 'truncate', 'half_close'])

export function findCut(faults: readonly Fault[], way: Way): Cut | undefined {
  return faults.findLast((fault): fault is Cut => isCut(fault) && (fault.way ?? 'toClient') === way)
}

function isCut(fault: Fault): fault is Cut {
  return CUTS.has(fault.kind)
}
