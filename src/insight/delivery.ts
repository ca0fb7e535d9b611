/**
 * Tells one receiver of alerts. It compares what the receiver was told with what is so now, and sends the
 * difference until that has succeeded: nothing is queued, so nothing can overflow, and a receiver that was
 * away is told the present state and not the past.
 */

import type { Clock } from '../core/clock.ts'
import { planAlertmanager, planWebhook, type Plan, type Post, type Told } from './notifications.ts'
import type { AlertView, ReceiverView } from './views.ts'

/** Sends JSON by POST. Never rejects: the error is a status or a code. */
export type SendJson = (
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
) => Promise<SendResult>

export type SendResult =
  | { readonly kind: 'sent' }
  | { readonly kind: 'failed'; readonly error: string }

export interface ReceiverSettings {
  readonly name: string
  readonly type: 'alertmanager' | 'webhook'
  /** Of Alertmanager without `/api/v2/alerts`; of a webhook as it is. */
  readonly url: string
  /** Read for each request, because files that they come from may change. */
  headers(): Readonly<Record<string, string>>
}

export interface DeliveryOptions {
  readonly settings: ReceiverSettings
  /** Where people reach the status page; empty when that is not known. */
  readonly externalUrl: () => string
  readonly clock: Clock
  readonly send: SendJson
  /** A number from 0 up to 1. */
  readonly random: () => number
  /** Told of every attempt, and of how many failed before it in a row. */
  readonly onAttempt: (receiver: string, error: string | undefined, failuresBefore: number) => void
}

/** After a failure: doubled from the one to the other, less up to half by chance. */
const BACKOFF_MIN_MS = 1_000
const BACKOFF_MAX_MS = 60_000

export class Delivery {
  readonly #options: DeliveryOptions
  #settings: ReceiverSettings
  readonly #told = new Map<string, Told>()
  readonly #closing = new AbortController()
  #busy: Promise<void> | undefined
  #notBeforeMs = 0
  #failuresInRow = 0
  #lastSuccessMs: number | undefined
  #lastFailureMs: number | undefined
  #lastError: string | undefined

  constructor(options: DeliveryOptions) {
    this.#options = options
    this.#settings = options.settings
  }

  /** Goes on under newer settings of the same receiver; false when it is another one. */
  follow(settings: ReceiverSettings): boolean {
    const { name, type, url } = this.#settings
    if (settings.name !== name || settings.type !== type || settings.url !== url) return false
    this.#settings = settings
    return true
  }

  /** Sends what there is to tell, unless a request is under way or one has just failed. */
  tick(alerts: readonly AlertView[]): void {
    const { clock } = this.#options
    const nowMs = clock.monotonicMs()
    if (this.#busy !== undefined || nowMs < this.#notBeforeMs || this.#closing.signal.aborted)
      return
    const posts = this.#plan(alerts, nowMs)
    if (posts.length === 0) return
    this.#busy = this.#sendAll(posts).finally(() => {
      this.#busy = undefined
    })
  }

  view(): ReceiverView {
    const { name, type } = this.#settings
    return {
      name,
      type,
      lastSuccessMs: this.#lastSuccessMs,
      lastFailureMs: this.#lastFailureMs,
      lastError: this.#lastError,
      failuresInRow: this.#failuresInRow,
    }
  }

  /** Gives up the request under way. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#busy
  }

  #plan(alerts: readonly AlertView[], nowMs: number): Post[] {
    const { externalUrl, clock } = this.#options
    const settings = this.#settings
    const wallMs = clock.wallMs()
    const plan: Plan = {
      alerts: this.#withGone(alerts, wallMs),
      told: this.#told,
      receiver: settings.name,
      nowMs,
      wallMs,
      externalUrl: externalUrl(),
    }
    return settings.type === 'webhook' ? planWebhook(plan) : planAlertmanager(plan)
  }

  /** What can be told: also the end of what the receiver takes for firing and nobody remembers. */
  #withGone(alerts: readonly AlertView[], wallMs: number): AlertView[] {
    const present = new Set(alerts.map(({ fingerprint }) => fingerprint))
    const gone: AlertView[] = []
    for (const [fingerprint, { state, alert }] of this.#told) {
      if (present.has(fingerprint)) continue
      if (state === 'firing') gone.push({ ...alert, state: 'resolved', resolvedAtMs: wallMs })
      else this.#told.delete(fingerprint)
    }
    const loud = alerts.filter(({ state, silencedBy, fingerprint }) =>
      state === 'resolved'
        ? this.#told.has(fingerprint)
        : state === 'firing' && silencedBy === undefined,
    )
    return [...loud, ...gone]
  }

  async #sendAll(posts: readonly Post[]): Promise<void> {
    for (const post of posts) {
      if (!(await this.#send(post))) return
    }
  }

  async #send({ body, tells }: Post): Promise<boolean> {
    const { send, clock, onAttempt } = this.#options
    const settings = this.#settings
    const url = settings.type === 'webhook' ? settings.url : apiUrl(settings.url)
    const result = await send(url, settings.headers(), JSON.stringify(body), this.#closing.signal)
    if (this.#closing.signal.aborted) return false
    onAttempt(
      settings.name,
      result.kind === 'failed' ? result.error : undefined,
      this.#failuresInRow,
    )
    const nowMs = clock.monotonicMs()
    if (result.kind === 'failed') {
      this.#failuresInRow += 1
      this.#lastError = result.error
      this.#lastFailureMs = clock.wallMs()
      this.#notBeforeMs = nowMs + this.#backoffMs()
      return false
    }
    this.#failuresInRow = 0
    this.#lastError = undefined
    this.#lastSuccessMs = clock.wallMs()
    for (const alert of tells) {
      this.#told.set(alert.fingerprint, { state: alert.state, alert, atMs: nowMs })
    }
    return true
  }

  #backoffMs(): number {
    const fullMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** (this.#failuresInRow - 1))
    return fullMs * (1 - this.#options.random() / 2)
  }
}

/** `api/v2/alerts` below the address, which may have a path of its own. */
function apiUrl(base: string): string {
  return `${base.replace(/\/+$/, '')}/api/v2/alerts`
}
