/** Rules between records: parents and children, spans and the metrics of the same operations. */

import { OTLP } from '../support/otlp-types.ts'
import { pointsOf, showSpan, valueOf, type Exports, type SpanRecord } from './exports.ts'
import { findings, type Rule } from './rule.ts'
import { sideOf } from './span-rules.ts'

const isServer = ({ span }: SpanRecord): boolean => span.kind === OTLP.server

/**
 * False when something may be missing: the process was killed before its last export, or lost some
 * of what it had to send.
 */
function isComplete(exports: Exports): boolean {
  const last = lastOf(exports)
  if (last.length === 0) return false
  const dropped = last.find(({ metric }) => metric.name === 'sidelight.telemetry.dropped')
  const lost = dropped?.metric.sum?.dataPoints.reduce((sum, point) => sum + valueOf(point), 0) ?? 0
  return lost === 0 && exports.spans.every(({ span }) => BigInt(span.endTimeUnixNano) <= end(last))
}

/** What was collected last: when that is much, it is exported in parts, which have their time in common. */
function lastOf({ metrics }: Exports): Exports['metrics'][number] {
  const until = end(metrics.at(-1) ?? [])
  return metrics.filter((one) => end(one) === until).flat()
}

function end(last: Exports['metrics'][number]): bigint {
  const times = last.flatMap(({ metric }) =>
    pointsOf(metric).map(({ timeUnixNano }) => BigInt(timeUnixNano)),
  )
  return times.reduce((latest, time) => (time > latest ? time : latest), 0n)
}

function byId(spans: readonly SpanRecord[]): ReadonlyMap<string, SpanRecord> {
  return new Map(spans.map((one) => [`${one.span.traceId} ${one.span.spanId}`, one]))
}

const parentKey = ({ span }: SpanRecord): string => `${span.traceId} ${span.parentSpanId}`

/** One key per side, method, upstream and way to end. */
function operationKey(side: string, values: SpanRecord['values'], errorType: unknown): string {
  return [side, values['mcp.method.name'], values['sidelight.upstream.name'], errorType].join(' | ')
}

/** Durations say nothing of a stream that stays open. */
const LONG_LIVED = 'subscriptions/listen'

function countsByOperation(exports: Exports, delta: boolean): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { metric } of delta ? exports.metrics.flat() : lastOf(exports)) {
    const [, side] = /^mcp\.(server|client)\.operation\.duration$/.exec(metric.name) ?? []
    if (side === undefined) continue
    const { dataPoints = [] } = metric.histogram ?? metric.exponentialHistogram ?? {}
    for (const point of dataPoints) {
      const values = Object.fromEntries(
        point.attributes.map(({ key, value }) => [key, value.stringValue]),
      )
      const key = operationKey(side, values, values['error.type'])
      counts.set(key, (counts.get(key) ?? 0) + point.count)
    }
  }
  return counts
}

export const TREE_RULES = {
  'span ids are there once': ({ exports }) => {
    const seen = new Set<string>()
    return findings(exports.spans, showSpan, ({ span }) => {
      const again = seen.has(span.spanId)
      seen.add(span.spanId)
      return again && 'its id is there twice'
    })
  },
  'a CLIENT span is the child of a SERVER span of its trace': ({ exports }) => {
    const spans = byId(exports.spans)
    const complete = isComplete(exports)
    return findings(exports.spans, showSpan, (one) => {
      if (isServer(one)) return false
      if (one.span.parentSpanId === '') return 'it has no parent'
      const parent = spans.get(parentKey(one))
      if (parent === undefined) return complete && 'its parent was not exported'
      if (!isServer(parent)) return 'its parent is no SERVER span'
      return (
        BigInt(one.span.startTimeUnixNano) < BigInt(parent.span.startTimeUnixNano) &&
        'it starts before its parent'
      )
    })
  },
  'a CLIENT span is of the same message as its parent': ({ exports }) => {
    const spans = byId(exports.spans)
    const same = ['mcp.method.name', 'sidelight.upstream.name', 'jsonrpc.request.id']
    return findings(exports.spans, showSpan, (one) => {
      const parent = isServer(one) ? undefined : spans.get(parentKey(one))
      const other = same.find(
        (key) => parent !== undefined && parent.values[key] !== one.values[key],
      )
      return other !== undefined && `${other} differs from that of its parent`
    })
  },
  'a refused call has no CLIENT span': ({ exports }) => {
    const refused = new Set(
      exports.spans
        .filter((one) => isServer(one) && one.values['sidelight.outcome'] === 'rejected')
        .map(({ span }) => `${span.traceId} ${span.spanId}`),
    )
    return findings(
      exports.spans,
      showSpan,
      (one) => !isServer(one) && refused.has(parentKey(one)) && 'its parent was refused',
    )
  },
  'spans and histograms say the same of an operation': ({ exports, registry, delta }) => {
    const last = lastOf(exports)
    if (last.length === 0) return []
    const methods = registry.attributes.get('mcp.method.name')?.members
    const until = end(last)
    const counts = countsByOperation(exports, delta)
    const spans = new Map<string, number>()
    for (const one of exports.spans) {
      const method = String(one.values['mcp.method.name'])
      if (method === LONG_LIVED || BigInt(one.span.endTimeUnixNano) > until) continue
      const values = { ...one.values, 'mcp.method.name': methods?.has(method) ? method : '_OTHER' }
      const errorType = one.values['error.type']
      const exact = operationKey(sideOf(one), values, errorType)
      const bounded = operationKey(sideOf(one), values, '_OTHER')
      const key = counts.has(exact) || !counts.has(bounded) ? exact : bounded
      spans.set(key, (spans.get(key) ?? 0) + 1)
    }
    return [...spans]
      .filter(([key, count]) => count > (counts.get(key) ?? 0))
      .map(([key, count]) => `${count} spans, ${counts.get(key) ?? 0} in the histogram: ${key}`)
  },
} satisfies Readonly<Record<string, Rule>>
