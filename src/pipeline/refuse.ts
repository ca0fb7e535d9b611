/**
 * The one table that turns a refusal or a failed upstream into an answer.
 *
 * What a client sees follows from how clients behave (docs/errors.md says more):
 * - a status that the MCP specification orders is used (400, 401, 403, 404 for a session, 405, 413,
 *   415);
 * - otherwise never 400, 404 or 405: clients take those for the mark of an older server;
 * - a refused `tools/call` is a tool result, written for the model that will read it;
 * - other requests get a JSON-RPC error, except `server/discover`: clients that probe for the
 *   protocol era take any JSON-RPC error as "legacy server", so it gets a 5xx status; so does
 *   `initialize` while the sidecar shuts down.
 */

import { headerOf, type Call, type Exchange } from '../core/exchange.ts'
import type { Message } from '../core/message.ts'
import type { Rejection, UpstreamFailed, UpstreamFailure } from '../core/outcome.ts'
import type { RejectReason } from '../core/reject-reasons.ts'
import type { Answer } from '../core/reply.ts'
import { messageFor, type Refusal } from './refusal-text.ts'

/** How a refusal is put. */
export interface RefusalRow {
  /** `always`: the status is used for every client; `fallback`: only where no message fits. */
  readonly use: 'always' | 'fallback'
  readonly status: number
  /** JSON-RPC error code. Ours lie outside -32768..-32000 (JSON-RPC 2.0 §5.1, MCP 2026-07-28). */
  readonly code: number
  /** Default for `Retry-After`; undefined when waiting does not help. */
  readonly retryAfterMs: number | undefined
}

export const REJECTION_TABLE: Readonly<Record<RejectReason, RefusalRow>> = {
  malformed: { use: 'always', status: 400, code: -32700, retryAfterMs: undefined },
  invalid_request: { use: 'always', status: 400, code: -32600, retryAfterMs: undefined },
  header_mismatch: { use: 'always', status: 400, code: -32020, retryAfterMs: undefined },
  invalid_meta: { use: 'always', status: 400, code: -32602, retryAfterMs: undefined },
  unsupported_revision: { use: 'always', status: 400, code: -32022, retryAfterMs: undefined },
  bad_revision: { use: 'always', status: 400, code: -32000, retryAfterMs: undefined },
  session_required: { use: 'always', status: 400, code: -32000, retryAfterMs: undefined },
  session_unknown: { use: 'always', status: 404, code: -32001, retryAfterMs: undefined },
  unknown_event: { use: 'always', status: 400, code: -32000, retryAfterMs: undefined },
  method_not_allowed: { use: 'always', status: 405, code: -32000, retryAfterMs: undefined },
  too_large: { use: 'always', status: 413, code: 1001, retryAfterMs: undefined },
  unsupported_media: { use: 'always', status: 415, code: 1002, retryAfterMs: undefined },
  unsupported_method: { use: 'always', status: 501, code: 1008, retryAfterMs: undefined },
  forbidden_host: { use: 'always', status: 403, code: 1003, retryAfterMs: undefined },
  forbidden_origin: { use: 'always', status: 403, code: 1004, retryAfterMs: undefined },
  unauthenticated: { use: 'always', status: 401, code: 1050, retryAfterMs: undefined },
  invalid_token: { use: 'always', status: 401, code: 1051, retryAfterMs: undefined },
  malformed_authorization: { use: 'always', status: 400, code: 1052, retryAfterMs: undefined },
  auth_unavailable: { use: 'always', status: 503, code: 1053, retryAfterMs: 5_000 },
  unknown_upstream: { use: 'fallback', status: 502, code: 1005, retryAfterMs: undefined },
  at_capacity: { use: 'fallback', status: 503, code: 1006, retryAfterMs: 1_000 },
  restarting: { use: 'fallback', status: 503, code: 1009, retryAfterMs: 1_000 },
  breaker_open: { use: 'fallback', status: 503, code: 1031, retryAfterMs: 5_000 },
  throttled: { use: 'fallback', status: 429, code: 1032, retryAfterMs: 5_000 },
  queue_timeout: { use: 'fallback', status: 503, code: 1033, retryAfterMs: 5_000 },
  tool_changed: { use: 'fallback', status: 403, code: 1040, retryAfterMs: undefined },
  tool_unpinned: { use: 'fallback', status: 403, code: 1041, retryAfterMs: undefined },
  forbidden: { use: 'fallback', status: 403, code: 1054, retryAfterMs: undefined },
  forbidden_arguments: { use: 'fallback', status: 403, code: 1055, retryAfterMs: undefined },
  insufficient_scope: { use: 'always', status: 403, code: 1056, retryAfterMs: undefined },
  audit_unavailable: { use: 'fallback', status: 503, code: 1060, retryAfterMs: 5_000 },
  draining: { use: 'fallback', status: 503, code: 1007, retryAfterMs: 1_000 },
}

export const FAILURE_TABLE: Readonly<Record<UpstreamFailure, RefusalRow>> = {
  connect: { use: 'fallback', status: 502, code: 1010, retryAfterMs: 5_000 },
  timeout: { use: 'fallback', status: 504, code: 1011, retryAfterMs: 5_000 },
  reset: { use: 'fallback', status: 502, code: 1012, retryAfterMs: 5_000 },
  closed: { use: 'fallback', status: 502, code: 1013, retryAfterMs: 5_000 },
  http_5xx: { use: 'fallback', status: 502, code: 1014, retryAfterMs: 5_000 },
  bad_message: { use: 'fallback', status: 502, code: 1015, retryAfterMs: 5_000 },
  process_exit: { use: 'fallback', status: 502, code: 1016, retryAfterMs: 5_000 },
}

