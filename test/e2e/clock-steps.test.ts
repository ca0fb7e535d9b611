/** A wall clock that steps: what was measured stays true, and what comes next follows it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import {
  createCollector,
  listen,
  resourceMetricsOf,
  resourceSpansOf,
  type Received,
} from '../support/otlp-collector.ts'
import type { OtlpSpan } from '../support/otlp-types.ts'
import { requestOnce } from '../support/raw-client.ts'
import { startRawUpstream, type RawHandler } from '../support/raw-upstream.ts'
import { closeAfterTest } from '../support/scope.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { pointsOf } from '../otel/exports.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"lookup"}}'
const HOUR_MS = 3_600_000

/** Both clocks are the machine's, and jump when a test says so. */
class SteppingClock implements Clock {
  #wallStepMs = 0
  #passedMs = 0

  wallMs(): number {
    return systemClock.wallMs() + this.#wallStepMs + this.#passedMs
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#passedMs
  }

  stepWall(ms: number): void {
    this.#wallStepMs += ms
  }

  /** A second passes, after which a step must have been noticed. */
  passSecond(): void {
    this.#passedMs += 1_000
  }
}

interface Scene {
  readonly clock: SteppingClock
  readonly sidecar: TestSidecar
  readonly received: readonly Received[]
  readonly spans: () => readonly Times[]
}

interface Times {
  readonly kind: number
  /** Milliseconds since the epoch. */
  readonly start: number
  readonly end: number
}

function timesOf({ kind, startTimeUnixNano, endTimeUnixNano }: OtlpSpan): Times {
  return { kind, start: Number(startTimeUnixNano) / 1e6, end: Number(endTimeUnixNano) / 1e6 }
}

async function scene(
  otel: Readonly<Record<string, string>>,
  handler: (clock: SteppingClock) => RawHandler,
): Promise<Scene> {
  const clock = new SteppingClock()
  const received: Received[] = []
  const server = createCollector(received, true)
  const url = await listen(server)
  closeAfterTest(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const upstream = await startRawUpstream(handler(clock))
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url },
    clock,
    otel: {
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_LOGS_EXPORTER: 'none',
      ...otel,
    },
  })
  const spans = (): Times[] =>
    resourceSpansOf(received)
      .flatMap(({ scopeSpans }) => scopeSpans.flatMap((one) => one.spans))
      .map(timesOf)
  return { clock, sidecar, received, spans }
}

for (const [where, stepMs] of [
  ['back', -HOUR_MS],
  ['forward', HOUR_MS],
] as const) {
  test(`spans of a call during which the wall clock steps ${where} say how long it took`, async () => {
    const { clock, sidecar, spans } = await scene({}, (stepping) => (_request, reply) => {
      stepping.stepWall(stepMs)
      stepping.passSecond()
      reply.result({ content: [] })
    })
    const before = clock.wallMs()
    await requestOnce(sidecar.url('main'), { body: CALL })
    await requestOnce(sidecar.url('main'), { body: CALL })
    await sidecar.close()
    const all = spans()
    assert.equal(all.length, 4)
    for (const { start, end } of all) {
      assert.ok(end - start >= 1_000 && end - start < 60_000, `${start} to ${end}`)
    }
    const ofServer = all.filter(({ kind }) => kind === 2)
    const [first, second] = ofServer
    assert.ok(first !== undefined && second !== undefined)
    // The first began before the step, the second an hour away.
    assert.ok(Math.abs(first.start - before) < 60_000, `${first.start} against ${before}`)
    assert.ok(Math.abs(second.start - before - stepMs) < 60_000, `${second.start}`)
    for (const { start, end } of all.filter(({ kind }) => kind === 3)) {
      assert.ok(ofServer.some((server) => server.start <= start && end <= server.end))
    }
  })
}

for (const temporality of ['cumulative', 'delta']) {
  test(`no point of ${temporality} metrics ends before it starts when the wall clock steps back`, async () => {
    const otel = { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: temporality }
    const { clock, sidecar, received } = await scene(otel, () => (_request, reply) => {
      reply.result({ content: [] })
    })
    await requestOnce(sidecar.url('main'), { body: CALL })
    clock.stepWall(-HOUR_MS)
    clock.passSecond()
    const now = clock.wallMs()
    await sidecar.close()
    const points = resourceMetricsOf(received)
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((one) => one.metrics))
      .flatMap((metric) => pointsOf(metric))
    assert.ok(points.length > 20)
    for (const { startTimeUnixNano, timeUnixNano } of points) {
      assert.ok(BigInt(startTimeUnixNano) <= BigInt(timeUnixNano))
      assert.ok(Math.abs(Number(timeUnixNano) / 1e6 - now) < 60_000)
    }
  })
}
