/** One exchange that was let through to an upstream, until everything about it is known. */

import type { BreakerChange, Transition } from '../core/breaker.ts'
import type { Call, Exchange } from '../core/exchange.ts'
import type { Outcome } from '../core/outcome.ts'
import { UNREACHABLE, type Result } from './breaker-state.ts'
import { UNCOUNTED } from './breaker.ts'
import type { FailedAttempt, SecondAttempt } from './permit.ts'
import { HeldSecond } from './second-attempt.ts'
import { hasToolBreaker, toolSignal, upstreamSignal } from './signals.ts'
import { isWork, toolOf } from './traffic.ts'
import type { UpstreamGuard } from './upstream-guard.ts'

export interface PassTickets {
  readonly ticket: number
  readonly toolTicket: number
  readonly startedMs: number
  /** True when it holds one of the upstream's places. */
  readonly gated: boolean
}

export class GuardPass {
  readonly kind = 'pass'
  readonly #guard: UpstreamGuard
  readonly #exchange: Exchange
  readonly #tickets: PassTickets
  /** When the attempt under way began. */
  #startedMs: number
  #incident: number | undefined
  #throttled = false
  #judged = false
  #over = false
  /** What its result has changed, and nobody has been told of. */
  #changes: BreakerChange[] | undefined

  constructor(guard: UpstreamGuard, exchange: Exchange, tickets: PassTickets) {
    this.#guard = guard
    this.#exchange = exchange
    this.#tickets = tickets
    this.#startedMs = tickets.startedMs
  }

  head(status: number, rawHeaders: readonly string[]): void {
    const busy = status === 429 || status === 503
    this.#throttled = busy && this.#guard.head(status, rawHeaders)
  }

  failedIn(incident: number): void {
    this.#incident = incident
  }

