/** A guard in the hands of a test: its time, its timers, its calls, and what it tells. */

import assert from 'node:assert/strict'
import type { QueueEnd, ResilienceObserver } from '../../src/core/breaker.ts'
import type { Exchange } from '../../src/core/exchange.ts'
import { reasonOf, type Outcome, type Rejection } from '../../src/core/outcome.ts'
import type { Probe } from '../../src/resilience/breaker-state.ts'
import type { GuardSettings } from '../../src/resilience/guard-parts.ts'
import type { GuardPass } from '../../src/resilience/guard-pass.ts'
import { UpstreamGuard } from '../../src/resilience/upstream-guard.ts'
import { readEnvelope } from '../mcp/messages.ts'
import { exchangeOf, post } from '../pipeline/fakes.ts'
import { SETTINGS } from './breaker-fakes.ts'

export const OK: Outcome = { kind: 'ok' }
export const TOOL_ERROR: Outcome = { kind: 'tool_error' }
export const CANCELLED: Outcome = { kind: 'cancelled' }
export const failed = (reason: 'connect' | 'timeout' | 'reset' | 'process_exit'): Outcome => ({
  kind: 'upstream_failed',
  reason,
  sent: reason !== 'connect',
})
export const status = (code: number): Outcome =>
  code >= 500
    ? { kind: 'upstream_failed', reason: 'http_5xx', sent: true, status: code }
    : { kind: 'upstream_status', status: code }

interface Waiting {
  result: GuardPass | Rejection | undefined
  leave(): void
}

export class GuardRig {
  now = 1_000
  readonly told: string[] = []
  readonly waits: { how: QueueEnd; ms: number }[] = []
  readonly guard: UpstreamGuard
  readonly #timers = new Set<{ atMs: number; run: () => void }>()

  constructor(settings: Partial<GuardSettings> = {}, probe?: Probe) {
    const observer: ResilienceObserver = {
      breakerChanged: (_upstream, tool, { from, to, cause }) =>
        void this.told.push(`${tool ?? 'upstream'} ${from}>${to} ${cause}`),
      breakerRefused: (_upstream, scope) => void this.told.push(`refused by ${scope}`),
      trialEnded: (_upstream, scope, result) => void this.told.push(`${scope} trial ${result}`),
      lateResult: (_upstream, scope) => void this.told.push(`${scope} late`),
      breakerWasOpen: () => {},
      throttled: (_upstream, code) => void this.told.push(`throttled ${code}`),
      queueLeft: (_upstream, how, ms) => void this.waits.push({ how, ms }),
      retried: () => void this.told.push('retried'),
      retryRefused: () => void this.told.push('retry refused'),
      hedged: (_upstream, result) => void this.told.push(`hedge ${result}`),
      limitHit: (limit) => void this.told.push(`limit ${limit}`),
    }
    this.guard = new UpstreamGuard({
      upstream: 'up',
      settings: {
        breaker: { ...SETTINGS, slowStartMs: 0 },
        toolBreaker: { ...SETTINGS, failuresInRow: undefined },
        signals: { upstream: new Map(), tools: new Map() },
        concurrency: 256,
        adaptive: false,
        queueMax: 1_024,
        queueMs: 10_000,
        retries: {
          ratio: 0.1,
          perSecond: 1,
          attempts: 2,
          mayRepeatTool: (tool) => tool.startsWith('get_'),
          hedge: { afterMs: 500, mayHedgeTool: (tool) => tool.startsWith('read_') },
        },
        ...settings,
      },
      clock: { monotonicMs: () => this.now, wallMs: () => 1_700_000_000_000 + this.now },
      timers: {
        after: (delayMs, run) => {
          const timer = { atMs: this.now + delayMs, run }
          this.#timers.add(timer)
          return () => this.#timers.delete(timer)
        },
      },
      random: () => 1,
      observer,
      isLongLived: (method) => method === 'subscriptions/listen',
      probe,
    })
  }

  get timers(): number {
    return this.#timers.size
  }

  /** Lets time pass, and timers ring on their way. */
  wait(ms: number): void {
    const until = this.now + ms
    for (;;) {
      const next = [...this.#timers].toSorted((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined || next.atMs > until) break
      this.#timers.delete(next)
      this.now = next.atMs
      next.run()
    }
    this.now = until
  }

  admit(exchange: Exchange): GuardPass | Rejection | Waiting {
    const result = this.guard.admit(exchange)
    if (result.kind !== 'queued') return result
    const waiting: Waiting = { result: undefined, leave: () => result.leave() }
    result.start((how) => {
      waiting.result = how
    })
    return waiting
  }

  /** One call from beginning to end: `ok`, or why it was refused. */
  call(outcome: Outcome, options: CallOptions = {}): string {
    const exchange = options.exchange ?? toolCall(options.tool)
    const pass = this.admit(exchange)
    if (!('kind' in pass)) return 'queued'
    if (pass.kind === 'rejected') return pass.reason
    if (options.head !== undefined) pass.head(...options.head)
    this.now += options.takesMs ?? 0
    this.end(pass, exchange, outcome, options.incident)
    return 'ok'
  }

  end(pass: GuardPass, exchange: Exchange, outcome: Outcome, incident?: number): void {
    if (incident !== undefined) pass.failedIn(incident)
    for (const call of exchange.calls) {
      call.outcome = outcome
      pass.callEnded(call, outcome, this.now)
    }
    pass.settle(outcome)
  }

  calls(count: number, outcome: Outcome, options: CallOptions = {}): string[] {
    return Array.from({ length: count }, () => this.call(outcome, options))
  }
}

export interface CallOptions {
  readonly tool?: string
  readonly exchange?: Exchange
  readonly head?: readonly [number, readonly string[]]
  readonly takesMs?: number
  readonly incident?: number
}

/** An exchange whose calls have been read. */
export function read(body: unknown, given: Partial<Exchange> = {}): Exchange {
  const text = JSON.stringify(body)
  const exchange = { ...post(text), ...given }
  const envelope = readEnvelope(text)
  exchange.batch = envelope.batch
  exchange.calls = envelope.messages.map((message) => ({
    exchange,
    message,
    traceId: undefined,
    trace: undefined,
    outcome: undefined,
  }))
  return exchange
}

export const toolCall = (name = 'add', given: Partial<Exchange> = {}): Exchange =>
  read({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } }, given)

export const request = (method: string): Exchange => read({ jsonrpc: '2.0', id: 1, method })

export const notification = (method: string): Exchange => read({ jsonrpc: '2.0', method })

export const stream = (endpoint: Exchange['endpoint'] = 'mcp'): Exchange =>
  exchangeOf('stream', { endpoint })

/** The pass that waiting came to. */
export function entered(waiting: ReturnType<GuardRig['admit']>): GuardPass {
  assert.ok('result' in waiting && waiting.result?.kind === 'pass', 'its turn has come')
  return waiting.result
}

export function refusedFor(waiting: ReturnType<GuardRig['admit']>): string | undefined {
  const result = 'result' in waiting ? waiting.result : waiting
  return result?.kind === 'rejected' ? reasonOf(result) : undefined
}
