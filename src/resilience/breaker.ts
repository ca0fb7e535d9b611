/**
 * A circuit breaker: stops calling what does not work, and finds out when it works again.
 *
 * A caller takes a ticket before the call and settles it after. A ticket belongs to one state, or to
 * one trial, so that results of calls that began in an earlier state change nothing. While half open
 * one trial is under way at a time and everybody else is refused at once; nobody waits. A trial has
 * a lease, so that one that never ends cannot hold the breaker. Time is monotonic and passed in.
 */

import type { BreakerStateName, Transition, TransitionCause } from '../core/breaker.ts'
import {
  afterProbe,
  CALM_MS,
  causeToOpen,
  closedState,
  Incidents,
  nextAt,
  nextWhileOpen,
  openedState,
  openTimeMs,
  shareOf,
  transitionOf,
  viewOf,
  waitOf,
} from './breaker-rules.ts'
import type {
  BreakerObserver,
  BreakerParts,
  BreakerSettings,
  BreakerState,
  BreakerView,
  Closed,
  HalfOpen,
  Override,
  Probe,
  ProbeResult,
  Result,
  Trial,
} from './breaker-state.ts'
import { RateWindow } from './rate-window.ts'

/** What `acquire` returns when the call must not be made. */
export const REFUSED = 0

/** The ticket of a call that is let through and counts for nothing. */
export const UNCOUNTED = -1

export class Breaker {
  #settings: BreakerSettings
  readonly #random: () => number
  #observer: BreakerObserver
  #probe: Probe | undefined
  readonly #incidents = new Incidents()
  #state: BreakerState
  #override: Override | undefined
  #serial = 1
  /** Openings in a row; the open time doubles with each. */
  #openings = 0

  constructor(parts: BreakerParts) {
    this.#settings = parts.settings
    this.#random = parts.random
    this.#observer = parts.observer
    this.#probe = parts.probe
    this.#state = this.#closed(parts.nowMs, undefined)
  }

  /** Goes on under other settings; its state stays. A window of another length begins anew. */
  adopt({ settings, observer, probe, nowMs }: Omit<BreakerParts, 'random'>): void {
    const state = this.#state
    if (state.kind === 'closed' && settings.windowMs !== this.#settings.windowMs) {
      this.#state = { ...state, window: new RateWindow(settings.windowMs, nowMs) }
    }
    this.#settings = settings
    this.#observer = observer
    this.#probe = probe
  }

