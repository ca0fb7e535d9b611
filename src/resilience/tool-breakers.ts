/**
 * The breakers of an upstream's tools, which look at rates alone. A tool has none until it fails, so
 * that healthy tools cost nothing, and names that clients make up leave nothing behind.
 */

import type { BreakerStateName, ResilienceObserver, Transition } from '../core/breaker.ts'
import { Breaker, REFUSED, UNCOUNTED } from './breaker.ts'
import type { BreakerParts, BreakerSettings, BreakerView, Result } from './breaker-state.ts'

export interface ToolBreakersParts {
  readonly upstream: string
  readonly settings: BreakerSettings | undefined
  readonly clock: { monotonicMs(): number }
  readonly random: () => number
  readonly observer: ResilienceObserver
}

/** Per upstream. */
export const TOOLS_MAX = 256

interface ToolBreaker {
  readonly breaker: Breaker
  /** Whether it has opened since it was made. */
  opened: boolean
}

export class ToolBreakers {
  readonly #parts: ToolBreakersParts
  readonly #tools = new Map<string, ToolBreaker>()

  constructor(parts: ToolBreakersParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#tools.size
  }

  find(tool: string): Breaker | undefined {
    return this.#tools.get(tool)?.breaker
  }

  refuses(tool: string, nowMs: number): boolean {
    return this.find(tool)?.refuses(nowMs) ?? false
  }

  acquire(tool: string, nowMs: number): number {
    if (this.#tools.size === 0) return UNCOUNTED
    return this.find(tool)?.acquire(nowMs) ?? UNCOUNTED
  }

  /** How a call of the tool ended, and what that changed. A first failure makes it a breaker. */
  settle(tool: string, ticket: number, result: Result, nowMs: number): Transition | undefined {
    const known = this.find(tool)
    if (known !== undefined) return known.settle(ticket, result, nowMs)
    if (result.signal !== 'fault') return undefined
    const made = this.make(tool)
    const own = made?.acquire(nowMs) ?? REFUSED
    return own === REFUSED ? undefined : made?.settle(own, result, nowMs)
  }

  /** The tool's breaker; undefined when tools have none, or there are too many. */
  make(tool: string): Breaker | undefined {
    const { settings, clock, random, observer } = this.#parts
    const known = this.find(tool)
    if (known !== undefined || settings === undefined) return known
    if (this.#tools.size >= TOOLS_MAX && !this.#forgetOne(clock.monotonicMs())) {
      observer.limitHit('tool_breakers')
      return undefined
    }
    const breaker = new Breaker({ ...this.#breakerParts(tool, settings), random })
    this.#tools.set(tool, { breaker, opened: false })
    return breaker
  }

  /** Takes over the breakers of the same upstream, as it was configured before. */
  inherit(before: ToolBreakers): void {
    const { settings } = this.#parts
    if (settings === undefined) return
    for (const [tool, { breaker, opened }] of before.#tools) {
      breaker.adopt(this.#breakerParts(tool, settings))
      this.#tools.set(tool, { breaker, opened })
    }
  }

  #breakerParts(tool: string, settings: BreakerSettings): Omit<BreakerParts, 'random'> {
    const { upstream, clock, observer } = this.#parts
    return {
      settings,
      nowMs: clock.monotonicMs(),
      probe: undefined,
      observer: {
        transition: (transition) => {
          const entry = this.#tools.get(tool)
          if (entry !== undefined) entry.opened = true
          observer.breakerChanged(upstream, tool, transition)
        },
        trialEnded: (result) => observer.trialEnded(upstream, 'tool', result),
        lateResult: () => observer.lateResult(upstream, 'tool'),
      },
    }
  }

  tick(nowMs: number): void {
    for (const [tool, { breaker, opened }] of this.#tools) {
      breaker.tick(nowMs)
      if (!opened && isIdle(breaker.view(nowMs))) this.#tools.delete(tool)
    }
  }

  /** Those that have opened since they were made. */
  opened(): { readonly tool: string; readonly state: BreakerStateName }[] {
    return [...this.#tools].flatMap(([tool, { breaker, opened }]) =>
      opened ? [{ tool, state: breaker.state }] : [],
    )
  }

  views(nowMs: number): { readonly tool: string; readonly view: BreakerView }[] {
    return [...this.#tools].map(([tool, { breaker }]) => ({ tool, view: breaker.view(nowMs) }))
  }

  #forgetOne(nowMs: number): boolean {
    for (const [tool, { breaker }] of this.#tools) {
      if (isIdle(breaker.view(nowMs))) return this.#tools.delete(tool)
    }
    return false
  }
}

function isIdle({ state, calls, override }: BreakerView): boolean {
  return state === 'closed' && calls === 0 && override === undefined
}
