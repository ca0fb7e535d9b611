/** A breaker in the hands of a test: its time, its chance, and what it tells. */

import type { Transition, TrialResult } from '../../src/core/breaker.ts'
import { Breaker, REFUSED } from '../../src/resilience/breaker.ts'
import type { BreakerSettings, Probe, Result } from '../../src/resilience/breaker-state.ts'

export const SETTINGS: BreakerSettings = {
  failuresInRow: 5,
  failureRate: 0.5,
  callsMin: 20,
  windowMs: 30_000,
  slowCallMs: 10_000,
  slowRate: 0.8,
  slowOpens: false,
  openMs: 5_000,
  openMsMax: 60_000,
  successes: 3,
  trialMs: 30_000,
  probeMs: 10_000,
  slowStartMs: 10_000,
  reportOnly: false,
}

const result = (signal: Result['signal'], more: Partial<Result> = {}): Result => ({
  signal,
  durationMs: 1,
  work: true,
  hard: true,
  incident: undefined,
  ...more,
})

export const OK = result('healthy')
export const FAIL = result('fault')
export const IGNORED = result('none')
export const SLOW = result('healthy', { durationMs: 10_000 })
export const LIST_OK = result('healthy', { work: false })
/** A failure that counts in rates alone. */
export const SOFT_FAIL = result('fault', { hard: false })
export const failIn = (incident: number): Result => result('fault', { incident })

export class BreakerRig {
  now = 1_000
  random = 1
  late = 0
  /** `closed>open failures_in_row`, … */
  readonly changes: string[] = []
  readonly transitions: Transition[] = []
  readonly trials: TrialResult[] = []
  readonly breaker: Breaker

  constructor(settings: Partial<BreakerSettings> = {}, probe?: Probe) {
    this.breaker = new Breaker({
      settings: { ...SETTINGS, ...settings },
      nowMs: this.now,
      random: () => this.random,
      probe,
      observer: {
        transition: (transition) => {
          this.transitions.push(transition)
          this.changes.push(`${transition.from}>${transition.to} ${transition.cause}`)
        },
        trialEnded: (how) => void this.trials.push(how),
        lateResult: () => {
          this.late += 1
        },
      },
    })
  }

  get state(): string {
    return this.breaker.view(this.now).state
  }

  /** The ticket of a call that begins now. */
  begin(): number {
    return this.breaker.acquire(this.now)
  }

  end(ticket: number, how: Result): void {
    this.breaker.settle(ticket, how, this.now)
  }

  /** One call from beginning to end; false when it was refused. */
  call(how: Result): boolean {
    const ticket = this.begin()
    if (ticket === REFUSED) return false
    this.end(ticket, how)
    return true
  }

  calls(count: number, how: Result): void {
    for (let i = 0; i < count; i += 1) this.call(how)
  }

  wait(ms: number): void {
    this.now += ms
    this.breaker.tick(this.now)
  }

  /** Opens it, and lets its open time pass. */
  halfOpen(): void {
    this.calls(5, FAIL)
    this.wait(60_000)
  }
}