export const INTERNAL_CODE = 1020

/** The key under `_meta` of a tool result that says why we refused. */
export const REJECTION_META_KEY = 'sidelight/rejection'

export function answerRefusal(
  exchange: Exchange,
  outcome: Rejection | UpstreamFailed,
  rejections: 'mcp' | 'http',
): Answer {
  const row = rowOf(outcome)
  const refusal: Refusal = {
    outcome,
    upstream: exchange.upstreamName,
    retryAfterMs: retryAfterOf(outcome),
  }
  const requests = exchange.calls.filter((call) => call.message.kind === 'request')
  const inBand =
    row.use === 'fallback' &&
    rejections === 'mcp' &&
    // Its clients read no reply to a POST, only its status.
    exchange.endpoint !== 'sse_post' &&
    requests.length > 0 &&
    !requests.some(({ message }) => needsStatus(message, outcome))
  const body = bodyFor(exchange, requests, refusal, row, inBand)
  return { status: inBand ? 200 : row.status, headers: headersFor(exchange, refusal), body }
}

/**
 * A session belongs to nobody before it has begun, so whoever stands between the client and us may begin
 * it at another instance while this one shuts down; it knows that by the status.
 */
function needsStatus({ method }: Message, { reason }: Rejection | UpstreamFailed): boolean {
  return method === 'server/discover' || (method === 'initialize' && reason === 'draining')
}

function rowOf(outcome: Rejection | UpstreamFailed): RefusalRow {
  return outcome.kind === 'rejected'
    ? REJECTION_TABLE[outcome.reason]
    : FAILURE_TABLE[outcome.reason]
}

/** How long the client is told to wait, in milliseconds; undefined when waiting does not help. */
export function retryAfterOf(outcome: Rejection | UpstreamFailed): number | undefined {
  return (
    (outcome.kind === 'rejected' ? outcome.retryAfterMs : undefined) ?? rowOf(outcome).retryAfterMs
  )
}

/** What is said of a path where strangers are told nothing. */
export const NO_ENDPOINT = 'There is no MCP endpoint at this path.\n'

/** The same answer as for a path that nobody has. */
export function answerNoEndpoint(): Answer {
  return { status: 404, headers: ['Content-Type', 'text/plain; charset=UTF-8'], body: NO_ENDPOINT }
}

/** A defect of ours: nothing is known about the call, so nothing is said about it. */
export function answerInternal(): Answer {
  const error = {
    code: INTERNAL_CODE,
    message: 'The sidecar failed on this request; its log says how.',
    data: { source: 'sidelight', reason: 'internal' },
  }
  return {
    status: 500,
    headers: ['Content-Type', 'application/json', 'Cache-Control', 'no-store'],
    body: `{"jsonrpc":"2.0","id":null,"error":${JSON.stringify(error)}}`,
  }
}

function bodyFor(
  exchange: Exchange,
  requests: readonly Call[],
  refusal: Refusal,
  row: RefusalRow,
  inBand: boolean,
): string {
  if (requests.length === 0) return rpcError('null', row.code, refusal)
  const answers = requests.map(({ message }) =>
    inBand && message.method === 'tools/call'
      ? toolResult(message, refusal)
      : rpcError(message.id?.raw ?? 'null', row.code, refusal),
  )
  return exchange.batch ? `[${answers.join(',')}]` : (answers[0] ?? '')
}

function headersFor(exchange: Exchange, refusal: Refusal): string[] {
  const headers = ['Content-Type', 'application/json', 'Cache-Control', 'no-store']
  const { outcome } = refusal
  if (outcome.kind === 'rejected' && outcome.reason === 'method_not_allowed') {
    headers.push('Allow', 'POST')
  }
  if (outcome.kind === 'rejected' && outcome.challenges !== undefined) {
    pushChallenges(headers, exchange, outcome.challenges)
  }
  if (refusal.retryAfterMs !== undefined) {
    headers.push('Retry-After', String(Math.max(1, Math.ceil(refusal.retryAfterMs / 1000))))
  }
  return headers
}

/** A client in a browser, from an origin that is allowed, has to be able to read them. */
function pushChallenges(
  headers: string[],
  exchange: Exchange,
  challenges: readonly string[],
): void {
  for (const challenge of challenges) headers.push('WWW-Authenticate', challenge)
  const origin = headerOf(exchange.headers, 'origin')
  if (origin === undefined) return
  headers.push('Access-Control-Allow-Origin', origin, 'Vary', 'Origin')
  headers.push('Access-Control-Expose-Headers', 'WWW-Authenticate')
}

function rpcError(id: string, code: number, refusal: Refusal): string {
  const error = {
    code,
    message: messageFor(refusal, 'developer'),
    data: { source: 'sidelight', ...details(refusal), ...dataOf(refusal) },
  }
  return `{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(error)}}`
}

function toolResult(message: Message, refusal: Refusal): string {
  const result = {
    ...(message.claimsModern ? { resultType: 'complete' } : {}),
    content: [{ type: 'text', text: messageFor(refusal, 'model') }],
    isError: true,
    _meta: { [REJECTION_META_KEY]: details(refusal) },
  }
  return `{"jsonrpc":"2.0","id":${message.id?.raw ?? 'null'},"result":${JSON.stringify(result)}}`
}

function dataOf({ outcome }: Refusal): Rejection['data'] {
  return outcome.kind === 'rejected' ? outcome.data : undefined
}

function details(refusal: Refusal): Readonly<Record<string, string | number>> {
  return {
    reason: refusal.outcome.reason,
    upstream: refusal.upstream,
    ...(refusal.retryAfterMs === undefined ? {} : { retryAfterMs: refusal.retryAfterMs }),
  }
}
