/** What an outcome tells the breakers of an upstream and of its tools, with what operators changed. */

import { factsOf, type BreakerSignal, type Outcome } from '../core/outcome.ts'

/** Signals by `error.type` (docs/outcomes.md), in place of those of the table. */
export type SignalOverrides = ReadonlyMap<string, BreakerSignal>

export interface ToolRules {
  /** False: the tool has no breaker of its own. */
  readonly enabled: boolean
  readonly signals: SignalOverrides
}

export interface SignalRules {
  readonly upstream: SignalOverrides
  /** By name; `*` is for those without an entry. */
  readonly tools: ReadonlyMap<string, ToolRules>
}

export function upstreamSignal(outcome: Outcome, rules: SignalRules): BreakerSignal {
  const { clientErrorType, breakerSignal } = factsOf(outcome)
  if (clientErrorType === undefined || !isTheirs(outcome)) return breakerSignal
  return rules.upstream.get(clientErrorType) ?? breakerSignal
}

export function toolSignal(outcome: Outcome, tool: string, rules: SignalRules): BreakerSignal {
  const { clientErrorType, toolSignal: usual } = factsOf(outcome)
  if (clientErrorType === undefined || !isTheirs(outcome)) return usual
  return rulesOf(tool, rules)?.signals.get(clientErrorType) ?? usual
}

export function hasToolBreaker(tool: string, rules: SignalRules): boolean {
  return rulesOf(tool, rules)?.enabled ?? true
}

function rulesOf(tool: string, { tools }: SignalRules): ToolRules | undefined {
  return tools.get(tool) ?? tools.get('*')
}

/** What never reached the upstream, or what its client broke off, says nothing about it. */
function isTheirs({ kind }: Outcome): boolean {
  return kind !== 'rejected' && kind !== 'cancelled' && kind !== 'internal'
}
