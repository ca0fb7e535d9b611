/** When things of a reply came, for what an attempt took and for whether a call takes too long. */

import type { Clock } from '../core/clock.ts'
import type { AttemptFacts } from '../core/observer.ts'
import { isLate, type Timeouts } from './deadline.ts'

export class ReplyTimes {
  readonly #clock: Clock
  /** The attempt under way. */
  attempt: AttemptFacts | undefined
  /** When handing on what came began; 0 while nothing is being handed on. */
  #sinceMs = 0
  /** When something of the reply last came; 0 before its head. */
  #heardMs = 0
  /** When an event last came. */
  #movedMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** True when the attempt has been handed to the upstream. */
  get handed(): boolean {
    return (this.attempt?.handedMs ?? 0) > 0
  }

  /** An attempt begins. */
  begin(attempt: AttemptFacts): void {
    this.attempt = attempt
    this.#sinceMs = 0
    this.#heardMs = 0
    this.#movedMs = 0
  }

  /** The head has come. */
  head(): void {
    this.comes()
    if (this.attempt !== undefined) this.attempt.headMs = this.#sinceMs
  }

  /** Something of the reply has come. */
  comes(): void {
    this.#sinceMs = this.#clock.monotonicMs()
    this.#heardMs = this.#sinceMs
  }

  /** So many bytes of its body have come. */
  bytes(count: number): void {
    this.comes()
    if (this.attempt !== undefined) this.attempt.responseBytes += count
  }

  /** It has been handed on. */
  handedOn(): void {
    if (this.#sinceMs > 0) this.#handedOnAt(this.#clock.monotonicMs())
  }

  #handedOnAt(nowMs: number): void {
    if (this.#sinceMs === 0 || this.attempt === undefined) return
    this.attempt.replyMs += nowMs - this.#sinceMs
    this.#sinceMs = 0
  }

  /** So many events have passed. Returns how many of them are new. */
  passed(events: number): number {
    const { attempt } = this
    if (attempt === undefined || events === attempt.events) return 0
    if (attempt.firstEventMs === 0) attempt.firstEventMs = this.#clock.monotonicMs()
    this.#movedMs = this.#heardMs
    const fresh = events - attempt.events
    attempt.events = events
    return fresh
  }

  end(): void {
    const nowMs = this.#clock.monotonicMs()
    this.#handedOnAt(nowMs)
    if (this.attempt !== undefined) this.attempt.endedMs = nowMs
  }

  isLate(limits: Timeouts, beganMs: number, nowMs: number): boolean {
    const attemptMs = this.attempt?.startedMs ?? nowMs
    const [movedMs, heardMs] = [this.#movedMs, this.#heardMs]
    return isLate(limits, { beganMs, attemptMs, movedMs, heardMs }, nowMs)
  }

  /** How much of its time a call has left before anything of its answer has come. */
  leftMs({ callMs, callMaxMs }: Timeouts, beganMs: number): number {
    return Math.min(callMs, callMaxMs) - (this.#clock.monotonicMs() - beganMs)
  }
}
