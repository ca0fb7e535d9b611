/** The rules of a breaker that need nothing but figures. */

import type { Transition, TransitionCause } from '../core/breaker.ts'
import type {
  BreakerSettings,
  BreakerState,
  BreakerView,
  Override,
  ProbeResult,
} from './breaker-state.ts'
import { RateWindow } from './rate-window.ts'

/** Openings are forgotten after so long without one, and the open time begins at its first value. */
export const CALM_MS = 600_000

/** Incidents that are remembered, so that what they took with them counts once. */
const INCIDENTS_MAX = 16

/** The last incidents: each is the end of a process or a connection that took many calls with it. */
export class Incidents {
  readonly #last: number[] = []

  /** True when the incident has been counted before; remembers it. */
  known(incident: number | undefined): boolean {
    if (incident === undefined) return false
    if (this.#last.includes(incident)) return true
    this.#last.push(incident)
    if (this.#last.length > INCIDENTS_MAX) this.#last.shift()
    return false
  }

  clear(): void {
    this.#last.length = 0
  }
}

/** Why a closed breaker has to open after a result, if it has to. */
export function causeToOpen(
  settings: BreakerSettings,
  { window, workRun, otherRun }: BreakerState & { kind: 'closed' },
  { fault, hard }: { readonly fault: boolean; readonly hard: boolean },
): TransitionCause | undefined {
  const { failuresInRow, failureRate, slowRate, slowOpens, callsMin } = settings
  if (fault && hard && failuresInRow !== undefined && workRun + otherRun >= failuresInRow) {
    return 'failures_in_row'
  }
  if (window.calls < callsMin) return undefined
  if (fault && window.failed >= failureRate * window.calls) return 'failure_rate'
  return slowOpens && window.slow >= slowRate * window.calls ? 'slow_rate' : undefined
}

/**
 * How long to stay open at the nth opening in a row: doubled each time up to the maximum, half of it
 * fixed and half by chance, so that many sidecars do not come back at once.
 */
export function openTimeMs(settings: BreakerSettings, opening: number, random: number): number {
  const wholeMs = Math.min(
    settings.openMsMax,
    settings.openMs * 2 ** Math.min(opening - 1, DOUBLINGS_MAX),
  )
  return wholeMs / 2 + (random * wholeMs) / 2
}

const DOUBLINGS_MAX = 30

/** Share of calls that are let through at once after it closed. */
const SLOW_START_SHARE = 0.1

/** The share of calls that may be under way, from a tenth to 1. */
export function shareOf(state: BreakerState, slowStartMs: number, nowMs: number): number {
  if (state.kind !== 'closed' || state.fullAtMs === undefined) return 1
  const left = (state.fullAtMs - nowMs) / slowStartMs
  return left <= 0 ? 1 : 1 - left * (1 - SLOW_START_SHARE)
}

/** `fullAtMs` is when calls come in full again; undefined when they do at once. */
export function closedState(
  ticket: number,
  windowMs: number,
  nowMs: number,
  fullAtMs: number | undefined,
): BreakerState {
  const window = new RateWindow(windowMs, nowMs)
  return { kind: 'closed', ticket, sinceMs: nowMs, fullAtMs, window, workRun: 0, otherRun: 0 }
}

export function transitionOf(
  before: BreakerState,
  state: BreakerState,
  cause: TransitionCause,
  nowMs: number,
): Transition {
  const window = before.kind === 'closed' ? before.window : undefined
  return {
    from: before.kind,
    to: state.kind,
    cause,
    atMs: nowMs,
    openMs: state.kind === 'open' ? state.untilMs - state.sinceMs : undefined,
    calls: window?.calls ?? 0,
    failed: window?.failed ?? 0,
    slow: window?.slow ?? 0,
  }
}

/** `probeMs` is the time between probes. */
export function openedState(
  cause: TransitionCause,
  nowMs: number,
  openMs: number,
  probeMs: number,
): BreakerState {
  return {
    kind: 'open',
    sinceMs: nowMs,
    untilMs: nowMs + openMs,
    probe: undefined,
    probeAtMs: nowMs + probeMs,
    seenDead: cause === 'probe_failed',
  }
}

/** When an open breaker has something to do. */
export function nextWhileOpen(state: BreakerState & { kind: 'open' }, asks: boolean): number {
  if (!asks) return state.untilMs
  return state.probe?.leaseMs ?? Math.min(state.untilMs, state.probeAtMs)
}

/** When time changes a breaker next; undefined when it alone changes nothing. */
export function nextAt(
  state: BreakerState,
  override: Override | undefined,
  asks: boolean,
): number | undefined {
  let own = Infinity
  if (override?.mode === 'forced_open') own = Infinity
  else if (state.kind === 'open') own = nextWhileOpen(state, asks)
  else if (state.kind === 'half_open') own = state.trial?.leaseMs ?? Infinity
  const next = Math.min(override?.untilMs ?? Infinity, own)
  return next === Infinity ? undefined : next
}

/** How long whoever is refused should wait, in milliseconds. */
export function waitOf(
  state: BreakerState,
  override: Override | undefined,
  openMsMax: number,
  nowMs: number,
): number {
  const forced = override?.mode === 'forced_open' ? override.untilMs - nowMs : 0
  const open = state.kind === 'open' ? state.untilMs - nowMs : 0
  return Math.ceil(Math.max(1_000, Math.min(openMsMax, Math.max(forced, open))))
}

/**
 * Why an open breaker changes after a probe, or undefined when it stays as it is. An upstream that was dead and answers again is tried at
 * once, or an outage of minutes would be followed by one of ours. One that answers probes all the while
 * and fails calls is tried only when its open time is over.
 */
export function afterProbe(
  state: BreakerState & { kind: 'open' },
  result: ProbeResult,
  nowMs: number,
): 'probe_failed' | 'probe_passed' | 'open_time_over' | undefined {
  const over = nowMs >= state.untilMs
  if (result === 'dead') return over ? 'probe_failed' : undefined
  if (result === 'alive' && (over || state.seenDead)) return 'probe_passed'
  return over ? 'open_time_over' : undefined
}

/** A state as people and gauges see it. */
export function viewOf(state: BreakerState, override: Override | undefined): BreakerView {
  const view: BreakerView = {
    state: state.kind,
    sinceMs: state.sinceMs,
    openUntilMs: undefined,
    trialUnderWay: false,
    trialsPassed: 0,
    override,
    calls: 0,
    failed: 0,
    slow: 0,
    failuresInRow: 0,
  }
  if (state.kind === 'closed') {
    const { calls, failed, slow } = state.window
    return { ...view, calls, failed, slow, failuresInRow: state.workRun + state.otherRun }
  }
  if (state.kind === 'half_open') {
    return { ...view, trialUnderWay: state.trial !== undefined, trialsPassed: state.passed }
  }
  const forced = override?.mode === 'forced_open' ? override.untilMs : undefined
  return { ...view, openUntilMs: forced ?? state.untilMs }
}
