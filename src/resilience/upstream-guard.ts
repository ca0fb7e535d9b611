/**
 * Everything that may keep a call from one upstream: what the upstream asked for, its breaker, those
 * of its tools, and the number of calls it is given at a time.
 */

import type { QueueEnd, ResilienceView, Transition } from '../core/breaker.ts'
import type { Exchange } from '../core/exchange.ts'
import type { Rejection } from '../core/outcome.ts'
import { findHeader } from '../core/raw-headers.ts'
import { Breaker, REFUSED, UNCOUNTED } from './breaker.ts'
import { NOTHING, type BreakerParts, type BreakerSettings, type Override } from './breaker-state.ts'
import { CallGate } from './call-gate.ts'
import { GradientLimit } from './gradient.ts'
import { andThen, type GuardParts, type GuardQueued, type GuardSettings } from './guard-parts.ts'
import { GuardPass } from './guard-pass.ts'
import { HangWatch } from './hang-watch.ts'
import { PlaceInLine, type LineKeeper, type WaitEnd } from './line.ts'
import { OpenTime } from './open-time.ts'
import { Refusals } from './refusals.ts'
import { QUEUE_FULL, queueTimeout } from './rejections.ts'
import { Retries } from './retries.ts'
import { parseRetryAfter, ThrottleGate } from './throttle.ts'
import { Alarm } from './timers.ts'
import { ToolBreakers } from './tool-breakers.ts'
import { toolOf, trafficOf } from './traffic.ts'

/** How often calls that wait are looked at for their deadlines. */
const SWEEP_MS = 100

/** Below so many calls at a time an adaptive limit does not go. */
const ADAPTIVE_MIN = 8

export class UpstreamGuard implements LineKeeper {
  readonly upstream: string
  readonly settings: GuardSettings
  readonly retries: Retries
  readonly tools: ToolBreakers
  /** Maybe that of an earlier configuration; see `inherit`. */
  breaker: Breaker | undefined
  readonly #parts: GuardParts
  #throttle = new ThrottleGate()
  readonly #gate: CallGate
  readonly #adaptive: GradientLimit | undefined
  #refusals: Refusals
  readonly #alarm: Alarm
  /** Undefined when there is nobody to ask. */
  readonly #hangs: HangWatch | undefined
  readonly #openTime: OpenTime

