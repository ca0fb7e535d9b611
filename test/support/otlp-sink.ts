/**
 * A collector for tests: keeps what OTLP exporters send, protobuf and JSON, and when its test ends
 * holds all of it against the rules in test/otel.
 */

import { checkExports } from '../otel/check.ts'
import {
  createCollector,
  listen,
  resourceLogsOf,
  resourceMetricsOf,
  resourceSpansOf,
  type Received,
} from './otlp-collector.ts'
import type {
  OtlpLogRecord,
  OtlpMetric,
  OtlpSpan,
  ResourceLogs,
  ResourceMetrics,
  ResourceSpans,
} from './otlp-types.ts'
import { closeAfterTest } from './scope.ts'
import { waitFor, SOON } from './wait-for.ts'

export interface OtlpSink {
  readonly url: string
  /** The variables that make the sidecar export here, soon and as JSON. */
  readonly env: Readonly<Record<string, string>>
  readonly received: readonly Received[]
  readonly resourceSpans: readonly ResourceSpans[]
  readonly spans: readonly OtlpSpan[]
  readonly resourceLogs: readonly ResourceLogs[]
  readonly logs: readonly OtlpLogRecord[]
  /** The last export of metrics, by name. */
  readonly metrics: ReadonlyMap<string, OtlpMetric>
  /** Waits for `count` spans that match. */
  waitForSpans(count: number, matches?: (span: OtlpSpan) => boolean): Promise<readonly OtlpSpan[]>
  close(): Promise<void>
}

export interface SinkOptions {
  /** False keeps every export waiting: a collector that hangs. */
  readonly answer?: boolean
  /** The test turns on what is off by default, so attributes of level opt-in may be there. */
  readonly optIn?: boolean
  /** Metrics are asked for as differences. */
  readonly delta?: boolean
}

export async function startOtlpSink(options: SinkOptions = {}): Promise<OtlpSink> {
  const received: Received[] = []
  const server = createCollector(received, options.answer !== false)
  const url = await listen(server)
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  closeAfterTest(async () => {
    await close()
    checkExports(received, { optIn: options.optIn === true, delta: options.delta === true })
  })
  const spans = (): OtlpSpan[] =>
    resourceSpansOf(received).flatMap(({ scopeSpans }) => scopeSpans.flatMap((one) => one.spans))
  return {
    url,
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_LOGS_EXPORTER: 'otlp',
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_BLRP_SCHEDULE_DELAY: '50',
    },
    received,
    get resourceSpans() {
      return resourceSpansOf(received)
    },
    get spans() {
      return spans()
    },
    get resourceLogs() {
      return resourceLogsOf(received)
    },
    get logs() {
      return resourceLogsOf(received).flatMap(({ scopeLogs }) =>
        scopeLogs.flatMap((one) => one.logRecords),
      )
    },
    get metrics() {
      return lastMetrics(resourceMetricsOf(received))
    },
    waitForSpans: (count, matches = () => true) =>
      waitFor(
        () => {
          const found = spans().filter(matches)
          return found.length >= count && found
        },
        { within: SOON, what: `${count} spans at the collector` },
      ),
    close,
  }
}

function lastMetrics(resources: readonly ResourceMetrics[]): ReadonlyMap<string, OtlpMetric> {
  const all = resources.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((one) => one.metrics))
  return new Map(all.map((metric) => [metric.name, metric]))
}
