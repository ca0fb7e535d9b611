/** An insight engine with everything around it in the hands of the test. */

import assert from 'node:assert/strict'
import { findRuleIn } from '../../src/cli/insight.ts'
import { validateConfig } from '../../src/config/load.ts'
import type { BreakerStateName } from '../../src/core/breaker.ts'
import type { Loss } from '../../src/insight/alert-rules.ts'
import type { ReceiverSettings, SendResult } from '../../src/insight/delivery.ts'
import { InsightEngine, type InsightRules } from '../../src/insight/engine.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { pass, type TestCall } from './calls.ts'

export interface Sent {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** JSON. */
  readonly body: string
}

export interface TestEngine {
  readonly engine: InsightEngine
  readonly clock: FakeClock
  readonly breakers: Map<string, BreakerStateName>
  readonly ups: Map<string, boolean>
  readonly losses: Loss[]
  readonly sent: Sent[]
  /** How the next requests end; those after them succeed. */
  readonly results: SendResult[]
  readonly events: string[]
  readonly limits: string[]
  calls(count: number, given: Omit<TestCall, 'startMs'>): void
  /** Lets time go by, a second at a time. */
  run(seconds: number): Promise<void>
  /** Name and upstream of alerts in a state. */
  names(state: string): readonly string[]
  rules(given: { upstreams?: readonly string[]; alerts?: unknown }): InsightRules
}

const HEALTH: InsightRules['health'] = {
  warning: { errorRate: 0.05, p95Ms: 3_000 },
  critical: { errorRate: 0.1, p95Ms: 10_000 },
  callsMin: 10,
  recoverAfterMs: 60_000,
}

function rulesOf(
  receivers: readonly ReceiverSettings[],
  { upstreams = ['weather', 'files'], alerts = {} }: Parameters<TestEngine['rules']>[0],
): InsightRules {
  const entries = upstreams.map((name) => [name, { url: `http://${name}.example/mcp` }])
  const result = validateConfig({ upstreams: Object.fromEntries(entries), alerts })
  if (result.kind === 'invalid') assert.fail(JSON.stringify(result.problems))
  return { upstreams, health: HEALTH, findRule: findRuleIn(result.config), receivers }
}

export function startEngine(
  given: {
    readonly alerts?: unknown
    readonly receivers?: readonly Pick<ReceiverSettings, 'name' | 'type' | 'url'>[]
  } = {},
): TestEngine {
  const clock = new FakeClock()
  const breakers = new Map<string, BreakerStateName>()
  const ups = new Map<string, boolean>()
  const [losses, sent, results, events, limits]: [
    Loss[],
    Sent[],
    SendResult[],
    string[],
    string[],
  ] = [[], [], [], [], []]
  const receivers = (given.receivers ?? []).map((one) => ({
    ...one,
    headers: () => ({ authorization: 'Bearer x' }),
  }))
  let ids = 0
  const engine = new InsightEngine({
    ...rulesOf(receivers, { alerts: given.alerts ?? {} }),
    clock,
    log: {
      enabled: () => true,
      write: (level, event) => void events.push(`${level} ${event}`),
    },
    toolsMax: 100,
    recentMax: 100,
    labels: { instance: 'test' },
    externalUrl: () => '',
    breakerOf: (name) => breakers.get(name),
    isUp: (name) => ups.get(name),
    losses: () => losses,
    admitName: (_upstream, name) => name,
    admitMethod: (method) => method,
    tokensOf: (bytes) => bytes / 4,
    isLongLived: () => false,
    newId: () => `id${(ids += 1)}`,
    random: () => 0,
    send: async (url, headers, body) => {
      sent.push({ url, headers, body })
      return Promise.resolve(results.shift() ?? { kind: 'sent' })
    },
    limitHit: (limit) => void limits.push(limit),
    delivered: () => {},
  })
  return {
    engine,
    clock,
    breakers,
    ups,
    losses,
    sent,
    results,
    events,
    limits,
    calls: (count, call) => {
      for (let i = 0; i < count; i += 1) {
        pass(engine.observer, { ...call, startMs: clock.nowMs - call.durationMs })
      }
    },
    run: async (seconds) => {
      for (let second = 0; second < seconds; second += 1) {
        clock.advance(1_000)
        engine.tick()
        // What was sent is answered in the meantime.
        // oxlint-disable-next-line no-await-in-loop -- one second after the other
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    names: (state) =>
      engine
        .alerts()
        .filter((alert) => alert.state === state)
        .map(({ name, labels }) => `${name} ${labels['sidelight_upstream_name'] ?? '-'}`)
        .toSorted(),
    rules: (changed) => rulesOf(receivers, changed),
  }
}