  /** A ticket for one call, `UNCOUNTED`, or `REFUSED`. */
  acquire(nowMs: number): number {
    const state = this.#state
    if (state.kind === 'closed' && this.#override === undefined) return state.ticket
    this.tick(nowMs)
    const ticket = this.#ticket(nowMs)
    return ticket === REFUSED && this.#lenient ? UNCOUNTED : ticket
  }

  /** True when `acquire` would refuse; takes nothing. */
  refuses(nowMs: number): boolean {
    if (this.#state.kind === 'closed' && this.#override === undefined) return false
    this.tick(nowMs)
    if (this.#lenient) return false
    if (this.#override?.mode === 'forced_open') return true
    return (
      this.#state.kind === 'open' ||
      (this.#state.kind === 'half_open' && this.#state.trial !== undefined)
    )
  }

  /** How a call ended, and what that changed. Settle each ticket once. */
  settle(ticket: number, result: Result, nowMs: number): Transition | undefined {
    if (ticket === UNCOUNTED) return undefined
    const state = this.#state
    if (state.kind === 'closed' && state.ticket === ticket) return this.#count(state, result, nowMs)
    if (state.kind === 'half_open' && state.trial?.ticket === ticket) {
      state.trial = undefined
      return this.#trialEnded(state, result, nowMs)
    }
    this.#observer.lateResult()
    return undefined
  }

  /** Does what time brings. Calls do it too, so that a late timer changes nothing but gauges. */
  tick(nowMs: number): void {
    if (this.#override !== undefined && nowMs >= this.#override.untilMs) this.release(nowMs)
    if (this.#override?.mode === 'forced_open') return
    const state = this.#state
    if (state.kind === 'open') this.#whileOpen(state, nowMs)
    else if (state.kind === 'half_open' && state.trial !== undefined) {
      if (nowMs < state.trial.leaseMs) return
      state.trial = undefined
      this.#observer.trialEnded('lost')
      this.#open('trial_lost', nowMs)
    }
  }

  /** When `tick` is due next; undefined when time alone changes nothing. */
  nextAtMs(): number | undefined {
    return nextAt(this.#state, this.#override, this.#probe !== undefined)
  }

  /** The ticket of a call that is no trial, whatever the state. */
  passingTicket(): number {
    return this.#state.kind === 'closed' ? this.#state.ticket : UNCOUNTED
  }

  get state(): BreakerStateName {
    return this.#state.kind
  }

  /** How long a refused caller should wait. */
  retryAfterMs(nowMs: number): number {
    return waitOf(this.#state, this.#override, this.#settings.openMsMax, nowMs)
  }

  /** The share of calls that may be under way: grows from a tenth to 1 after it closed. */
  share(nowMs: number): number {
    return shareOf(this.#state, this.#settings.slowStartMs, nowMs)
  }

  /** Orders a mode by hand, until `override.untilMs`. */
  force(override: Override, nowMs: number): void {
    this.tick(nowMs)
    this.#override = override
    const { kind } = this.#state
    if (override.mode === 'forced_open' && kind !== 'open') this.#open('forced_open', nowMs)
    if (override.mode === 'forced_closed' && kind !== 'closed') this.#close('forced_closed', nowMs)
  }

  /** The upstream was found dead while it should have been working. */
  foundDead(nowMs: number): void {
    if (this.#state.kind !== 'closed' || this.#override?.mode === 'forced_closed') return
    this.#open('probe_failed', nowMs)
  }

  /** Takes back what was ordered by hand. What was forced open is tried before it is trusted. */
  release(nowMs: number): void {
    const override = this.#override
    this.#override = undefined
    if (override?.mode === 'forced_open') this.#halfOpen('override_ended', nowMs)
  }

  /** Closes it and forgets everything. */
  reset(nowMs: number): void {
    this.#override = undefined
    this.#openings = 0
    this.#incidents.clear()
    this.#close('reset', nowMs)
  }

  view(nowMs: number): BreakerView {
    if (this.#state.kind === 'closed') this.#state.window.roll(nowMs)
    return viewOf(this.#state, this.#override)
  }

  /** Refuses nobody, whatever its state. */
  get #lenient(): boolean {
    const mode = this.#override?.mode
    if (mode !== undefined) return mode !== 'forced_open'
    return this.#settings.reportOnly
  }

  #ticket(nowMs: number): number {
    if (this.#override?.mode === 'forced_open') return REFUSED
    const state = this.#state
    if (state.kind === 'closed') return state.ticket
    if (state.kind === 'open' || state.trial !== undefined) return REFUSED
    state.trial = this.#trial(nowMs + this.#settings.trialMs)
    return state.trial.ticket
  }

  #trial(leaseMs: number): Trial {
    this.#serial += 1
    return { ticket: this.#serial, leaseMs }
  }

  #count(state: Closed, result: Result, nowMs: number): Transition | undefined {
    const { signal, work, hard, incident, durationMs } = result
    if (signal === 'none') return undefined
    const fault = signal === 'fault'
    if (fault && this.#incidents.known(incident)) return undefined
    state.window.record(nowMs, fault, durationMs >= this.#settings.slowCallMs)
    if (!fault) {
      state.otherRun = 0
      if (work) state.workRun = 0
    } else if (hard) {
      if (work) state.workRun += 1
      else state.otherRun += 1
    }
    const cause = causeToOpen(this.#settings, state, { fault, hard })
    const opens = cause !== undefined && this.#override?.mode !== 'forced_closed'
    return opens ? this.#open(cause, nowMs) : undefined
  }

  #trialEnded(state: HalfOpen, result: Result, nowMs: number): Transition | undefined {
    const { slowOpens, slowCallMs, successes } = this.#settings
    if (result.signal === 'none') {
      this.#observer.trialEnded('returned')
      return undefined
    }
    if (result.signal === 'fault' || (slowOpens && result.durationMs >= slowCallMs)) {
      this.#observer.trialEnded('failed')
      return this.#open('trial_failed', nowMs)
    }
    this.#observer.trialEnded('passed')
    state.passed += 1
    return state.passed >= successes ? this.#close('trials_passed', nowMs) : undefined
  }

  #whileOpen(state: BreakerState & { kind: 'open' }, nowMs: number): void {
    if (nowMs < nextWhileOpen(state, this.#probe !== undefined)) return
    if (this.#probe === undefined) return void this.#halfOpen('open_time_over', nowMs)
    if (state.probe !== undefined) return this.#probed(state.probe, 'dead', nowMs)
    const probe = this.#trial(nowMs + this.#settings.probeMs)
    state.probe = probe
    try {
      this.#probe((result, atMs) => this.#probed(probe, result, atMs))
    } catch {
      this.#probed(probe, 'unknown', nowMs)
    }
  }

  #probed(probe: Trial, result: ProbeResult, nowMs: number): void {
    const state = this.#state
    if (state.kind !== 'open' || state.probe !== probe) return
    if (this.#override?.mode === 'forced_open') return
    state.probe = undefined
    state.probeAtMs = nowMs + this.#settings.openMs
    if (result === 'dead') state.seenDead = true
    const cause = afterProbe(state, result, nowMs)
    if (cause === 'probe_failed') this.#open(cause, nowMs)
    else if (cause !== undefined) this.#halfOpen(cause, nowMs)
  }

  #closed(nowMs: number, fullAtMs: number | undefined): BreakerState {
    this.#serial += 1
    return closedState(this.#serial, this.#settings.windowMs, nowMs, fullAtMs)
  }

  #open(cause: TransitionCause, nowMs: number): Transition {
    const { kind, sinceMs } = this.#state
    if (kind === 'closed' && nowMs - sinceMs >= CALM_MS) this.#openings = 0
    if (cause !== 'forced_open') this.#openings += 1
    const openMs = openTimeMs(this.#settings, Math.max(1, this.#openings), this.#random())
    return this.#enter(openedState(cause, nowMs, openMs, this.#settings.openMs), cause, nowMs)
  }

  #halfOpen(cause: TransitionCause, nowMs: number): Transition {
    return this.#enter(
      { kind: 'half_open', sinceMs: nowMs, passed: 0, trial: undefined },
      cause,
      nowMs,
    )
  }

  #close(cause: TransitionCause, nowMs: number): Transition {
    const wasOpen = this.#state.kind !== 'closed'
    const { slowStartMs } = this.#settings
    const fullAtMs = wasOpen && slowStartMs > 0 ? nowMs + slowStartMs : undefined
    return this.#enter(this.#closed(nowMs, fullAtMs), cause, nowMs)
  }

  #enter(state: BreakerState, cause: TransitionCause, nowMs: number): Transition {
    const transition = transitionOf(this.#state, state, cause, nowMs)
    this.#state = state
    this.#observer.transition(transition)
    return transition
  }
}
