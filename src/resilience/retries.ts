/**
 * Whether a call is made again: once whatever it is when no connection could be made for it, and after
 * it may have reached the upstream what only reads, and tools that the operator vouches for; within a
 * budget, a while later, and never instead of the call's deadline.
 */

import type { HedgeResult, ResilienceObserver } from '../core/breaker.ts'
import type { Exchange } from '../core/exchange.ts'
import type { UpstreamFailed } from '../core/outcome.ts'
import type { FailedAttempt } from './permit.ts'
import { fullJitterMs, RetryBudget, type RetryBudgetSettings } from './retry-budget.ts'
import type { Timers } from './timers.ts'
import { toolOf } from './traffic.ts'

export interface RetryRules extends RetryBudgetSettings {
  /** Most attempts, the first and a resend included. */
  readonly attempts: number
  /** Whether this tool may be called twice for one call. */
  readonly mayRepeatTool: (tool: string) => boolean
  /** Undefined when no call has a second attempt beside its first. */
  readonly hedge: HedgeRules | undefined
}

/** A second attempt beside a first one that is slow. */
export interface HedgeRules {
  readonly afterMs: number
  /** Whether this tool may run twice at the same time for one call. */
  readonly mayHedgeTool: (tool: string) => boolean
}

export interface RetriesParts {
  readonly upstream: string
  readonly rules: RetryRules
  readonly timers: Timers
  /** From 0 to below 1. */
  readonly random: () => number
  readonly observer: ResilienceObserver
}

/**
 * Requests that change nothing at a server (MCP "Tools", "Resources", "Prompts"). `completion/complete`
 * is left out: it is asked at every key, and is worth nothing when it comes late.
 */
const READS: ReadonlySet<string> = new Set([
  'tools/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'prompts/list',
  'prompts/get',
])

const BASE_MS = 100
const DELAY_MS_MAX = 2_000

export class Retries {
  readonly #parts: RetriesParts
  readonly #budget: RetryBudget

  constructor(parts: RetriesParts, nowMs: number) {
    this.#parts = parts
    this.#budget = new RetryBudget(parts.rules, nowMs)
  }

  /** A call that is no retry. */
  called(): void {
    this.#budget.called()
  }

  /** Whole retries that are left. */
  left(nowMs: number): number {
    return this.#budget.left(nowMs)
  }

  /** How long to wait before the next attempt, which has then been paid for; undefined for none. */
  delayMs(exchange: Exchange, failed: FailedAttempt, nowMs: number): number | undefined {
    const { rules, random, observer, upstream } = this.#parts
    const { number, outcome, leftMs } = failed
    if (number >= rules.attempts) return undefined
    const harmless = neverLeft(outcome) && number === 1
    if (!harmless && !(mayPass(outcome) && this.#mayRepeat(exchange))) return undefined
    const delayMs = fullJitterMs(number, { baseMs: BASE_MS, maxMs: DELAY_MS_MAX }, random())
    if (delayMs >= leftMs) return undefined
    if (this.#budget.take(nowMs)) return delayMs
    observer.retryRefused(upstream)
    return undefined
  }

  /** How long a call may be slow before a second attempt is made; undefined when none is. */
  hedgeAfterMs(exchange: Exchange): number | undefined {
    const { hedge } = this.#parts.rules
    const tool = hedge === undefined ? undefined : toolOf(exchange)
    if (hedge === undefined || tool === undefined || !hedge.mayHedgeTool(tool)) return undefined
    const repeatable = !exchange.batch && exchange.calls[0]?.message.asksTask !== true
    return repeatable ? hedge.afterMs : undefined
  }

  /** Pays for a second attempt; false when nothing is left for it. */
  payHedge(nowMs: number): boolean {
    if (this.#budget.take(nowMs)) return true
    this.#parts.observer.retryRefused(this.#parts.upstream)
    return false
  }

  /** A second attempt beside a first one is over. */
  hedged(result: HedgeResult): void {
    this.#parts.observer.hedged(this.#parts.upstream, result)
  }

  after(delayMs: number, run: () => void): () => void {
    return this.#parts.timers.after(delayMs, run)
  }

  /** An attempt is made again. */
  made(): void {
    this.#parts.observer.retried(this.#parts.upstream)
  }

  /** A batch may hold anything, and a task goes on by itself. */
  #mayRepeat({ calls, batch }: Exchange): boolean {
    const message = calls.length === 1 && !batch ? calls[0]?.message : undefined
    if (message?.kind !== 'request' || message.asksTask) return false
    if (READS.has(message.method)) return true
    const { method, target } = message
    return (
      method === 'tools/call' && target !== undefined && this.#parts.rules.mayRepeatTool(target)
    )
  }
}

/** True when no byte of the call, in any attempt, can have reached the upstream. */
function neverLeft({ reason, sent }: UpstreamFailed): boolean {
  return reason === 'connect' && !sent
}

/**
 * Failures that may be over soon. A timeout has used up the call's time; a process that ended took its
 * session with it; 500 and nonsense are what the server has to say to this call.
 */
function mayPass({ reason, status = 0 }: UpstreamFailed): boolean {
  if (reason === 'http_5xx') return status >= 502 && status <= 504
  return reason === 'connect' || reason === 'reset' || reason === 'closed'
}
