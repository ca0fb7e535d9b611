/** What a set of roles may do at one upstream. */

import type { Decision, DenyReason } from '../core/decision.ts'
import { matchesGlob } from '../core/glob.ts'
import { OPERATION_KINDS, type Operation, type OperationKind } from '../core/operation.ts'
import type { Principal } from '../core/principal.ts'
import type { Role, Rule } from './compile.ts'
import type { ConditionContext } from './condition.ts'
import { allows, denies } from './rule.ts'

/** What the rules say of a name whatever the arguments are, or what has to be asked at each call. */
export type Entry =
  | Allowed
  | Denied
  | {
      readonly kind: 'ask'
      readonly denies: readonly Rule[]
      /** Allows without a condition, if none of `denies` holds. */
      readonly allow: Rule | undefined
      readonly allows: readonly Rule[]
    }

export interface Allowed {
  readonly kind: 'allow'
  readonly role: string
  readonly rule: string
  /** What is said of every call that it allows; made by whoever asks first. */
  decision?: Decision
}

export interface Denied {
  readonly kind: 'deny'
  readonly reason: DenyReason
  readonly role: string | undefined
  readonly rule: string | undefined
  /** Roles that scopes give and that would allow it, if the principal were of their organisation. */
  readonly others: readonly Role[]
}

/** Whose rules these are. */
export interface RuleSources {
  readonly held: readonly Role[]
  /** Named by the token, but for other organisations. */
  readonly kept: readonly Role[]
  /** Not held, but given by scopes. */
  readonly others: readonly Role[]
}

/** What conditions are asked about. */
export interface Asked {
  readonly principal: Principal | undefined
  readonly upstream: string
  readonly operation: Operation
  /** Undefined where there are no arguments yet. */
  readonly readArguments: (() => Readonly<Record<string, unknown>> | undefined) | undefined
}

/** How many names may still be remembered, all together. */
export interface Budget {
  left: number
  readonly charsMax: number
}

/** Stands for the rule where the protocol itself needs an operation. */
const PROTOCOL = '(protocol)'

export class UpstreamRules {
  /** True when anything may be done here. */
  readonly visible: boolean
  readonly #allow: readonly Rule[]
  readonly #deny: readonly Rule[]
  /** Rules that would allow, of roles that are for other organisations. */
  readonly #kept: readonly Rule[]
  readonly #others: readonly (Pick<Role, 'allow' | 'deny'> & { readonly role: Role })[]
  readonly #budget: Budget
  readonly #entries: Readonly<Record<OperationKind, Map<string, Entry>>>
  readonly #protocol = new Map<string, Entry>()

  constructor(upstream: string, { held, kept, others }: RuleSources, budget: Budget) {
    const about = (rules: readonly Rule[]): readonly Rule[] =>
      rules.filter((rule) => matchesGlob(rule.upstream, upstream))
    this.#allow = held.flatMap(({ allow }) => about(allow))
    this.#deny = held.flatMap(({ deny }) => about(deny))
    this.#kept = kept.flatMap(({ allow }) => about(allow))
    this.#others = others
      .map((role) => ({ role, allow: about(role.allow), deny: about(role.deny) }))
      .filter((rules) => rules.allow.length > 0)
    this.#budget = budget
    this.visible = this.#allow.length > 0 && !this.#deny.some((rule) => deniesAll(rule))
    const maps = OPERATION_KINDS.map((kind) => [kind, new Map<string, Entry>()] as const)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    this.#entries = Object.fromEntries(maps) as Record<OperationKind, Map<string, Entry>>
  }

  entryOf(operation: Operation): Entry {
    const { kind, name = '', protocol } = operation
    const entries = protocol ? this.#protocol : this.#entries[kind]
    const known = operation.name === undefined ? undefined : entries.get(name)
    if (known !== undefined) return known
    const entry = this.#read(operation)
    if (operation.name !== undefined && name.length <= this.#budget.charsMax) {
      this.#budget.left -= 1
      entries.set(name, entry)
    }
    return entry
  }

