/** A collector for tests: keeps what OTLP exporters send. */

import { createServer, type ServerResponse } from 'node:http'
import { parseJson } from './json.ts'
import { closeAfterTest } from './scope.ts'
import { waitFor, SOON } from './wait-for.ts'

/** An OTLP value, as JSON carries it. */
export type OtlpValue = {
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly intValue?: number | string
  readonly doubleValue?: number
}

export interface OtlpAttribute {
  readonly key: string
  readonly value: OtlpValue
}

export interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly traceState?: string
  readonly flags?: number
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly OtlpAttribute[]
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly events?: readonly unknown[]
  readonly status: { readonly code?: number; readonly message?: string }
}

export interface OtlpScope {
  readonly name: string
  readonly version?: string
}

export interface ResourceSpans {
  readonly resource: { readonly attributes: readonly OtlpAttribute[] }
  readonly scopeSpans: readonly {
    readonly scope: OtlpScope
    readonly schemaUrl?: string
    readonly spans: readonly OtlpSpan[]
  }[]
}

export interface HistogramPoint {
  readonly attributes: readonly OtlpAttribute[]
  readonly count: number | string
  readonly sum: number
  readonly bucketCounts: readonly (number | string)[]
  readonly explicitBounds: readonly number[]
}

export interface OtlpMetric {
  readonly name: string
  readonly unit: string
  readonly histogram?: { readonly dataPoints: readonly HistogramPoint[] }
  readonly sum?: {
    readonly isMonotonic: boolean
    readonly dataPoints: readonly {
      readonly attributes: readonly OtlpAttribute[]
      readonly asDouble?: number
    }[]
  }
  readonly gauge?: unknown
}

export interface OtlpLog {
  readonly timeUnixNano: string
  readonly severityNumber: number
  readonly severityText: string
  readonly eventName: string
  readonly body: OtlpValue
  readonly attributes: readonly OtlpAttribute[]
  readonly droppedAttributesCount?: number
  readonly traceId?: string
  readonly spanId?: string
  readonly flags?: number
}

export interface ResourceLogs {
  readonly resource: { readonly attributes: readonly OtlpAttribute[] }
  readonly scopeLogs: readonly {
    readonly scope: OtlpScope
    readonly logRecords: readonly OtlpLog[]
  }[]
}

export interface Received {
  readonly path: string
  readonly contentType: string
  readonly body: Buffer
}

/** OTLP's numbers for span kinds and status codes. */
export const OTLP = { server: 2, client: 3, unset: 0, error: 2 } as const

export interface OtlpSink {
  readonly url: string
  /** The variables that make the sidecar export here, soon and as JSON. */
  readonly env: Readonly<Record<string, string>>
  readonly received: readonly Received[]
  readonly resourceSpans: readonly ResourceSpans[]
  readonly spans: readonly OtlpSpan[]
  readonly resourceLogs: readonly ResourceLogs[]
  readonly logs: readonly OtlpLog[]
  /** The last export of metrics, by name. */
  readonly metrics: ReadonlyMap<string, OtlpMetric>
  /** Waits for `count` spans that match. */
  waitForSpans(count: number, matches?: (span: OtlpSpan) => boolean): Promise<readonly OtlpSpan[]>
  close(): Promise<void>
}

/** `answer` false keeps every export waiting: a collector that hangs. */
export async function startOtlpSink(
  options: { readonly answer?: boolean } = {},
): Promise<OtlpSink> {
  const received: Received[] = []
  const server = createServer((request, response: ServerResponse) => {
    const pieces: Buffer[] = []
    request.on('data', (chunk: Buffer) => pieces.push(chunk))
    request.on('end', () => {
      const contentType = request.headers['content-type'] ?? ''
      received.push({ path: request.url ?? '', contentType, body: Buffer.concat(pieces) })
      if (options.answer === false) return
      response.writeHead(200, { 'Content-Type': contentType })
      response.end(contentType.includes('json') ? '{}' : '')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const url = `http://127.0.0.1:${port}`
  const bodies = <T>(path: string): T[] =>
    received
      .filter((item) => item.path === path && item.contentType.includes('json'))
      .map((item) => parseJson<T>(item.body))
  const resourceSpans = (): ResourceSpans[] =>
    bodies<{ resourceSpans: ResourceSpans[] }>('/v1/traces').flatMap((body) => body.resourceSpans)
  const resourceLogs = (): ResourceLogs[] =>
    bodies<{ resourceLogs: ResourceLogs[] }>('/v1/logs').flatMap((body) => body.resourceLogs)
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  closeAfterTest(close)
  const spans = (): OtlpSpan[] =>
    resourceSpans().flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans))
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
      return resourceSpans()
    },
    get spans() {
      return spans()
    },
    get resourceLogs() {
      return resourceLogs()
    },
    get logs() {
      return resourceLogs().flatMap(({ scopeLogs }) => scopeLogs.flatMap((s) => s.logRecords))
    },
    get metrics() {
      return lastMetrics(bodies('/v1/metrics'))
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

interface MetricsBody {
  readonly resourceMetrics: readonly {
    readonly scopeMetrics: readonly { readonly metrics: readonly OtlpMetric[] }[]
  }[]
}

function lastMetrics(bodies: readonly MetricsBody[]): ReadonlyMap<string, OtlpMetric> {
  const all = bodies.flatMap((body) =>
    body.resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((s) => s.metrics)),
  )
  return new Map(all.map((metric) => [metric.name, metric]))
}

/** Attributes as a plain object; integers as numbers. */
export function plainAttributes(
  attributes: readonly OtlpAttribute[],
): Record<string, string | number | boolean | undefined> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.stringValue ??
        value.boolValue ??
        value.doubleValue ??
        (value.intValue === undefined ? undefined : Number(value.intValue)),
    ]),
  )
}