  /** A failed attempt counts as any call that fails. While something is open, nothing is made again. */
  retry(failed: FailedAttempt, again: (mayGo: boolean) => void): (() => void) | undefined {
    const guard = this.#guard
    if (!this.#tickets.gated || this.#judged || !this.#isTrusted) return undefined
    const delayMs = guard.retries.delayMs(this.#exchange, failed, guard.nowMs)
    if (delayMs === undefined) return undefined
    this.#judge(failed.outcome, guard.nowMs)
    if (!this.#isTrusted) return undefined
    return guard.retries.after(delayMs, () => {
      const mayGo = !this.#over && this.#isTrusted
      if (mayGo) this.#beginAgain()
      again(mayGo)
    })
  }

  get hedges(): boolean {
    return this.#tickets.gated && this.#guard.retries.hedgeAfterMs(this.#exchange) !== undefined
  }

  /** What was paused or asked for time meanwhile is not asked twice. */
  hedge(begin: (second: SecondAttempt) => void): () => void {
    const guard = this.#guard
    return guard.retries.after(guard.retries.hedgeAfterMs(this.#exchange) ?? 0, () => {
      if (this.#over || this.#judged || !this.#isTrusted || !guard.enterBeside()) return
      begin(
        new HeldSecond(guard, (outcome, incident) => this.#record(outcome, guard.nowMs, incident)),
      )
    })
  }

  /**
   * The exchange's one call has ended. A batch is judged as a whole, when it is over and no call of it is
   * suspended any more.
   */
  callEnded(_call: Call, outcome: Outcome, atMs: number): readonly BreakerChange[] | undefined {
    if (this.#over) {
      if (!this.#suspends) this.#endedElsewhere(outcome, atMs)
    } else if (this.#exchange.calls.length === 1) this.#judge(outcome, atMs)
    const changes = this.#changes
    this.#changes = undefined
    return changes
  }

  settle(outcome: Outcome): void {
    if (this.#over) return
    this.#over = true
    const { nowMs } = this.#guard
    // The answer to a suspended call comes later, elsewhere.
    if (!this.#suspends) this.#judge(outcome, nowMs)
    if (this.#tickets.gated) this.#guard.left(nowMs)
  }

  /**
   * A call that was suspended ends long after its exchange, maybe at an instant in the past. But for
   * HTTP+SSE it fails only because its client did not come back for the answer.
   */
  #endedElsewhere(outcome: Outcome, atMs: number): void {
    const left = outcome.kind === 'upstream_failed' && this.#exchange.endpoint !== 'sse_post'
    this.#judge(left ? { kind: 'cancelled' } : outcome, atMs, this.#guard.nowMs)
  }

  /** True while a request has no outcome yet. */
  get #suspends(): boolean {
    return this.#exchange.calls.some(
      ({ message, outcome }) => message.kind === 'request' && outcome === undefined,
    )
  }

  #beginAgain(): void {
    this.#judged = false
    this.#incident = undefined
    this.#throttled = false
    this.#startedMs = this.#guard.nowMs
    this.#guard.retries.made()
  }

  get #isTrusted(): boolean {
    const { breaker, tools } = this.#guard
    if ((breaker?.state ?? 'closed') !== 'closed' || this.#guard.throttledMs() > 0) return false
    const tool = toolOf(this.#exchange)
    return tool === undefined || (tools.find(tool)?.state ?? 'closed') === 'closed'
  }

  #judge(outcome: Outcome, atMs: number, nowMs = atMs): void {
    if (this.#judged) return
    this.#judged = true
    if (!this.#tickets.gated) return this.#judgeStream(outcome, atMs)
    this.#record(outcome, atMs, this.#incident, nowMs)
  }

  #record(outcome: Outcome, atMs: number, incident: number | undefined, nowMs = atMs): void {
    const { ticket, toolTicket } = this.#tickets
    const guard = this.#guard
    const durationMs = atMs - this.#startedMs
    const { signals } = guard.settings
    const result: Result = {
      signal: this.#throttled ? this.#throttledSignal() : upstreamSignal(outcome, signals),
      durationMs,
      work: isWork(this.#exchange.calls[0]?.message.method ?? ''),
      hard: !isProcessExit(outcome),
      incident,
    }
    if (result.signal === 'healthy') guard.endedWell(nowMs)
    this.#note(undefined, guard.breaker?.settle(ticket, result, nowMs))
    if (outcome.kind === 'ok') {
      guard.took(durationMs)
      if (toolTicket === UNCOUNTED) return
    }
    this.#judgeTool(outcome, result, nowMs)
  }

  #judgeTool(outcome: Outcome, result: Result, atMs: number): void {
    const { tools, settings } = this.#guard
    const tool = toolOf(this.#exchange)
    if (tool === undefined || !hasToolBreaker(tool, settings.signals)) return
    const signal = this.#throttled ? 'none' : toolSignal(outcome, tool, settings.signals)
    const { toolTicket } = this.#tickets
    this.#note(tool, tools.settle(tool, toolTicket, { ...result, signal }, atMs))
  }

  #note(tool: string | undefined, transition: Transition | undefined): void {
    if (transition === undefined) return
    this.#changes ??= []
    this.#changes.push({ tool, transition })
  }

  /** An upstream that asks for time is not broken, but it cannot pass a trial. */
  #throttledSignal(): 'none' | 'fault' {
    return this.#guard.breaker?.state === 'half_open' ? 'fault' : 'none'
  }

  /** Of a stream only its beginning says something: all of them end some time. */
  #judgeStream(outcome: Outcome, atMs: number): void {
    const unreachable = outcome.kind === 'upstream_failed' && outcome.reason === 'connect'
    if (!unreachable || this.#tickets.ticket === UNCOUNTED) return
    this.#guard.breaker?.settle(this.#tickets.ticket, UNREACHABLE, atMs)
  }
}

/**
 * A process that ended took its own sessions with it, and the next start has a back-off of its own
 * (`restarting`), so some that end in a row need not keep everybody else from the server.
 */
function isProcessExit(outcome: Outcome): boolean {
  return outcome.kind === 'upstream_failed' && outcome.reason === 'process_exit'
}
