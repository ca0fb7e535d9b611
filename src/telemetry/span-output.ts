/** Where encoded spans go: a collector over OTLP/HTTP, standard output, or nowhere. */

import { ProtobufTraceSerializer, JsonTraceSerializer } from '@opentelemetry/otlp-transformer'
import { BatchQueue } from './batch-queue.ts'
import { JsonSpanEncoder } from './encode-json-spans.ts'
import { ProtobufSpanEncoder, type SpanEncoder, type SpanOrigin } from './encode-spans.ts'
import type { TelemetrySettings } from './env.ts'
import { createOtlpClient, type Destination } from './otlp-client.ts'
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

/** Undefined when spans are not exported. */
export function createSpanOutput(options: SpanOutputOptions): SpanOutput | undefined {
  const { settings, origin } = options
  if (settings.disabled || settings.tracesExporter === 'none') return undefined
  const json = settings.tracesProtocol === 'http/json' || settings.tracesExporter === 'console'
  const encoder = json ? new JsonSpanEncoder(origin) : new ProtobufSpanEncoder(origin)
  const destination =
    settings.tracesExporter === 'console'
      ? toConsole(encoder, options.print)
      : toCollector(encoder, json, settings)
  const queue = new BatchQueue<Buffer>({
    itemsMax: settings.spanBatch.maxQueueSize,
    batchMax: settings.spanBatch.maxExportBatchSize,
    delayMs: settings.spanBatch.scheduledDelayMillis,
    exportTimeoutMs: settings.spanBatch.exportTimeoutMillis,
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
function toConsole(encoder: SpanEncoder, print: (text: string) => void): Destination<Buffer> {
  return {
    send: (spans) => {
      print(`${encoder.request(spans).toString('utf8')}\n`)
      return Promise.resolve(0)
    },
    close: () => Promise.resolve(),
  }
}

function toCollector(
  encoder: SpanEncoder,
  json: boolean,
  { file }: TelemetrySettings,
): Destination<Buffer> {
  const official = json ? JsonTraceSerializer : ProtobufTraceSerializer
  return createOtlpClient({
    signal: 'TRACES',
    item: 'span',
    collector: file?.collectors.traces,
    contentType: encoder.contentType,
    request: (spans) => encoder.request(spans),
    response: (data) => official.deserializeResponse(data),
  })
}
