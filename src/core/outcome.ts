/**
 * How one call ended, and everything that follows from it.
 *
 * The span, the histograms, the breaker, the audit record, the log line and the answer are all
 * views of this one value. `factsOf` is the only place that says what an outcome means; the table
 * in docs/outcomes.md is generated from it.
 */

import type { LimitName } from './limits.ts'
import { faultOfRejection, type RejectReason } from './reject-reasons.ts'

export type Outcome =
  | { readonly kind: 'ok' }
  /** 2026-07-28: one leg of a multi-round-trip request; the client will come back with input. */
  | { readonly kind: 'input_required' }
  /** Accepted as a long-running task. */
  | { readonly kind: 'task' }
  /** The tool ran and reported failure: `result.isError` is true. */
  | { readonly kind: 'tool_error' }
  /** The upstream answered with a JSON-RPC error. `message` is the upstream's, cut to 256 bytes. */
  | { readonly kind: 'rpc_error'; readonly code: number; readonly message?: string }
  | UpstreamFailed
  /** A status below 500 without a JSON-RPC error in it: the upstream is alive and said no. */
  | { readonly kind: 'upstream_status'; readonly status: number }
  | Rejection
  /** The client left first, or did not read. */
  | { readonly kind: 'cancelled' }
  /** A defect of the sidecar itself ended the call. */
  | { readonly kind: 'internal' }

export type OutcomeKind = Outcome['kind']

/** The upstream did not answer as a working MCP server would. */
export interface UpstreamFailed {
  readonly kind: 'upstream_failed'
  readonly reason: UpstreamFailure
  /** False only when not one byte of the request can have reached the upstream. */
  readonly sent: boolean
  /** The HTTP status, when `reason` is `http_5xx`. */
  readonly status?: number
}

export type UpstreamFailure =
  /** No connection: refused, unreachable, name not found, TLS refused, connect timeout. */
  | 'connect'
  | 'timeout'
  /** The connection broke with an error. */
  | 'reset'
  /** The connection or the stream ended before the answer was complete. */
  | 'closed'
  | 'http_5xx'
  /** Not HTTP, not JSON, or not an answer to this call. */
  | 'bad_message'
  | 'process_exit'

export const UPSTREAM_FAILURES: readonly UpstreamFailure[] = [
  'connect',
  'timeout',
  'reset',
  'closed',
  'http_5xx',
  'bad_message',
  'process_exit',
]

/** Refused here; the upstream never saw it. */
export interface Rejection {
  readonly kind: 'rejected'
  readonly reason: RejectReason
  /** For the caller and for people. Never holds a token, an argument or a key. */
  readonly message: string
  /** How long the caller should wait before it tries again, when waiting can help. */
  readonly retryAfterMs?: number
  /** The limit that was hit, when one was. */
  readonly limit?: LimitName
  /** What MCP orders the error's `data` to say, such as the revisions that are supported. */
  readonly data?: Readonly<Record<string, string | readonly string[]>>
  /** Values of `WWW-Authenticate`: which credential would help, and where it is to be had. */
  readonly challenges?: readonly string[]
}

export function reject(reason: RejectReason, message: string, retryAfterMs?: number): Rejection {
  return retryAfterMs === undefined
    ? { kind: 'rejected', reason, message }
    : { kind: 'rejected', reason, message, retryAfterMs }
}

/** A rejection because a limit was hit, which is counted under the limit's name too. */
export function rejectOver(limit: LimitName, reason: RejectReason, message: string): Rejection {
  return { kind: 'rejected', reason, message, limit }
}

/** What is said while the sidecar shuts down. */
export const DRAINING: Rejection = reject('draining', 'the sidecar is shutting down')

/** Whose fault it was that the caller did not get what it asked for. */
export type FaultDomain = 'none' | 'caller' | 'policy' | 'upstream' | 'sidecar'

/** What a circuit breaker may learn from an outcome. */
export type BreakerSignal = 'healthy' | 'fault' | 'none'

/** Everything an outcome means. `undefined` for an error type means: not an error on that side. */
export interface OutcomeFacts {
  /** `error.type` of the CLIENT span and `mcp.client.operation.duration`; its span is ERROR when set. */
  readonly clientErrorType: string | undefined
  /** `error.type` of the SERVER span and `mcp.server.operation.duration`; its span is ERROR when set. */
  readonly serverErrorType: string | undefined
  readonly faultDomain: FaultDomain
  /** What the breaker of the upstream learns. */
  readonly breakerSignal: BreakerSignal
  /** What the breaker of the tool learns that was called. */
  readonly toolSignal: BreakerSignal
  /** Whether the call is one that an available service would have answered. */
  readonly countsAgainstAvailability: boolean
}

