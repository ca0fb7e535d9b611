/** Where encoded spans go: a collector over OTLP/HTTP, standard output, or nowhere. */

import { diag } from '@opentelemetry/api'
import { ExportResultCode } from '@opentelemetry/core'
import {
  convertLegacyHttpOptions,
  createOtlpHttpExportDelegate,
} from '@opentelemetry/otlp-exporter-base/node-http'
import { ProtobufTraceSerializer, JsonTraceSerializer } from '@opentelemetry/otlp-transformer'
import {
  JsonSpanEncoder,
  ProtobufSpanEncoder,
  type SpanEncoder,
  type SpanOrigin,
} from './encode-spans.ts'
import type { TelemetrySettings } from './env.ts'
import { SpanQueue } from './span-queue.ts'
import type { SpanData } from './span.ts'

export interface SpanOutput {
  readonly onEnd: (span: SpanData) => void
  /** Sends what waits; may take as long as the collector does. */
  close(): Promise<void>
}

export interface SpanOutputOptions {
  readonly settings: TelemetrySettings
  readonly origin: SpanOrigin
  readonly print: (text: string) => void
  readonly onDropped: (reason: 'queue_full' | 'export_failed', count: number) => void
}

interface Destination {
  send(spans: readonly Buffer[]): Promise<boolean>
  close(): Promise<void>
}

/** Undefined when spans are not exported. */
export function createSpanOutput(options: SpanOutputOptions): SpanOutput | undefined {
  const { settings, origin } = options
  if (settings.disabled || settings.tracesExporter === 'none') return undefined
  const json = settings.tracesProtocol === 'http/json' || settings.tracesExporter === 'console'
  const encoder = json ? new JsonSpanEncoder(origin) : new ProtobufSpanEncoder(origin)
  const destination =
    settings.tracesExporter === 'console'
      ? toConsole(encoder, options.print)
      : toCollector(encoder, json)
  const queue = new SpanQueue({
    spansMax: settings.batch.maxQueueSize,
    batchMax: settings.batch.maxExportBatchSize,
    delayMs: settings.batch.scheduledDelayMillis,
    exportTimeoutMs: settings.batch.exportTimeoutMillis,
    send: (spans) => destination.send(spans),
    onDropped: options.onDropped,
  })
  return {
    onEnd: (span) => queue.add(encoder.encode(span)),
    close: async () => {
      await queue.close()
      await destination.close()
    },
  }
}

/** One line of OTLP/JSON per batch. */
function toConsole(encoder: SpanEncoder, print: (text: string) => void): Destination {
  return {
    send: (spans) => {
      print(`${encoder.request(spans).toString('utf8')}\n`)
      return Promise.resolve(true)
    },
    close: () => Promise.resolve(),
  }
}

/** OpenTelemetry's own OTLP/HTTP client: retries, timeouts, headers and TLS by `OTEL_*`. */
function toCollector(encoder: SpanEncoder, json: boolean): Destination {
  const official = json ? JsonTraceSerializer : ProtobufTraceSerializer
  const delegate = createOtlpHttpExportDelegate(
    convertLegacyHttpOptions({}, 'TRACES', 'v1/traces', { 'Content-Type': encoder.contentType }),
    {
      serializeRequest: (spans: readonly Buffer[]) => encoder.request(spans),
      deserializeResponse: (data: Uint8Array) => official.deserializeResponse(data),
    },
    json ? 'otlp_http_json_span_exporter' : 'otlp_http_span_exporter',
    { name: 'span', countItems: (spans: readonly Buffer[]) => spans.length },
    undefined,
  )
  return {
    send: (spans) =>
      new Promise((resolve) => {
        delegate.export(spans, ({ code, error }) => {
          if (code !== ExportResultCode.SUCCESS)
            diag.error(`span export: ${String(error?.message)}`)
          resolve(code === ExportResultCode.SUCCESS)
        })
      }),
    close: () => delegate.shutdown(),
  }
}
