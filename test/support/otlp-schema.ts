/**
 * The messages of OTLP, by field number (opentelemetry-proto 1.x: common/v1, resource/v1, trace/v1,
 * metrics/v1, logs/v1 and collector/*), as far as anything here may emit them. What is not in these
 * tables is refused when it is decoded, so that a wrong field number cannot pass unseen.
 */

export type Scalar =
  | 'string'
  /** Bytes, shown as hex. */
  | 'hex'
  | 'bool'
  /** int64, uint32 and enums. */
  | 'varint'
  | 'sint32'
  | 'fixed32'
  /** A number; times are `time`. */
  | 'fixed64'
  | 'sfixed64'
  /** fixed64 as text: nanoseconds do not fit a number. */
  | 'time'
  | 'double'

export interface Field {
  readonly name: string
  readonly type: Scalar | (() => Message)
  /** `one` has a default when it is absent; `optional` has not; `many` is a list. */
  readonly mode: 'one' | 'optional' | 'many'
}

export type Message = ReadonlyMap<number, Field>

type Entry = readonly [number, string, Field['type'], Field['mode']?]

function message(...entries: readonly Entry[]): Message {
  return new Map(
    entries.map(([number, name, type, mode = 'one']) => [number, { name, type, mode }]),
  )
}

const ANY_VALUE: Message = message(
  [1, 'stringValue', 'string', 'optional'],
  [2, 'boolValue', 'bool', 'optional'],
  [3, 'intValue', 'varint', 'optional'],
  [4, 'doubleValue', 'double', 'optional'],
  [5, 'arrayValue', () => ARRAY_VALUE, 'optional'],
  [6, 'kvlistValue', () => KEY_VALUE_LIST, 'optional'],
  [7, 'bytesValue', 'hex', 'optional'],
)
const ARRAY_VALUE: Message = message([1, 'values', () => ANY_VALUE, 'many'])
const KEY_VALUE: Message = message([1, 'key', 'string'], [2, 'value', () => ANY_VALUE])
const KEY_VALUE_LIST: Message = message([1, 'values', () => KEY_VALUE, 'many'])

const SCOPE: Message = message(
  [1, 'name', 'string'],
  [2, 'version', 'string'],
  [3, 'attributes', () => KEY_VALUE, 'many'],
  [4, 'droppedAttributesCount', 'varint'],
)
const RESOURCE: Message = message(
  [1, 'attributes', () => KEY_VALUE, 'many'],
  [2, 'droppedAttributesCount', 'varint'],
)

const SPAN_EVENT: Message = message(
  [1, 'timeUnixNano', 'time'],
  [2, 'name', 'string'],
  [3, 'attributes', () => KEY_VALUE, 'many'],
  [4, 'droppedAttributesCount', 'varint'],
)
const SPAN_LINK: Message = message(
  [1, 'traceId', 'hex'],
  [2, 'spanId', 'hex'],
  [3, 'traceState', 'string'],
  [4, 'attributes', () => KEY_VALUE, 'many'],
  [5, 'droppedAttributesCount', 'varint'],
  [6, 'flags', 'fixed32'],
)
const STATUS: Message = message([2, 'message', 'string'], [3, 'code', 'varint'])
const SPAN: Message = message(
  [1, 'traceId', 'hex'],
  [2, 'spanId', 'hex'],
  [3, 'traceState', 'string'],
  [4, 'parentSpanId', 'hex'],
  [5, 'name', 'string'],
  [6, 'kind', 'varint'],
  [7, 'startTimeUnixNano', 'time'],
  [8, 'endTimeUnixNano', 'time'],
  [9, 'attributes', () => KEY_VALUE, 'many'],
  [10, 'droppedAttributesCount', 'varint'],
  [11, 'events', () => SPAN_EVENT, 'many'],
  [12, 'droppedEventsCount', 'varint'],
  [13, 'links', () => SPAN_LINK, 'many'],
  [14, 'droppedLinksCount', 'varint'],
  [15, 'status', () => STATUS],
  [16, 'flags', 'fixed32'],
)

