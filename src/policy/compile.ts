/** From the configuration to rules that can be asked; whatever is wrong in it is named with its place. */

import { compileCondition, type Condition } from './condition.ts'
import { parseRule, type RuleText } from './rule.ts'

/** A rule as it stands in the configuration. */
export type RuleConfig = string | { readonly match: string; readonly when: string }

export interface RoleConfig {
  readonly allow: readonly RuleConfig[]
  readonly deny: readonly RuleConfig[]
  /** Organisations whose members may hold it; empty for all. */
  readonly organizations: readonly string[]
  /** OAuth scopes that give it together; empty for none. */
  readonly scopes: readonly string[]
}

export interface PolicyConfig {
  readonly mode: 'enforce' | 'dry_run'
  readonly roles: Readonly<Record<string, RoleConfig>>
}

export interface Rule extends RuleText {
  readonly effect: 'allow' | 'deny'
  readonly role: string
  readonly condition: Condition | undefined
}

export interface Role {
  readonly name: string
  readonly organizations: ReadonlySet<string>
  readonly scopes: readonly string[]
  readonly allow: readonly Rule[]
  readonly deny: readonly Rule[]
}

export interface PolicyProblem {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** The role of requests that nobody is asked to authenticate. */
export const ANONYMOUS = 'anonymous'

export function compileRoles(
  config: PolicyConfig,
  upstreams: readonly string[],
): { readonly roles: readonly Role[]; readonly problems: readonly PolicyProblem[] } {
  const problems: PolicyProblem[] = []
  const roles = Object.entries(config.roles).map(([name, role]): Role => {
    const rules = (effect: 'allow' | 'deny'): readonly Rule[] =>
      role[effect].flatMap((rule, index) => {
        const path = ['roles', name, effect, index]
        const made = compileRule(rule, upstreams)
        if (made.kind === 'problem') {
          problems.push({ path: [...path, ...made.at], message: made.message })
          return []
        }
        return [{ ...made.rule, effect, role: name, condition: made.condition }]
      })
    return {
      name,
      organizations: new Set(role.organizations),
      scopes: role.scopes,
      allow: rules('allow'),
      deny: rules('deny'),
    }
  })
  return { roles, problems }
}

type Made =
  | { readonly kind: 'rule'; readonly rule: RuleText; readonly condition: Condition | undefined }
  | { readonly kind: 'problem'; readonly at: readonly string[]; readonly message: string }

function compileRule(config: RuleConfig, upstreams: readonly string[]): Made {
  const isText = typeof config === 'string'
  const rule = parseRule(isText ? config : config.match, upstreams)
  if (typeof rule === 'string') {
    return { kind: 'problem', at: isText ? [] : ['match'], message: rule }
  }
  if (isText) return { kind: 'rule', rule, condition: undefined }
  const condition = compileCondition(config.when)
  return typeof condition === 'string'
    ? { kind: 'problem', at: ['when'], message: condition }
    : { kind: 'rule', rule, condition }
}