  constructor(parts: GuardParts) {
    const { settings, upstream, clock } = parts
    this.#parts = parts
    this.upstream = upstream
    this.settings = settings
    this.retries = new Retries({ ...parts, rules: settings.retries }, clock.monotonicMs())
    this.#openTime = new OpenTime((ms) => parts.observer.breakerWasOpen(upstream, ms))
    this.#gate = new CallGate(settings.queueMax)
    this.#alarm = new Alarm(parts.timers, () => this.tick())
    if (settings.adaptive) {
      const max = settings.concurrency
      this.#adaptive = new GradientLimit({ min: Math.min(ADAPTIVE_MIN, max), max })
    }
    this.breaker =
      settings.breaker === undefined
        ? undefined
        : new Breaker({ ...this.#breakerParts(settings.breaker), random: parts.random })
    if (parts.probe !== undefined) {
      const found = (nowMs: number): void => this.breaker?.foundDead(nowMs)
      this.#hangs = new HangWatch(parts.probe, found, clock.monotonicMs())
    }
    this.tools = new ToolBreakers({ ...parts, settings: settings.toolBreaker })
    this.#refusals = new Refusals(parts, this.breaker, this.tools, this.#throttle)
  }

  /** Takes over what the guard of the same server, under other settings, knows of it and its calls. */
  inherit(before: UpstreamGuard): void {
    const { breaker: settings } = this.settings
    if (settings !== undefined && before.breaker !== undefined) {
      this.breaker = before.breaker
      this.breaker.adopt(this.#breakerParts(settings))
      before.#openTime.handTo(this.#openTime)
    }
    this.tools.inherit(before.tools)
    this.#throttle = before.#throttle
    this.#refusals = new Refusals(this.#parts, this.breaker, this.tools, this.#throttle)
    this.arm()
  }

  admit(exchange: Exchange): GuardPass | Rejection | GuardQueued {
    const nowMs = this.nowMs
    const traffic = trafficOf(exchange, this.#parts.isLongLived)
    if (traffic === 'free') return this.#pass(exchange, UNCOUNTED, UNCOUNTED, nowMs)
    const refused = this.#refusals.why(exchange, nowMs)
    if (refused !== undefined) return refused
    if (traffic === 'stream') {
      return this.#pass(exchange, this.breaker?.passingTicket() ?? UNCOUNTED, UNCOUNTED, nowMs)
    }
    this.retries.called()
    // Calls that hang may hold every place for ever, and must not keep a trial away.
    return this.#gate.tryEnter(this.#wantsTrial(nowMs) ? Infinity : this.#limit(nowMs))
      ? this.#enter(exchange, nowMs)
      : this.#queue(exchange, nowMs)
  }

  waitEnded(how: QueueEnd, sinceMs: number): void {
    this.#parts.observer.queueLeft(this.upstream, how, this.nowMs - sinceMs)
  }

  afterWait(exchange: Exchange, how: WaitEnd): GuardPass | Rejection {
    const nowMs = this.nowMs
    if (how === 'evicted') return QUEUE_FULL
    if (how === 'timeout') return queueTimeout(this.settings.queueMs)
    const refused = this.#refusals.why(exchange, nowMs)
    if (how === 'refused') return refused ?? QUEUE_FULL
    if (refused === undefined) return this.#enter(exchange, nowMs)
    this.left(nowMs)
    return refused
  }

  /** The head of a reply: what it says about how busy the upstream is. True when it asks for time. */
  head(status: number, rawHeaders: readonly string[]): boolean {
    if (status !== 429 && status !== 503) return false
    const { clock, observer } = this.#parts
    const askedMs = parseRetryAfter(findHeader(rawHeaders, 'retry-after'), clock.wallMs())
    if (askedMs === undefined || askedMs === 0) return status === 429
    this.#throttle.close(status, askedMs, clock.monotonicMs())
    observer.throttled(this.upstream, status)
    this.#gate.refuseAll()
    return true
  }

  /** A call that came through the gate is over. */
  left(nowMs: number): void {
    this.#gate.leave(this.#limit(nowMs), nowMs)
  }

  /** A place for a second attempt, which has then been paid for: only when nobody waits for one. */
  enterBeside(): boolean {
    const { nowMs } = this
    if (!this.#gate.tryEnter(this.#limit(nowMs))) return false
    if (this.retries.payHedge(nowMs)) return true
    this.left(nowMs)
    return false
  }

  /** A call ended, and not by a fault of the upstream. */
  endedWell(nowMs: number): void {
    this.#hangs?.endedWell(nowMs)
  }

  /** How long a call took that ended well or by a timeout. */
  took(durationMs: number): void {
    this.#adaptive?.record(durationMs, this.#gate.active)
  }

  /** Does what time brings; called about once a second, and by timers when something is due. */
  tick(): void {
    const nowMs = this.nowMs
    this.breaker?.tick(nowMs)
    this.tools.tick(nowMs)
    if (this.breaker?.state === 'open') this.#openTime.tell(nowMs)
    this.#gate.sweep(nowMs)
    if (this.#gate.waiting > 0) {
      this.#gate.pump(this.#limit(nowMs), nowMs)
      this.#hangs?.look(nowMs)
    }
    this.arm()
  }

  force(tool: string | undefined, override: Override): boolean {
    const breaker = tool === undefined ? this.breaker : this.tools.make(tool)
    breaker?.force(override, this.nowMs)
    if (this.breaker?.refuses(this.nowMs) === true) this.#gate.refuseAll()
    this.arm()
    return breaker !== undefined
  }

  reset(tool: string | undefined): boolean {
    const nowMs = this.nowMs
    const breaker = tool === undefined ? this.breaker : this.tools.find(tool)
    breaker?.reset(nowMs)
    if (tool === undefined) this.#throttle.open()
    this.arm()
    return breaker !== undefined
  }

  view(): ResilienceView {
    const nowMs = this.nowMs
    const view = this.breaker?.view(nowMs)
    const calls = Math.max(1, view?.calls ?? 0)
    return {
      upstream: this.upstream,
      state: view?.state ?? 'closed',
      tools: this.tools.opened(),
      failureRatio: (view?.failed ?? 0) / calls,
      slowRatio: (view?.slow ?? 0) / calls,
      throttled: this.#throttle.remainingMs(nowMs) > 0,
      queued: this.#gate.waiting,
      active: this.#gate.active,
      limit: this.#limit(nowMs),
      retriesLeft: this.retries.left(nowMs),
    }
  }

  throttledMs(): number {
    return this.#throttle.remainingMs(this.nowMs)
  }

  /** Ends its timers; calls under way may still be settled. */
  close(): void {
    this.#alarm.close()
  }

  /** Sees to it that `tick` is called when something is due. */
  arm(): void {
    const { nowMs } = this
    if (this.#gate.waiting > 0) this.#alarm.set(nowMs + SWEEP_MS, nowMs)
    this.#alarm.set(this.breaker?.nextAtMs() ?? Infinity, nowMs)
  }

  get nowMs(): number {
    return this.#parts.clock.monotonicMs()
  }

  #limit(nowMs: number): number {
    const limit = this.#adaptive?.limit ?? this.settings.concurrency
    const share = this.breaker?.share(nowMs) ?? 1
    return share === 1 ? limit : Math.max(1, Math.round(limit * share))
  }

  #wantsTrial(nowMs: number): boolean {
    const { breaker } = this
    return breaker?.state === 'half_open' && !breaker.view(nowMs).trialUnderWay
  }

  #pass(exchange: Exchange, ticket: number, toolTicket: number, nowMs: number): GuardPass {
    return new GuardPass(this, exchange, { ticket, toolTicket, startedMs: nowMs, gated: false })
  }

  /** Takes the tickets of a call that has a place; gives the place back when one is refused. */
  #enter(exchange: Exchange, nowMs: number): GuardPass | Rejection {
    const tool = toolOf(exchange)
    const ticket = this.breaker?.acquire(nowMs) ?? UNCOUNTED
    const toolTicket =
      ticket === REFUSED || tool === undefined ? UNCOUNTED : this.tools.acquire(tool, nowMs)
    if (ticket !== REFUSED && toolTicket !== REFUSED) {
      return new GuardPass(this, exchange, { ticket, toolTicket, startedMs: nowMs, gated: true })
    }
    if (ticket !== REFUSED) {
      this.breaker?.settle(ticket, NOTHING, nowMs)
    }
    this.left(nowMs)
    return ticket === REFUSED
      ? this.#refusals.open(exchange, undefined, nowMs)
      : this.#refusals.open(exchange, tool, nowMs)
  }

  #queue(exchange: Exchange, nowMs: number): GuardQueued | Rejection {
    const { queueMs, queueMax } = this.settings
    if (queueMax === 0) return QUEUE_FULL
    const place = new PlaceInLine(this, exchange, nowMs, queueMs)
    if (!place.take(this.#gate)) return QUEUE_FULL
    this.arm()
    return place
  }

  #breakerParts(settings: BreakerSettings): Omit<BreakerParts, 'random'> {
    const { upstream, observer, probe } = this.#parts
    return {
      settings,
      nowMs: this.nowMs,
      probe: probe === undefined ? undefined : andThen(probe, () => this.arm()),
      observer: {
        transition: (transition) => this.#changed(transition),
        trialEnded: (result) => observer.trialEnded(upstream, 'upstream', result),
        lateResult: () => observer.lateResult(upstream, 'upstream'),
      },
    }
  }

  #changed(transition: Transition): void {
    const { atMs, from, to } = transition
    if (from === 'open') this.#openTime.tell(atMs)
    if (to === 'open') this.#openTime.began(atMs)
    this.#parts.observer.breakerChanged(this.upstream, undefined, transition)
    // One that only reports, or was ordered to, keeps nobody from the upstream.
    if (to === 'open' && this.breaker?.refuses(atMs) === true) this.#gate.refuseAll()
    this.arm()
  }
}
