/**
 * Log records as OTLP: to a collector, to standard output, or nowhere.
 *
 * They are few, so OpenTelemetry's own serialisers are cheap enough; its log SDK would add a logger,
 * a processor and a queue to the ones that are here.
 */

import type { HrTime } from '@opentelemetry/api'
import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer'
import type { Resource } from '@opentelemetry/resources'
import { SEVERITY } from '../core/events.ts'
import type { LogFields, LogRecord, LogSink } from '../core/log.ts'
import { BatchQueue } from './batch-queue.ts'
import type { AttributeLimits, TelemetrySettings } from './env.ts'
import { toHrTime } from './epoch.ts'
import { SCHEMA_URL, SCOPE_NAME } from './names.ts'
import { createOtlpClient, type Destination } from './otlp-client.ts'

type OtlpLogRecord = Parameters<typeof ProtobufLogsSerializer.serializeRequest>[0][number]

export interface LogOutput {
  readonly sink: LogSink
  /** Sends what waits; may take as long as the collector does. What comes later goes nowhere. */
  close(): Promise<void>
}

export interface LogOutputOptions {
  readonly settings: TelemetrySettings
  readonly resource: Resource
  readonly version: string
  readonly print: (text: string) => void
  readonly onDropped: (reason: 'queue_full' | 'export_failed', count: number) => void
}

/** Undefined when logs are not exported. */
export function createLogOutput(options: LogOutputOptions): LogOutput | undefined {
  const { settings, resource, version } = options
  if (settings.disabled || settings.logsExporter === 'none') return undefined
  const destination =
    settings.logsExporter === 'console' ? toConsole(options.print) : toCollector(settings)
  const queue = new BatchQueue<OtlpLogRecord>({
    itemsMax: settings.logBatch.maxQueueSize,
    batchMax: settings.logBatch.maxExportBatchSize,
    delayMs: settings.logBatch.scheduledDelayMillis,
    exportTimeoutMs: settings.logBatch.exportTimeoutMillis,
    send: (records) => destination.send(records),
    onDropped: options.onDropped,
  })
  const origin = {
    resource,
    instrumentationScope: { name: SCOPE_NAME, version, schemaUrl: SCHEMA_URL },
  }
  let closed = false
  return {
    sink: (record) => {
      if (!closed) queue.add({ ...toOtlp(record, settings.logLimits), ...origin })
    },
    close: async () => {
      closed = true
      await queue.close()
      await destination.close()
    },
  }
}

function toOtlp(
  record: LogRecord,
  limits: AttributeLimits,
): Omit<OtlpLogRecord, 'resource' | 'instrumentationScope'> {
  const { level, event, body, fields, trace, atWallMs } = record
  const time: HrTime = toHrTime(atWallMs)
  const { attributes, dropped } = limited(fields, limits)
  return {
    hrTime: time,
    hrTimeObserved: time,
    severityText: level.toUpperCase(),
    severityNumber: SEVERITY[level],
    eventName: event,
    body,
    attributes,
    droppedAttributesCount: dropped,
    ...(trace === undefined ? {} : { spanContext: trace }),
  }
}

function limited(
  fields: LogFields,
  { attributesMax, valueCharsMax }: AttributeLimits,
): { attributes: Record<string, string | number | boolean>; dropped: number } {
  const attributes: Record<string, string | number | boolean> = {}
  let kept = 0
  let dropped = 0
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue
    if (kept >= attributesMax) {
      dropped += 1
      continue
    }
    kept += 1
    const tooLong = typeof value === 'string' && value.length > valueCharsMax
    attributes[name] = tooLong ? value.slice(0, valueCharsMax) : value
  }
  return { attributes, dropped }
}

/** One line of OTLP/JSON per batch. */
function toConsole(print: (text: string) => void): Destination<OtlpLogRecord> {
  return {
    send: (records) => {
      print(`${new TextDecoder().decode(JsonLogsSerializer.serializeRequest([...records]))}\n`)
      return Promise.resolve(0)
    },
    close: () => Promise.resolve(),
  }
}

function toCollector({ logsProtocol, file }: TelemetrySettings): Destination<OtlpLogRecord> {
  const json = logsProtocol === 'http/json'
  const serializer = json ? JsonLogsSerializer : ProtobufLogsSerializer
  return createOtlpClient({
    signal: 'LOGS',
    item: 'log',
    collector: file?.collectors.logs,
    contentType: json ? 'application/json' : 'application/x-protobuf',
    request: (records) => serializer.serializeRequest([...records]),
    response: (data) => serializer.deserializeResponse(data),
  })
}
