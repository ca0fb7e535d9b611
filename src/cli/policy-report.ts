/** The words of `sidelight policy explain`. */

import { nearest } from '../core/nearest.ts'
import type { Operation } from '../core/operation.ts'
import type { Principal } from '../core/principal.ts'
import { ANONYMOUS } from '../policy/compile.ts'
import type { ExplainedRule, Explanation } from '../policy/explain.ts'
import type { Policy } from '../policy/policy.ts'

/** What is asked about. */
export interface Subject {
  readonly upstream: string
  readonly operation: Operation
}

export function renderExplanation(
  { decision, held, kept, rules }: Explanation,
  { upstream, operation }: Subject,
  policy: Policy,
  principal: Principal | undefined,
): string {
  const { kind, rule, role } = decision
  const verdict = kind === 'allow' ? 'allow' : `deny (${decision.reason})`
  const why = rule === undefined ? '' : `, by the rule ${rule} of role ${role ?? ''}`
  const passes = kind === 'deny' && decision.dryRun
  const hints =
    kind === 'allow' ? [] : hintsAt(policy, held, { upstream, operation }, decision.scopes)
  return [
    `${verdict}: ${operation.kind} ${operation.name ?? ''} at ${upstream}${why}`,
    ...(passes ? ['but mode is dry_run, so the call passes'] : []),
    '',
    `policy      ${decision.policy}`,
    `roles held  ${listOf(held)}`,
    ...(kept.length > 0 ? [`roles kept  ${listOf(kept)} (for other organisations)`] : []),
    ...unknownRoles(policy, principal),
    ...(rules.length > 0 ? ['', ...rules.map((one) => ruleLine(one))] : []),
    ...hints,
    '',
  ].join('\n')
}

function unknownRoles(policy: Policy, principal: Principal | undefined): string[] {
  const unknown = (principal?.roles ?? []).filter(
    (name) => name === ANONYMOUS || !policy.roles.some((role) => role.name === name),
  )
  return unknown.length === 0
    ? []
    : [`unknown     ${listOf(unknown)} (the policy has no such role)`]
}

function listOf(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ')
}

const MATCHES: Readonly<Record<ExplainedRule['match'], string>> = {
  matches: 'matches',
  other_name: 'another name or kind',
  other_upstream: 'another upstream',
}

function ruleLine({ role, effect, text, match, condition }: ExplainedRule): string {
  const when = condition === undefined ? '' : ` when ${condition.text}: ${String(condition.value)}`
  return `  ${effect.padEnd(5)} ${text.padEnd(28)} ${role.padEnd(14)} ${MATCHES[match]}${when}`
}

/** What would have allowed it, and what looks like it. */
function hintsAt(
  policy: Policy,
  held: readonly string[],
  { upstream, operation }: Subject,
  scopes: readonly string[],
): string[] {
  const lines: string[] = []
  const others = policy.roles
    .filter(({ name }) => !held.includes(name))
    .filter((role) => policy.roleAllows(role, upstream, operation))
    .map(({ name }) => name)
  if (others.length > 0) lines.push('', `roles that would allow it: ${others.join(', ')}`)
  if (scopes.length > 0) lines.push(`scopes that would allow it: ${scopes.join(' ')}`)
  const written = policy.roles
    .flatMap(({ allow }) => allow)
    .filter(({ kind, target }) => kind === operation.kind && target !== '*')
    .map(({ target }) => target)
  const near = nearest(operation.name ?? '', [...new Set(written)])
  if (near !== undefined && near !== operation.name) lines.push(`a rule names ${near}`)
  return lines
}
