/** Which roles a principal holds. */

import type { Principal } from '../core/principal.ts'
import { ANONYMOUS, type Role } from './compile.ts'

/** What is known of a principal's roles. */
export interface Held {
  /** Equal for all principals that hold and are kept from the same roles. */
  readonly key: string
  readonly held: readonly Role[]
  /** Roles that its token names, but that are for other organisations. */
  readonly kept: readonly Role[]
}

/** Unknown names that are remembered, so that each is told of once. */
const UNKNOWN_MAX = 1_000

export class Roles {
  readonly #roles: readonly Role[]
  readonly #onUnknown: ((role: string) => void) | undefined
  readonly #names: ReadonlySet<string>
  readonly #unknown = new Set<string>()

  constructor(roles: readonly Role[], onUnknown: ((role: string) => void) | undefined) {
    this.#roles = roles
    this.#onUnknown = onUnknown
    this.#names = new Set(roles.map(({ name }) => name))
  }

  /** A role is held by name, or by having all of its scopes. */
  of(principal: Principal): Held {
    const names = new Set(principal.roles)
    const scopes = new Set(principal.scopes)
    for (const name of names) this.#note(name)
    const named = this.#roles.filter(
      (role) =>
        role.name !== ANONYMOUS &&
        (names.has(role.name) ||
          (role.scopes.length > 0 && role.scopes.every((scope) => scopes.has(scope)))),
    )
    return this.#held(named, (role) => this.admits(role, principal))
  }

  /** Of requests that come without a principal: nothing, unless nobody is asked for one. */
  ofNobody(anonymous: boolean): Held {
    const named = anonymous ? this.#roles.filter(({ name }) => name === ANONYMOUS) : []
    return this.#held(named, () => true)
  }

  /** Whether the role is for the principal's organisation. */
  admits({ organizations }: Role, { organization }: Principal): boolean {
    return (
      organizations.size === 0 || (organization !== undefined && organizations.has(organization))
    )
  }

  #held(named: readonly Role[], admitted: (role: Role) => boolean): Held {
    const held = named.filter((role) => admitted(role))
    const kept = named.filter((role) => !admitted(role))
    const indexes = (roles: readonly Role[]): string =>
      roles.map((role) => this.#roles.indexOf(role)).join(',')
    return { key: `${indexes(held)}|${indexes(kept)}`, held, kept }
  }

  #note(name: string): void {
    if (this.#names.has(name) || this.#unknown.has(name)) return
    if (this.#unknown.size >= UNKNOWN_MAX) return
    this.#unknown.add(name)
    this.#onUnknown?.(name)
  }
}
