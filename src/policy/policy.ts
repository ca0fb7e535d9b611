/**
 * Decides what a principal may do: deny wins, and what no rule allows is denied.
 *
 * Rules are sorted once per set of roles and upstream, and what they say of a name is remembered, so a
 * decision is two or three look-ups. Only conditions are asked at every call.
 */

import { createHash } from 'node:crypto'
import type { Decision } from '../core/decision.ts'
import type { Operation } from '../core/operation.ts'
import type { Principal } from '../core/principal.ts'
import { compileRoles, type PolicyConfig, type PolicyProblem, type Role } from './compile.ts'
import { Roles, type Held } from './roles.ts'
import { UpstreamRules, type Allowed, type Asked, type RuleSources } from './upstream-rules.ts'

export interface PolicyOptions {
  readonly config: PolicyConfig
  /** Names of all configured upstreams. */
  readonly upstreams: readonly string[]
  /** True when nobody is authenticated, so that requests without a principal have the role `anonymous`. */
  readonly anonymous: boolean
  /** Told of each role of a token that the policy does not know, once. */
  readonly onUnknownRole?: (role: string) => void
}

/** Arguments of a call; undefined when they are too large to be asked about, or ambiguous. */
export type ReadArguments = () => Readonly<Record<string, unknown>> | undefined

/** Names that are remembered, all roles and upstreams together; one more, and all are forgotten. */
const REMEMBERED_MAX = 10_000

/** A longer name is looked up anew at every call. */
const REMEMBERED_CHARS_MAX = 128

/** Sets of roles that are sorted for; one more, and all are sorted anew. */
const VIEWS_MAX = 1_000

type View = RuleSources & { readonly upstreams: Map<string, UpstreamRules> }

export class Policy {
  /** Digest of the rules. */
  readonly id: string
  readonly dryRun: boolean
  readonly roles: readonly Role[]
  readonly #roles: Roles
  readonly #byPrincipal = new WeakMap<Principal, View>()
  readonly #views = new Map<string, View>()
  readonly #anonymous: boolean
  readonly #budget = { left: REMEMBERED_MAX, charsMax: REMEMBERED_CHARS_MAX }

  constructor(options: PolicyOptions, roles: readonly Role[]) {
    this.roles = roles
    this.dryRun = options.config.mode === 'dry_run'
    this.id = digestOf(options.config)
    this.#anonymous = options.anonymous
    this.#roles = new Roles(roles, options.onUnknownRole)
  }

  /** What the principal may do at an upstream. Without a principal, and with authentication, nothing. */
  decide(
    principal: Principal | undefined,
    upstream: string,
    operation: Operation,
    readArguments: ReadArguments,
  ): Decision {
    const rules = this.rulesOf(principal, upstream)
    const entry = rules.entryOf(operation)
    const answer =
      entry.kind === 'ask'
        ? rules.ask(entry, asked(principal, upstream, operation, readArguments))
        : entry
    if (answer.kind === 'allow') return (answer.decision ??= this.#allows(answer))
    const { reason, role, rule } = answer
    const scopes = this.#scopesOf(answer.others, principal)
    return { kind: 'deny', reason, role, rule, scopes, dryRun: this.dryRun, policy: this.id }
  }

  #allows({ role, rule }: Allowed): Decision {
    return { kind: 'allow', role, rule, policy: this.id }
  }

  /** Whether the principal may call it with some arguments, so that a list shows it. */
  shows(principal: Principal | undefined, upstream: string, operation: Operation): boolean {
    const rules = this.rulesOf(principal, upstream)
    const entry = rules.entryOf(operation)
    if (entry.kind !== 'ask') return entry.kind === 'allow'
    return rules.mayAllow(entry, asked(principal, upstream, operation, undefined))
  }

  /** False when no rule lets the principal do anything there: the upstream is then hidden from it. */
  sees(principal: Principal | undefined, upstream: string): boolean {
    return this.rulesOf(principal, upstream).visible
  }

  /** Which roles the principal holds, and from which it is kept by its organisation. */
  rolesOf(principal: Principal | undefined): Pick<Held, 'held' | 'kept'> {
    return this.#viewOf(principal)
  }

  /** Whether a role by itself would allow it, with some arguments. */
  roleAllows(role: Role, upstream: string, operation: Operation): boolean {
    const sources = { held: [role], kept: [], others: [] }
    return new UpstreamRules(upstream, sources, NO_BUDGET).entryOf(operation).kind !== 'deny'
  }

  rulesOf(principal: Principal | undefined, upstream: string): UpstreamRules {
    const view = this.#viewOf(principal)
    if (this.#budget.left <= 0) this.#forget()
    let rules = view.upstreams.get(upstream)
    if (rules === undefined) {
      rules = new UpstreamRules(upstream, view, this.#budget)
      view.upstreams.set(upstream, rules)
    }
    return rules
  }

  #viewOf(principal: Principal | undefined): View {
    const known = principal === undefined ? undefined : this.#byPrincipal.get(principal)
    if (known !== undefined) return known
    const roles =
      principal === undefined ? this.#roles.ofNobody(this.#anonymous) : this.#roles.of(principal)
    let view = this.#views.get(roles.key)
    if (view === undefined) {
      if (this.#views.size >= VIEWS_MAX) this.#views.clear()
      const { held, kept } = roles
      const others = this.roles.filter((role) => role.scopes.length > 0 && !held.includes(role))
      view = { held, kept, others, upstreams: new Map() }
      this.#views.set(roles.key, view)
    }
    if (principal !== undefined) this.#byPrincipal.set(principal, view)
    return view
  }

  #forget(): void {
    for (const view of this.#views.values()) {
      for (const rules of view.upstreams.values()) rules.forget()
    }
    this.#budget.left = REMEMBERED_MAX
  }

  /** Scopes of the first role that they would give to this principal. */
  #scopesOf(roles: readonly Role[], principal: Principal | undefined): readonly string[] {
    if (principal === undefined) return NO_SCOPES
    return roles.find((role) => this.#roles.admits(role, principal))?.scopes ?? NO_SCOPES
  }
}

export type PolicyResult =
  | { readonly kind: 'policy'; readonly policy: Policy }
  | { readonly kind: 'invalid'; readonly problems: readonly PolicyProblem[] }

export function compilePolicy(options: PolicyOptions): PolicyResult {
  const { roles, problems } = compileRoles(options.config, options.upstreams)
  return problems.length > 0
    ? { kind: 'invalid', problems }
    : { kind: 'policy', policy: new Policy(options, roles) }
}

function asked(
  principal: Principal | undefined,
  upstream: string,
  operation: Operation,
  readArguments: ReadArguments | undefined,
): Asked {
  return { principal, upstream, operation, readArguments }
}

const NO_SCOPES: readonly string[] = []
/** Nothing is remembered. */
const NO_BUDGET = { left: 0, charsMax: -1 }

function digestOf(config: PolicyConfig): string {
  return createHash('sha256').update(JSON.stringify(config)).digest('hex').slice(0, 16)
}
