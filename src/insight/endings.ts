/** The ways in which a call can end, as a closed list: statistics count by place in it. */

import { indicatorOf, type Indicator } from '../core/indicator.ts'
import { UPSTREAM_FAILURES, reject, type Outcome, type OutcomeKind } from '../core/outcome.ts'
import { REJECT_REASONS } from '../core/reject-reasons.ts'

export interface Ending {
  readonly outcome: OutcomeKind
  /** Of a refusal or a failure; of a JSON-RPC error, whose fault it is. */
  readonly reason: string | undefined
  readonly indicator: Indicator
}

/** Codes that stand for all of their kind: of callers' mistakes, of broken servers, of servers' own. */
const RPC_SAMPLES = [
  ['caller', -32602],
  ['internal', -32603],
  ['server', -32000],
] as const

function ending(outcome: Outcome, reason?: string): Ending {
  return { outcome: outcome.kind, reason, indicator: indicatorOf(outcome) }
}

export const ENDINGS: readonly Ending[] = [
  ending({ kind: 'ok' }),
  ending({ kind: 'input_required' }),
  ending({ kind: 'task' }),
  ending({ kind: 'tool_error' }),
  ending({ kind: 'upstream_status', status: 404 }),
  ending({ kind: 'cancelled' }),
  ending({ kind: 'internal' }),
  ...RPC_SAMPLES.map(([reason, code]) => ending({ kind: 'rpc_error', code }, reason)),
  ...UPSTREAM_FAILURES.map((reason) =>
    ending({ kind: 'upstream_failed', reason, sent: true }, reason),
  ),
  ...REJECT_REASONS.map((reason) => ending(reject(reason, ''), reason)),
]

/** Places by what tells the endings of a kind apart. */
function places(kinds: readonly OutcomeKind[]): ReadonlyMap<string, number> {
  const entries = [...ENDINGS.entries()].filter(([, { outcome }]) => kinds.includes(outcome))
  return new Map(entries.map(([place, { outcome, reason }]) => [reason ?? outcome, place]))
}

const REJECTED = places(['rejected'])
const FAILED = places(['upstream_failed'])
const RPC = places(['rpc_error'])
const OTHERS = places([
  'ok',
  'input_required',
  'task',
  'tool_error',
  'upstream_status',
  'cancelled',
  'internal',
])

/** The place of an outcome in `ENDINGS`. */
export function endingOf(outcome: Outcome): number {
  return placeOf(outcome) ?? 0
}

function placeOf(outcome: Outcome): number | undefined {
  if (outcome.kind === 'rejected') return REJECTED.get(outcome.reason)
  if (outcome.kind === 'upstream_failed') return FAILED.get(outcome.reason)
  if (outcome.kind !== 'rpc_error') return OTHERS.get(outcome.kind)
  const indicator = indicatorOf(outcome)
  if (indicator === 'good') return RPC.get('caller')
  return RPC.get(indicator === 'unavailable' ? 'internal' : 'server')
}
