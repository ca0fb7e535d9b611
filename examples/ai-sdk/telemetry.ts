/**
 * OpenTelemetry for a Node program. The instrumentation of undici writes `traceparent` into every
 * request of fetch, MCP's included; that is all Sidelight needs to continue the trace.
 */

import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { NoopSpanProcessor } from '@opentelemetry/sdk-trace'

export interface Telemetry {
  /** Sends what waits. */
  stop(): Promise<void>
}

/** Spans go by OTLP to OTEL_EXPORTER_OTLP_ENDPOINT. Without it they go nowhere, and their ids still travel. */
export function startTelemetry(serviceName: string): Telemetry {
  const exported = process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] !== undefined
  const sdk = new NodeSDK({
    serviceName,
    instrumentations: [new UndiciInstrumentation()],
    ...(exported ? {} : { spanProcessors: [new NoopSpanProcessor()] }),
    metricReaders: [],
    logRecordProcessors: [],
  })
  sdk.start()
  return {
    stop: () => sdk.shutdown().catch((error: unknown) => console.error('telemetry:', error)),
  }
}
