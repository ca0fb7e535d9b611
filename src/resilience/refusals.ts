/** Why a call may not be made at an upstream now, and when it may. */

import type { BreakerScope, ResilienceObserver } from '../core/breaker.ts'
import type { Exchange } from '../core/exchange.ts'
import type { Rejection } from '../core/outcome.ts'
import type { Breaker } from './breaker.ts'
import { Patience } from './patience.ts'
import { breakerOpen, throttled } from './rejections.ts'
import type { ThrottleGate } from './throttle.ts'
import type { ToolBreakers } from './tool-breakers.ts'
import { callerKeyOf, toolOf } from './traffic.ts'

export class Refusals {
  readonly #parts: { readonly upstream: string; readonly observer: ResilienceObserver }
  readonly #breaker: Breaker | undefined
  readonly #tools: ToolBreakers
  readonly #throttle: ThrottleGate
  readonly #patience = new Patience()

  constructor(
    parts: { readonly upstream: string; readonly observer: ResilienceObserver },
    breaker: Breaker | undefined,
    tools: ToolBreakers,
    throttle: ThrottleGate,
  ) {
    this.#parts = parts
    this.#breaker = breaker
    this.#tools = tools
    this.#throttle = throttle
  }

  /** Undefined when the call may be made; takes nothing. */
  why(exchange: Exchange, nowMs: number): Rejection | undefined {
    const throttledMs = this.#throttle.remainingMs(nowMs)
    if (throttledMs > 0) {
      const waitMs = this.#patience.retryAfterMs(callerKeyOf(exchange), throttledMs, nowMs)
      return throttled(this.#throttle.status, waitMs)
    }
    if (this.#breaker?.refuses(nowMs) === true) {
      // Without its stream a client of HTTP+SSE can call nothing, so nothing could be tried.
      const needed = exchange.endpoint === 'sse_stream' && this.#breaker.state === 'half_open'
      if (!needed) return this.open(exchange, undefined, nowMs)
    }
    if (this.#tools.size === 0) return undefined
    const tool = toolOf(exchange)
    if (tool === undefined || !this.#tools.refuses(tool, nowMs)) return undefined
    return this.open(exchange, tool, nowMs)
  }

  /** The breaker of the tool is open, or that of the upstream. */
  open(exchange: Exchange, tool: string | undefined, nowMs: number): Rejection {
    const breaker = tool === undefined ? this.#breaker : this.#tools.find(tool)
    const scope: BreakerScope = tool === undefined ? 'upstream' : 'tool'
    this.#parts.observer.breakerRefused(this.#parts.upstream, scope)
    const waitMs = breaker?.retryAfterMs(nowMs) ?? 1_000
    return breakerOpen(tool, this.#patience.retryAfterMs(callerKeyOf(exchange), waitMs, nowMs))
  }
}
