/**
 * An issuer's keys, read from where it publishes them and read again.
 *
 * Keys stay in use while they cannot be read again, but not for ever: a key that was withdrawn must
 * not be believed for longer than `MAX_AGE_MS`. Asking is single-flight, and neither tokens with
 * invented key names nor an issuer that is down can make us ask often.
 */

import type { KeySetRefresh, KeySetView } from '../core/authentication.ts'
import type { Clock } from '../core/clock.ts'
import { BoundedMap } from '../core/bounded-map.ts'
import { readKeyDocument, type SetKey } from './key-document.ts'
import type { KeyLookup, KeySource } from './key-source.ts'

/** The text of a key set, or why there is none. `detail` holds no address. */
export type Loaded =
  | { readonly kind: 'document'; readonly text: string }
  | { readonly kind: 'failed'; readonly result: KeySetRefresh; readonly detail: string }

export interface KeySetOptions {
  readonly issuer: string
  readonly clock: Clock
  /** Never rejects, and ends in bounded time. */
  readonly load: () => Promise<Loaded>
  /** How often they are read again. */
  readonly refreshEveryMs?: number
  readonly onRefresh: (issuer: string, result: KeySetRefresh, detail: string) => void
}

const REFRESH_EVERY_MS = 5 * 60_000

/** Keys that could not be read again for so long are believed no more. */
const MAX_AGE_MS = 60 * 60_000

/** After a failure, and after a look for a key that was not there, nobody is asked for so long. */
const COOLDOWN_MS = 30_000

/** Names of keys that were looked for in vain. */
const ABSENT_MAX = 1_000

/** Keys of one name, or without one, are tried one after the other, up to so many. */
const TRIED_MAX = 4

export class KeySet implements KeySource {
  version = 0
  readonly #options: KeySetOptions
  readonly #absent = new BoundedMap<number>(ABSENT_MAX)
  #keys: readonly SetKey[] = []
  #readAtMs: number | undefined
  #failedAtMs = -Infinity
  /** A look for a key that was not there. */
  #fruitlessAtMs = -Infinity
  #refreshing: Promise<void> | undefined

  constructor(options: KeySetOptions) {
    this.#options = options
  }

  isUsable(nowMs: number): boolean {
    return this.#readAtMs !== undefined && nowMs - this.#readAtMs <= MAX_AGE_MS
  }

  find(kid: string | undefined, algorithm: string): KeyLookup {
    if (!this.isUsable(this.#now())) return this.#refreshOrWait()
    const keys = this.#candidates(kid, algorithm)
    if (keys.length > 0) return { kind: 'keys', keys: keys.slice(0, TRIED_MAX) }
    return this.#lookFor(
      `${algorithm} ${kid ?? ''}`,
      () => this.#candidates(kid, algorithm).length > 0,
    )
  }

  missed(kid: string | undefined): Promise<void> | undefined {
    if (kid !== undefined) return undefined
    const before = this.version
    const found = this.#lookFor('', () => this.version !== before)
    return found.kind === 'wait' ? found.until : undefined
  }

  tick(nowMs: number): void {
    const readAgoMs = nowMs - (this.#readAtMs ?? -Infinity)
    const everyMs = this.#options.refreshEveryMs ?? REFRESH_EVERY_MS
    if (readAgoMs < everyMs || nowMs - this.#failedAtMs < COOLDOWN_MS) return
    void this.refresh()
  }

  view(): KeySetView {
    const { issuer } = this.#options
    const ageSeconds =
      this.#readAtMs === undefined ? undefined : (this.#now() - this.#readAtMs) / 1_000
    return { issuer, ageSeconds, keys: this.#keys.length }
  }

  /** Reads the keys now, once for all who ask at a time. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#load().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  #candidates(kid: string | undefined, algorithm: string): readonly SetKey[] {
    return this.#keys.filter((key) => (kid === undefined || key.kid === kid) && key.fits(algorithm))
  }

  /** The key is not there. It may have come since the set was read. */
  #lookFor(what: string, came: () => boolean): KeyLookup {
    const nowMs = this.#now()
    const absentUntilMs = this.#absent.get(what)
    if (absentUntilMs !== undefined && nowMs < absentUntilMs) return { kind: 'unknown' }
    if (this.#refreshing === undefined && nowMs - this.#fruitlessAtMs < COOLDOWN_MS) {
      return { kind: 'unknown' }
    }
    const found = this.#refreshOrWait()
    if (found.kind !== 'wait') return found
    return { kind: 'wait', until: this.#noteAfter(found.until, what, came) }
  }

  /** Remembers what was looked for in vain. */
  async #noteAfter(until: Promise<void>, what: string, came: () => boolean): Promise<void> {
    await until
    const nowMs = this.#now()
    // An issuer that could not be asked has said nothing about the key.
    if (came() || nowMs - this.#failedAtMs < COOLDOWN_MS) return
    this.#absent.set(what, nowMs + COOLDOWN_MS)
    this.#fruitlessAtMs = nowMs
  }

  #refreshOrWait(): KeyLookup {
    if (this.#refreshing !== undefined) return { kind: 'wait', until: this.#refreshing }
    const coolForMs = this.#failedAtMs + COOLDOWN_MS - this.#now()
    return coolForMs > 0
      ? { kind: 'unavailable', retryAfterMs: Math.ceil(coolForMs) }
      : { kind: 'wait', until: this.refresh() }
  }

  async #load(): Promise<void> {
    const { issuer, load, onRefresh } = this.#options
    const loaded = await load()
    if (loaded.kind === 'failed') {
      this.#failedAtMs = this.#now()
      onRefresh(issuer, loaded.result, loaded.detail)
      return
    }
    const keys = readKeyDocument(loaded.text)
    if (keys === undefined) {
      this.#failedAtMs = this.#now()
      onRefresh(issuer, 'invalid', 'no key set')
      return
    }
    if (identityOf(keys) !== identityOf(this.#keys) || this.#readAtMs === undefined) {
      this.#keys = keys
      this.version += 1
    }
    this.#readAtMs = this.#now()
    this.#failedAtMs = -Infinity
    // It is believed at once: an issuer may want nobody's tokens to be accepted.
    if (keys.length === 0) onRefresh(issuer, 'empty', 'no key that can be used')
    else onRefresh(issuer, 'ok', `${keys.length} keys`)
  }

  #now(): number {
    return this.#options.clock.monotonicMs()
  }
}

function identityOf(keys: readonly SetKey[]): string {
  return keys.map((key) => key.identity).join('\n')
}
