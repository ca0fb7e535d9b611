/** OTLP as tests see it, whether it came as protobuf or as JSON: integers are numbers, ids are hex. */

export interface OtlpValue {
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly intValue?: number
  readonly doubleValue?: number
  readonly bytesValue?: string
  readonly arrayValue?: { readonly values: readonly OtlpValue[] }
  readonly kvlistValue?: { readonly values: readonly OtlpAttribute[] }
}

export interface OtlpAttribute {
  readonly key: string
  readonly value: OtlpValue
}

export interface OtlpLink {
  readonly traceId: string
  readonly spanId: string
  readonly attributes: readonly OtlpAttribute[]
}

export interface OtlpSpanEvent {
  readonly name: string
  readonly timeUnixNano: string
  readonly attributes: readonly OtlpAttribute[]
}

export interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  /** Empty for a root. */
  readonly parentSpanId: string
  readonly traceState: string
  readonly flags: number
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly OtlpAttribute[]
  readonly links: readonly OtlpLink[]
  readonly events: readonly OtlpSpanEvent[]
  readonly status: { readonly code: number; readonly message: string }
}

export interface OtlpScope {
  readonly name: string
  readonly version: string
}

export interface OtlpResource {
  readonly attributes: readonly OtlpAttribute[]
}

export interface ResourceSpans {
  readonly resource: OtlpResource
  readonly scopeSpans: readonly {
    readonly scope: OtlpScope
    readonly schemaUrl: string
    readonly spans: readonly OtlpSpan[]
  }[]
}

export interface OtlpExemplar {
  readonly traceId: string
  readonly spanId: string
  readonly timeUnixNano: string
  readonly asDouble?: number
  readonly asInt?: number
}

interface Point {
  readonly attributes: readonly OtlpAttribute[]
  readonly startTimeUnixNano: string
  readonly timeUnixNano: string
  readonly exemplars: readonly OtlpExemplar[]
}

export interface NumberPoint extends Point {
  readonly asDouble?: number
  readonly asInt?: number
}

export interface HistogramPoint extends Point {
  readonly count: number
  readonly sum?: number
  readonly min?: number
  readonly max?: number
  readonly bucketCounts: readonly number[]
  readonly explicitBounds: readonly number[]
}

export interface ExponentialPoint extends Point {
  readonly count: number
  readonly sum?: number
  readonly min?: number
  readonly max?: number
  readonly scale: number
  readonly zeroCount: number
  readonly positive?: { readonly offset: number; readonly bucketCounts: readonly number[] }
  readonly negative?: { readonly offset: number; readonly bucketCounts: readonly number[] }
}

export interface OtlpMetric {
  readonly name: string
  readonly unit: string
  readonly description: string
  readonly gauge?: { readonly dataPoints: readonly NumberPoint[] }
  readonly sum?: {
    readonly isMonotonic: boolean
    readonly aggregationTemporality: number
    readonly dataPoints: readonly NumberPoint[]
  }
  readonly histogram?: {
    readonly aggregationTemporality: number
    readonly dataPoints: readonly HistogramPoint[]
  }
  readonly exponentialHistogram?: {
    readonly aggregationTemporality: number
    readonly dataPoints: readonly ExponentialPoint[]
  }
}

export interface ResourceMetrics {
  readonly resource: OtlpResource
  readonly scopeMetrics: readonly {
    readonly scope: OtlpScope
    readonly schemaUrl: string
    readonly metrics: readonly OtlpMetric[]
  }[]
}

export interface OtlpLogRecord {
  readonly timeUnixNano: string
  readonly observedTimeUnixNano: string
  readonly severityNumber: number
  readonly severityText: string
  readonly flags: number
  readonly eventName: string
  readonly body?: OtlpValue
  readonly attributes: readonly OtlpAttribute[]
  /** Empty when the record belongs to no span. */
  readonly traceId: string
  readonly spanId: string
}

export interface ResourceLogs {
  readonly resource: OtlpResource
  readonly scopeLogs: readonly {
    readonly scope: OtlpScope
    readonly schemaUrl: string
    readonly logRecords: readonly OtlpLogRecord[]
  }[]
}

/** OTLP's numbers for span kinds, status codes and temporality. */
export const OTLP = {
  server: 2,
  client: 3,
  unset: 0,
  ok: 1,
  error: 2,
  cumulative: 2,
  delta: 1,
} as const

/** Attributes as a plain object. */
export function plainAttributes(
  attributes: readonly OtlpAttribute[],
): Record<string, string | number | boolean | undefined> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]))
}

export function plainValue(value: OtlpValue): string | number | boolean | undefined {
  return value.stringValue ?? value.boolValue ?? value.doubleValue ?? value.intValue
}
