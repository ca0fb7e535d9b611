/**
 * Checks the health of every upstream now and then: concurrently, each with its own time limit, apart
 * from the calls of clients and their limits.
 *
 * It is driven by `tick`, about once a second, so that a thousand upstreams cost one timer.
 */

import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import type { HealthObserver } from '../core/observer.ts'
import { logDefect } from '../core/log.ts'
import type { Verdict } from './health/health-check.ts'

/** Asks one upstream once. Resolves soon after `signal` is aborted, and never rejects. */
export type Check = (signal: AbortSignal) => Promise<Verdict>

/** How the health of one upstream is checked. */
export interface HealthPlan {
  readonly check: Check
  /** What kind of server a check has found; undefined when that cannot be told. */
  readonly era?: () => 'modern' | 'legacy' | undefined
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Whether the sidecar is not ready while this upstream is not up. */
  readonly required: boolean
}

/** What is known of one upstream. */
export interface UpstreamHealth {
  readonly upstream: string
  /** Undefined until the first check has ended. */
  readonly up: boolean | undefined
  readonly errorType: string | undefined
  readonly required: boolean
}

export interface ProberOptions {
  readonly clock: Clock
  readonly log: Log
  readonly observer: HealthObserver
  /** A number from 0 up to 1. */
  readonly random: () => number
}

/** The first check follows the start by up to so long: not all sidecars of a cluster at once. */
const FIRST_WITHIN_MS = 5_000

/** Checks come this part of the interval earlier or later. */
const JITTER = 0.1

interface Run {
  readonly startedMs: number
  readonly controller: AbortController
  readonly ended: Promise<Verdict>
}

interface Watched {
  readonly name: string
  readonly plan: HealthPlan
  nextMs: number
  run: Run | undefined
  verdict: Verdict | undefined
}

export class Prober {
  readonly #options: ProberOptions
  readonly #watched = new Map<string, Watched>()
  #closed = false

  constructor(options: ProberOptions) {
    this.#options = options
  }

  /**
   * Checks an upstream from now on, or no more. What was found out about one of its name stays when it is
   * the `same` server.
   */
  follow(name: string, plan: HealthPlan | undefined, same = false): void {
    const before = this.#watched.get(name)
    before?.run?.controller.abort()
    this.#watched.delete(name)
    if (plan === undefined) return
    const { clock, random } = this.#options
    const firstMs = (0.2 + 0.8 * random()) * Math.min(FIRST_WITHIN_MS, plan.intervalMs)
    this.#watched.set(name, {
      name,
      plan,
      // Somebody may be waiting for a required one.
      nextMs: clock.monotonicMs() + (plan.required ? 0 : firstMs),
      run: undefined,
      verdict: same ? before?.verdict : undefined,
    })
  }

  /** Begins the checks that are due and gives up those that take too long. */
  tick(): void {
    if (this.#closed) return
    const nowMs = this.#options.clock.monotonicMs()
    for (const watched of this.#watched.values()) {
      const { run, plan } = watched
      if (run === undefined) {
        if (nowMs >= watched.nextMs) void this.#start(watched)
      } else if (nowMs - run.startedMs >= plan.timeoutMs) run.controller.abort()
    }
  }

  /** Checks one upstream now, or waits for the check under way. Undefined when it is not checked. */
  async check(name: string): Promise<boolean | undefined> {
    const watched = this.#watched.get(name)
    if (watched === undefined || this.#closed) return undefined
    return (await (watched.run?.ended ?? this.#start(watched))).up
  }

  /** Undefined for one that is not checked, or has not been yet. */
  isUp(name: string): boolean | undefined {
    return this.#watched.get(name)?.verdict?.up
  }

  health(): readonly UpstreamHealth[] {
    return [...this.#watched.values()].map(({ name, plan, verdict }) => ({
      upstream: name,
      up: verdict?.up,
      errorType: verdict?.errorType,
      required: plan.required,
    }))
  }

  /** Gives up what is under way, and waits until it has cleaned up. */
  async close(): Promise<void> {
    this.#closed = true
    const runs = [...this.#watched.values()].flatMap(({ run }) => (run === undefined ? [] : [run]))
    for (const { controller } of runs) controller.abort()
    await Promise.all(runs.map(({ ended }) => ended))
  }

  #start(watched: Watched): Promise<Verdict> {
    const controller = new AbortController()
    const startedMs = this.#options.clock.monotonicMs()
    const ended = this.#run(watched, startedMs, controller.signal)
    watched.run = { startedMs, controller, ended }
    return ended
  }

  async #run(watched: Watched, startedMs: number, signal: AbortSignal): Promise<Verdict> {
    const { clock, log, random } = this.#options
    const { check, intervalMs } = watched.plan
    let verdict: Verdict
    try {
      verdict = await check(signal)
    } catch (error) {
      logDefect(log, 'A health check failed', error)
      verdict = { up: false, errorType: 'internal' }
    }
    const nowMs = clock.monotonicMs()
    watched.run = undefined
    watched.nextMs = nowMs + intervalMs * (1 - JITTER + 2 * JITTER * random())
    const current = this.#watched.get(watched.name) === watched
    try {
      if (current && !this.#closed) this.#ended(watched, verdict, nowMs - startedMs)
    } catch (error) {
      logDefect(log, 'The end of a health check could not be told', error)
    }
    return verdict
  }

  #ended(watched: Watched, verdict: Verdict, tookMs: number): void {
    const { log, observer } = this.#options
    const { name } = watched
    const before = watched.verdict
    watched.verdict = verdict
    observer.healthChecked(name, tookMs, verdict.errorType)
    if (before?.up === verdict.up) return
    log.write(
      verdict.up ? 'info' : 'warn',
      'sidelight.upstream.health_changed',
      verdict.up ? 'An upstream is up' : 'An upstream is down',
      {
        'sidelight.upstream.name': name,
        'sidelight.upstream.healthy': verdict.up,
        'error.type': verdict.errorType,
      },
    )
  }
}
