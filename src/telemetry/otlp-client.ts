/** OpenTelemetry's own OTLP/HTTP client, with its retries and timeouts. */

import { diag } from '@opentelemetry/api'
import { ExportResultCode } from '@opentelemetry/core'
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base'
import {
  convertLegacyHttpOptions,
  createOtlpHttpExportDelegate,
  httpAgentFactoryFromOptions,
} from '@opentelemetry/otlp-exporter-base/node-http'
import type { Collector } from './file-settings.ts'

export interface OtlpClientOptions<T> {
  readonly signal: 'TRACES' | 'METRICS' | 'LOGS'
  /** One of the items, such as `span`. */
  readonly item: 'span' | 'metric_data_point' | 'log'
  /** Undefined to go by `OTEL_EXPORTER_OTLP_*`. */
  readonly collector: Collector | undefined
  readonly contentType: 'application/json' | 'application/x-protobuf'
  readonly request: (items: readonly T[]) => Uint8Array | undefined
  /** How many may be lost with these; their number by default. */
  readonly count?: (items: readonly T[]) => number
  /** Reads the collector's answer, for what it says it did not take. */
  readonly response: (data: Uint8Array) => PartialSuccess
}

/** The first byte of HTML; no answer of a collector begins with it. */
const LESS_THAN = 0x3c

/** What the answers of all signals may hold. Counts may come as text: JSON has no 64-bit integers. */
interface PartialSuccess {
  readonly partialSuccess?: {
    readonly errorMessage?: string
    readonly rejectedSpans?: number | string
    readonly rejectedDataPoints?: number | string
    readonly rejectedLogRecords?: number | string
  }
}

/** Where batches go. */
export interface Destination<T> {
  /** Resolves to the number of items that were lost. Never rejects. */
  send(items: readonly T[]): Promise<number>
  close(): Promise<void>
}

export function createOtlpClient<T>(options: OtlpClientOptions<T>): Destination<T> {
  const { item, contentType } = options
  const countItems = options.count ?? ((items: readonly T[]) => items.length)
  const format = contentType === 'application/json' ? 'http_json' : 'http'
  let rejected = 0
  const delegate = createOtlpHttpExportDelegate(
    clientOptions(options),
    {
      serializeRequest: options.request,
      deserializeResponse: (data: Uint8Array) => {
        // Until it is understood, an answer says nothing of what was taken.
        rejected = Infinity
        if (data[0] === LESS_THAN) throw new Error('the answer is a page, not one of a collector')
        const answer = options.response(data)
        rejected = rejectedOf(answer)
        return answer
      },
    },
    `otlp_${format}_${item}_exporter`,
    { name: item, countItems },
    undefined,
  )
  return {
    send: (items) =>
      new Promise((resolve) => {
        rejected = 0
        delegate.export(items, ({ code, error }) => {
          const sent = code === ExportResultCode.SUCCESS
          if (!sent) diag.error(`${item} export: ${String(error?.message)}`)
          resolve(sent ? Math.min(rejected, countItems(items)) : countItems(items))
        })
      }),
    close: () => delegate.shutdown(),
  }
}

function clientOptions<T>({ signal, contentType, collector }: OtlpClientOptions<T>): ClientOptions {
  const required = { 'Content-Type': contentType }
  if (collector === undefined) {
    return convertLegacyHttpOptions({}, signal, `v1/${signal.toLowerCase()}`, required)
  }
  const { url, headers, gzip, timeoutMs, ca, cert, key } = collector
  const agent = { keepAlive: true, ca, cert, key }
  return {
    url,
    headers: () => Promise.resolve({ ...headers, ...required }),
    timeoutMillis: timeoutMs,
    compression: gzip ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE,
    concurrencyLimit: EXPORTS_MAX,
    agentFactory: httpAgentFactoryFromOptions(agent),
  }
}

type ClientOptions = ReturnType<typeof convertLegacyHttpOptions>

/** Exports of one signal under way at a time; OpenTelemetry's own default. */
const EXPORTS_MAX = 30

function rejectedOf({ partialSuccess }: PartialSuccess): number {
  const { rejectedSpans, rejectedDataPoints, rejectedLogRecords } = partialSuccess ?? {}
  const count = Number(rejectedSpans ?? rejectedDataPoints ?? rejectedLogRecords ?? 0)
  return count > 0 ? count : 0
}
