/** Why Sidelight refuses, and whose fault that is. */

export type RejectReason =
  /** The body is no JSON. */
  | 'malformed'
  /** The body is JSON but no JSON-RPC message. */
  | 'invalid_request'
  | 'too_large'
  | 'unsupported_media'
  | 'unsupported_method'
  /** A method that this endpoint does not offer, as GET without a session. */
  | 'method_not_allowed'
  | 'header_mismatch'
  /** 2026-07-28: `_meta` lacks what every request must say. */
  | 'invalid_meta'
  /** 2026-07-28: a revision that is not supported. */
  | 'unsupported_revision'
  /** Before 2026-07-28: a revision that is not supported. */
  | 'bad_revision'
  | 'session_required'
  /** No such session, or somebody else's. */
  | 'session_unknown'
  /** The events after this id are not kept any more. */
  | 'unknown_event'
  | 'forbidden_host'
  | 'forbidden_origin'
  /** No credential. */
  | 'unauthenticated'
  /** The credential is not valid, or not here. */
  | 'invalid_token'
  /** A credential in the query, or more than one. */
  | 'malformed_authorization'
  /** It cannot be found out whether the credential is valid. */
  | 'auth_unavailable'
  | 'unknown_upstream'
  | 'at_capacity'
  /** The upstream's processes crash as soon as they start; the next start has to wait. */
  | 'restarting'
  /** The upstream, or this tool of it, has been failing; its breaker is open. */
  | 'breaker_open'
  /** The upstream asked for time, by 429 or 503 with `Retry-After`. */
  | 'throttled'
  /** The call waited for its turn and could not begin in time. */
  | 'queue_timeout'
  /** The definition of the tool is not the one that is pinned. */
  | 'tool_changed'
  /** The tool is not pinned, and only pinned ones may be called. */
  | 'tool_unpinned'
  /** The policy does not allow it. */
  | 'forbidden'
  /** The policy allows it, but not with these arguments. */
  | 'forbidden_arguments'
  /** The policy allows it to whoever has more OAuth scopes. */
  | 'insufficient_scope'
  /** The record of it could not be written, and without one nothing goes out. */
  | 'audit_unavailable'
  | 'draining'

export const REJECT_REASONS: readonly RejectReason[] = [
  'malformed',
  'invalid_request',
  'too_large',
  'unsupported_media',
  'unsupported_method',
  'method_not_allowed',
  'header_mismatch',
  'invalid_meta',
  'unsupported_revision',
  'bad_revision',
  'session_required',
  'session_unknown',
  'unknown_event',
  'forbidden_host',
  'forbidden_origin',
  'unauthenticated',
  'invalid_token',
  'malformed_authorization',
  'auth_unavailable',
  'unknown_upstream',
  'at_capacity',
  'restarting',
  'breaker_open',
  'throttled',
  'queue_timeout',
  'tool_changed',
  'tool_unpinned',
  'forbidden',
  'forbidden_arguments',
  'insufficient_scope',
  'audit_unavailable',
  'draining',
]

/** Refusals that the upstream's state is the reason of. */
const UPSTREAMS_REASONS: ReadonlySet<RejectReason> = new Set([
  'restarting',
  'breaker_open',
  'throttled',
])

/** Refusals that ours is. */
const OWN_REASONS: ReadonlySet<RejectReason> = new Set([
  'at_capacity',
  'queue_timeout',
  'draining',
  'auth_unavailable',
  'audit_unavailable',
])

/** What the operator's rules refuse: no fault of anybody, and no reason to call it unavailable. */
const POLICY_REASONS: ReadonlySet<RejectReason> = new Set([
  'tool_changed',
  'tool_unpinned',
  'forbidden',
  'forbidden_arguments',
  'insufficient_scope',
])

export function faultOfRejection(
  reason: RejectReason,
): 'upstream' | 'sidecar' | 'policy' | 'caller' {
  if (POLICY_REASONS.has(reason)) return 'policy'
  if (UPSTREAMS_REASONS.has(reason)) return 'upstream'
  return OWN_REASONS.has(reason) ? 'sidecar' : 'caller'
}