  forget(): void {
    this.#protocol.clear()
    for (const entries of Object.values(this.#entries)) entries.clear()
  }

  /** The answer of rules with conditions. One that cannot be evaluated never lets anything through. */
  ask(entry: Extract<Entry, { kind: 'ask' }>, asked: Asked): Exclude<Entry, { kind: 'ask' }> {
    const context = contextOf(asked)
    for (const rule of entry.denies) {
      const holds = rule.condition?.holds(context)
      if (holds !== false) return denied(holds === true ? 'denied' : 'condition', rule)
    }
    if (entry.allow !== undefined) return allowed(entry.allow)
    const allowing = entry.allows.find((rule) => rule.condition?.holds(context) === true)
    return allowing === undefined ? denied('condition', entry.allows[0]) : allowed(allowing)
  }

  /** Whether some arguments might be allowed: `asked` has none, so what asks for them is open. */
  mayAllow(entry: Extract<Entry, { kind: 'ask' }>, asked: Asked): boolean {
    const context = contextOf(asked)
    if (entry.denies.some((rule) => rule.condition?.holds(context) === true)) return false
    if (entry.allow !== undefined) return true
    return entry.allows.some((rule) => rule.condition?.holds(context) !== false)
  }

  #read(operation: Operation): Entry {
    const denying = this.#deny.filter((rule) => denies(rule, operation))
    const never = denying.find(({ condition }) => condition === undefined)
    if (never !== undefined) return denied('denied', never)
    if (operation.protocol) return this.#readProtocol(denying)
    const allowing = this.#allow.filter((rule) => allows(rule, operation))
    const always = allowing.find(({ condition }) => condition === undefined)
    if (always !== undefined && denying.length === 0) return allowed(always)
    // What cannot be read may be anything: only who may do all of it may do that.
    if (operation.name === undefined) return denied('unreadable', undefined)
    if (allowing.length > 0) {
      return { kind: 'ask', denies: denying, allow: always, allows: allowing }
    }
    const kept = this.#kept.find((rule) => allows(rule, operation))
    if (kept !== undefined) return denied('organization', kept)
    return { ...denied('no_rule', undefined), others: this.#othersFor(operation) }
  }

  #othersFor(operation: Operation): readonly Role[] {
    return this.#others
      .filter(
        ({ allow, deny }) =>
          allow.some((rule) => allows(rule, operation)) &&
          !deny.some((rule) => rule.condition === undefined && denies(rule, operation)),
      )
      .map(({ role }) => role)
  }

  /** What the protocol needs is allowed to whoever may do anything, unless a rule denies it by name. */
  #readProtocol(denying: readonly Rule[]): Entry {
    const [first] = this.#allow
    if (first === undefined || !this.visible) {
      const others = this.#others.filter(({ deny }) => !deny.some((rule) => deniesAll(rule)))
      return { ...denied('no_rule', undefined), others: others.map(({ role }) => role) }
    }
    const rule = { ...first, text: PROTOCOL, condition: undefined }
    return denying.length === 0
      ? allowed(rule)
      : { kind: 'ask', denies: denying, allow: rule, allows: [] }
  }
}

function deniesAll({ kind, target, condition }: Rule): boolean {
  return kind === 'any' && target === '*' && condition === undefined
}

function allowed({ role, text }: Rule): Allowed {
  return { kind: 'allow', role, rule: text }
}

function denied(reason: DenyReason, rule: Rule | undefined): Denied {
  return { kind: 'deny', reason, role: rule?.role, rule: rule?.text, others: NONE }
}

export function contextOf({
  principal,
  upstream,
  operation,
  readArguments,
}: Asked): ConditionContext {
  const context = {
    principal: principalFacts(principal),
    upstream,
    kind: operation.kind,
    name: operation.name ?? '',
  }
  const args = readArguments?.()
  return args === undefined ? context : { ...context, args }
}

/** What conditions know of a principal; what a token does not say is empty, not missing. */
function principalFacts(principal: Principal | undefined): Readonly<Record<string, unknown>> {
  if (principal === undefined) return NOBODY
  const { subject, issuer, organization = '', roles, scopes, claims } = principal
  return { subject, issuer, organization, roles, scopes, claims }
}

const NONE: readonly Role[] = []

const NOBODY = { subject: '', issuer: '', organization: '', roles: [], scopes: [], claims: {} }
