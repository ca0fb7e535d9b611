/**
 * Pins: which definitions of an upstream's tools the operator has looked at.
 *
 * A tool is `changed` as long as any audience's last list shows it with a definition that is not pinned:
 * a server that shows one user another definition must not hide behind what it shows the rest.
 */

import type { ListedTool } from './catalogue-drift.ts'

export interface PinSettings {
  readonly mode: 'warn' | 'block'
  /** What becomes of tools that are not in the file. */
  readonly unpinned: 'allow' | 'block'
}

/** The digests that are accepted for each tool. */
export type PinnedDigests = ReadonlyMap<string, ReadonlySet<string>>

/** Why a call of a tool is refused. */
export type PinVerdict = 'changed' | 'unpinned' | 'unread'

interface Pin {
  readonly digests: ReadonlySet<string>
  /** Audiences whose last list shows another definition. */
  readonly changedFor: Set<string>
}

/** Definitions that were told of per upstream, so that each is told once. */
const TOLD_MAX = 1024

export class Pins {
  readonly settings: PinSettings
  #pins = new Map<string, Pin>()
  /** Audiences whose last list could not be read, so that nobody knows what it says. */
  readonly #unreadFor = new Set<string>()
  readonly #told = new Set<string>()

  constructor(settings: PinSettings, digests: PinnedDigests) {
    this.settings = settings
    this.#set(digests)
  }

  /** Whether calls of this tool are to be refused, and why: one look-up. */
  verdictOn(tool: string): PinVerdict | undefined {
    if (this.settings.mode === 'warn') return undefined
    if (this.#unreadFor.size > 0) return 'unread'
    const pin = this.#pins.get(tool)
    if (pin === undefined) return this.settings.unpinned === 'block' ? 'unpinned' : undefined
    return pin.changedFor.size > 0 ? 'changed' : undefined
  }

  /** How a tool stands to its pin, for people. */
  stateOf(tool: string): 'pinned' | 'changed' | 'unpinned' {
    const pin = this.#pins.get(tool)
    if (pin === undefined) return 'unpinned'
    return pin.changedFor.size > 0 ? 'changed' : 'pinned'
  }

  /**
   * An audience is shown this definition. Returns how it differs from its pin, once per definition:
   * `changed`, or `added` when the tool is not in the file. One that comes `again` in the same list does
   * not make up for another: clients may take either.
   */
  shown(audience: string, { tool, again }: ListedTool): 'changed' | 'added' | undefined {
    const { name, digest } = tool
    const pin = this.#pins.get(name)
    if (pin?.digests.has(digest) === true) {
      if (!again) pin.changedFor.delete(audience)
      return undefined
    }
    pin?.changedFor.add(audience)
    const key = `${digest} ${name}`
    if (this.#told.has(key) || this.#told.size >= TOLD_MAX) return undefined
    this.#told.add(key)
    return pin === undefined ? 'added' : 'changed'
  }

  /** An audience's list could, or could not, be read. */
  read(audience: string, readable: boolean): void {
    if (readable) this.#unreadFor.delete(audience)
    else this.#unreadFor.add(audience)
  }

  /** Nothing is known of this audience any more. */
  forget(audience: string): void {
    this.#unreadFor.delete(audience)
    for (const pin of this.#pins.values()) pin.changedFor.delete(audience)
  }

  /** The file has changed. The caller tells again what each audience is shown. */
  replace(digests: PinnedDigests): void {
    this.#told.clear()
    this.#set(digests)
  }

  #set(digests: PinnedDigests): void {
    this.#pins = new Map(
      [...digests].map(([name, accepted]) => [
        name,
        { digests: accepted, changedFor: new Set<string>() },
      ]),
    )
  }
}