/**
 * JSON-RPC codes that are the caller's mistake, so not an error of the server that reports them
 * (OpenTelemetry semantic conventions for MCP, "Recording errors", server side).
 */
const CALLER_CODES_ON_SERVER: ReadonlySet<number> = new Set([
  -32700, -32600, -32601, -32602, -32002,
])

/** Caller mistakes that MCP 2026-07-28 and 2025-11-25 added; still an `error.type` on both sides. */
const CALLER_CODES: ReadonlySet<number> = new Set([-32020, -32021, -32022, -32042])

const INTERNAL_ERROR_CODE = -32603

const GOOD: OutcomeFacts = {
  clientErrorType: undefined,
  serverErrorType: undefined,
  faultDomain: 'none',
  breakerSignal: 'healthy',
  toolSignal: 'healthy',
  countsAgainstAvailability: false,
}

const TOOL_ERROR: OutcomeFacts = {
  ...GOOD,
  toolSignal: 'none',
  clientErrorType: 'tool_error',
  serverErrorType: 'tool_error',
}

const CANCELLED: OutcomeFacts = {
  ...GOOD,
  clientErrorType: 'cancelled',
  serverErrorType: 'cancelled',
  faultDomain: 'caller',
  breakerSignal: 'none',
  toolSignal: 'none',
}

const INTERNAL: OutcomeFacts = {
  clientErrorType: 'internal',
  serverErrorType: 'internal',
  faultDomain: 'sidecar',
  breakerSignal: 'none',
  toolSignal: 'none',
  countsAgainstAvailability: true,
}

/** The one table: what each outcome means to spans, metrics, the breaker and availability. */
export function factsOf(outcome: Outcome): OutcomeFacts {
  switch (outcome.kind) {
    case 'ok':
    case 'input_required':
    case 'task':
      return GOOD
    case 'tool_error':
      return TOOL_ERROR
    case 'rpc_error':
      return factsOfRpcError(outcome.code)
    case 'upstream_failed':
      return factsOfFailure(outcome)
    case 'upstream_status':
      return factsOfStatus(outcome.status)
    case 'rejected':
      return factsOfRejection(outcome.reason)
    case 'cancelled':
      return CANCELLED
    case 'internal':
      return INTERNAL
  }
}

/** The second half of an outcome's name, for labels: the reason of a rejection or of a failure. */
export function reasonOf(outcome: Outcome): string | undefined {
  return outcome.kind === 'rejected' || outcome.kind === 'upstream_failed'
    ? outcome.reason
    : undefined
}

function factsOfRpcError(code: number): OutcomeFacts {
  const callersOnServer = CALLER_CODES_ON_SERVER.has(code)
  const internal = code === INTERNAL_ERROR_CODE
  return {
    clientErrorType: String(code),
    serverErrorType: callersOnServer ? undefined : String(code),
    faultDomain: callersOnServer || CALLER_CODES.has(code) ? 'caller' : 'upstream',
    breakerSignal: 'healthy',
    toolSignal: internal ? 'fault' : 'none',
    countsAgainstAvailability: internal,
  }
}

function factsOfFailure(outcome: UpstreamFailed): OutcomeFacts {
  const errorType = outcome.reason === 'http_5xx' ? String(outcome.status ?? 500) : outcome.reason
  return {
    clientErrorType: errorType,
    serverErrorType: errorType,
    faultDomain: 'upstream',
    breakerSignal: 'fault',
    // Who cannot be reached cannot be reached for any tool.
    toolSignal: outcome.reason === 'connect' ? 'none' : 'fault',
    countsAgainstAvailability: true,
  }
}

function factsOfStatus(status: number): OutcomeFacts {
  return {
    clientErrorType: String(status),
    serverErrorType: undefined,
    faultDomain: 'caller',
    breakerSignal: 'healthy',
    toolSignal: 'none',
    countsAgainstAvailability: false,
  }
}

function factsOfRejection(reason: RejectReason): OutcomeFacts {
  const faultDomain = faultOfRejection(reason)
  const unavailable = faultDomain === 'upstream' || faultDomain === 'sidecar'
  return {
    clientErrorType: reason,
    serverErrorType: faultDomain === 'caller' ? undefined : reason,
    faultDomain,
    breakerSignal: 'none',
    toolSignal: 'none',
    countsAgainstAvailability: unavailable,
  }
}
