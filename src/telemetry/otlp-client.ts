/** OpenTelemetry's own OTLP/HTTP client: retries, timeouts, headers and TLS by `OTEL_*`. */

import { diag } from '@opentelemetry/api'
import { ExportResultCode } from '@opentelemetry/core'
import {
  convertLegacyHttpOptions,
  createOtlpHttpExportDelegate,
} from '@opentelemetry/otlp-exporter-base/node-http'

export interface OtlpClientOptions<T> {
  readonly signal: 'TRACES' | 'LOGS'
  /** One of the items, such as `span`. */
  readonly item: 'span' | 'log'
  readonly contentType: 'application/json' | 'application/x-protobuf'
  readonly request: (items: readonly T[]) => Uint8Array | undefined
  /** Reads the collector's answer, for what it says it did not take. */
  readonly response: (data: Uint8Array) => PartialSuccess
}

/** The first byte of HTML; no answer of a collector begins with it. */
const LESS_THAN = 0x3c

/** What the answers of both signals may hold. Counts may come as text: JSON has no 64-bit integers. */
interface PartialSuccess {
  readonly partialSuccess?: {
    readonly errorMessage?: string
    readonly rejectedSpans?: number | string
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
  const { signal, item, contentType } = options
  const format = contentType === 'application/json' ? 'http_json' : 'http'
  let rejected = 0
  const delegate = createOtlpHttpExportDelegate(
    convertLegacyHttpOptions({}, signal, `v1/${signal.toLowerCase()}`, {
      'Content-Type': contentType,
    }),
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
    { name: item, countItems: (items: readonly T[]) => items.length },
    undefined,
  )
  return {
    send: (items) =>
      new Promise((resolve) => {
        rejected = 0
        delegate.export(items, ({ code, error }) => {
          const sent = code === ExportResultCode.SUCCESS
          if (!sent) diag.error(`${item} export: ${String(error?.message)}`)
          resolve(sent ? Math.min(rejected, items.length) : items.length)
        })
      }),
    close: () => delegate.shutdown(),
  }
}

function rejectedOf({ partialSuccess }: PartialSuccess): number {
  const count = Number(partialSuccess?.rejectedSpans ?? partialSuccess?.rejectedLogRecords ?? 0)
  return count > 0 ? count : 0
}