const EXEMPLAR: Message = message(
  [2, 'timeUnixNano', 'time'],
  [3, 'asDouble', 'double', 'optional'],
  [4, 'spanId', 'hex'],
  [5, 'traceId', 'hex'],
  [6, 'asInt', 'sfixed64', 'optional'],
  [7, 'filteredAttributes', () => KEY_VALUE, 'many'],
)
const NUMBER_POINT: Message = message(
  [2, 'startTimeUnixNano', 'time'],
  [3, 'timeUnixNano', 'time'],
  [4, 'asDouble', 'double', 'optional'],
  [5, 'exemplars', () => EXEMPLAR, 'many'],
  [6, 'asInt', 'sfixed64', 'optional'],
  [7, 'attributes', () => KEY_VALUE, 'many'],
  [8, 'flags', 'varint'],
)
const HISTOGRAM_POINT: Message = message(
  [2, 'startTimeUnixNano', 'time'],
  [3, 'timeUnixNano', 'time'],
  [4, 'count', 'fixed64'],
  [5, 'sum', 'double', 'optional'],
  [6, 'bucketCounts', 'fixed64', 'many'],
  [7, 'explicitBounds', 'double', 'many'],
  [8, 'exemplars', () => EXEMPLAR, 'many'],
  [9, 'attributes', () => KEY_VALUE, 'many'],
  [10, 'flags', 'varint'],
  [11, 'min', 'double', 'optional'],
  [12, 'max', 'double', 'optional'],
)
const BUCKETS: Message = message([1, 'offset', 'sint32'], [2, 'bucketCounts', 'varint', 'many'])
const EXPONENTIAL_POINT: Message = message(
  [1, 'attributes', () => KEY_VALUE, 'many'],
  [2, 'startTimeUnixNano', 'time'],
  [3, 'timeUnixNano', 'time'],
  [4, 'count', 'fixed64'],
  [5, 'sum', 'double', 'optional'],
  [6, 'scale', 'sint32'],
  [7, 'zeroCount', 'fixed64'],
  [8, 'positive', () => BUCKETS, 'optional'],
  [9, 'negative', () => BUCKETS, 'optional'],
  [10, 'flags', 'varint'],
  [11, 'exemplars', () => EXEMPLAR, 'many'],
  [12, 'min', 'double', 'optional'],
  [13, 'max', 'double', 'optional'],
  [14, 'zeroThreshold', 'double'],
)
const GAUGE: Message = message([1, 'dataPoints', () => NUMBER_POINT, 'many'])
const SUM: Message = message(
  [1, 'dataPoints', () => NUMBER_POINT, 'many'],
  [2, 'aggregationTemporality', 'varint'],
  [3, 'isMonotonic', 'bool'],
)
const HISTOGRAM: Message = message(
  [1, 'dataPoints', () => HISTOGRAM_POINT, 'many'],
  [2, 'aggregationTemporality', 'varint'],
)
const EXPONENTIAL_HISTOGRAM: Message = message(
  [1, 'dataPoints', () => EXPONENTIAL_POINT, 'many'],
  [2, 'aggregationTemporality', 'varint'],
)
const METRIC: Message = message(
  [1, 'name', 'string'],
  [2, 'description', 'string'],
  [3, 'unit', 'string'],
  [5, 'gauge', () => GAUGE, 'optional'],
  [7, 'sum', () => SUM, 'optional'],
  [9, 'histogram', () => HISTOGRAM, 'optional'],
  [10, 'exponentialHistogram', () => EXPONENTIAL_HISTOGRAM, 'optional'],
  [12, 'metadata', () => KEY_VALUE, 'many'],
)

const LOG_RECORD: Message = message(
  [1, 'timeUnixNano', 'time'],
  [2, 'severityNumber', 'varint'],
  [3, 'severityText', 'string'],
  [5, 'body', () => ANY_VALUE, 'optional'],
  [6, 'attributes', () => KEY_VALUE, 'many'],
  [7, 'droppedAttributesCount', 'varint'],
  [8, 'flags', 'fixed32'],
  [9, 'traceId', 'hex'],
  [10, 'spanId', 'hex'],
  [11, 'observedTimeUnixNano', 'time'],
  [12, 'eventName', 'string'],
)

/** An export request of one signal: resources, each with scopes, each with records. */
function request(signal: string, records: string, record: Message): Message {
  const scoped = message(
    [1, 'scope', () => SCOPE],
    [2, records, () => record, 'many'],
    [3, 'schemaUrl', 'string'],
  )
  const resource = message(
    [1, 'resource', () => RESOURCE],
    [2, `scope${signal}`, () => scoped, 'many'],
    [3, 'schemaUrl', 'string'],
  )
  return message([1, `resource${signal}`, () => resource, 'many'])
}

/** By the path that they are sent to. */
export const REQUESTS: Readonly<Record<string, Message>> = {
  '/v1/traces': request('Spans', 'spans', SPAN),
  '/v1/metrics': request('Metrics', 'metrics', METRIC),
  '/v1/logs': request('Logs', 'logRecords', LOG_RECORD),
}
