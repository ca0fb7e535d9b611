/** Rules for metrics: what they are, and that their numbers can be true. */

import { isDeepStrictEqual } from 'node:util'
import {
  OTLP,
  plainAttributes,
  type HistogramPoint,
  type NumberPoint,
  type OtlpMetric,
} from '../support/otlp-types.ts'
import {
  isOverflow,
  metricDefinition,
  pointsOf,
  showPoint,
  valueOf,
  type MetricRecord,
  type Point,
} from './exports.ts'
import { findings, type Rule, type RuleInput } from './rule.ts'
import { wrongCode } from './span-rules.ts'

function instrumentOf({ histogram, exponentialHistogram, sum, gauge }: OtlpMetric): string {
  if (histogram !== undefined || exponentialHistogram !== undefined) return 'histogram'
  if (sum !== undefined) return sum.isMonotonic ? 'counter' : 'updowncounter'
  return gauge === undefined ? 'nothing' : 'gauge'
}

function eachMetric(
  wrong: (metric: OtlpMetric, input: RuleInput) => string | false | undefined,
): Rule {
  return (input) =>
    findings(
      input.exports.metrics.flat(),
      ({ metric }) => metric.name,
      ({ metric }) => wrong(metric, input),
    )
}

function eachHistogramPoint(
  wrong: (
    point: HistogramPoint,
    metric: OtlpMetric,
    input: RuleInput,
  ) => string | false | undefined,
): Rule {
  return (input) =>
    input.exports.metrics.flat().flatMap(({ metric }) =>
      findings(
        metric.histogram?.dataPoints ?? [],
        (point) => showPoint(metric, point),
        (point) => wrong(point, metric, input),
      ),
    )
}

/** Rounding of a sum of many doubles. */
const SLACK = 1 + 1e-9

/** Series by name and attributes, with their points in the order of the exports. */
function series(exports: readonly (readonly MetricRecord[])[]): Map<string, [OtlpMetric, Point][]> {
  const found = new Map<string, [OtlpMetric, Point][]>()
  for (const { metric } of exports.flat()) {
    for (const point of pointsOf(metric)) {
      const attributes = point.attributes.map((one) => JSON.stringify(one)).toSorted()
      const key = `${metric.name} ${attributes.join()}`
      const list = found.get(key) ?? []
      found.set(key, list)
      list.push([metric, point])
    }
  }
  return found
}

/** What only grows while a process lives. */
function totals(metric: OtlpMetric, point: Point): readonly number[] {
  if ('bucketCounts' in point) return [point.count, point.sum ?? 0, ...point.bucketCounts]
  if ('scale' in point) return [point.count]
  return metric.sum?.isMonotonic === true ? [valueOf(point)] : []
}

function fell(before: readonly number[], after: readonly number[]): boolean {
  return before.some((value, index) => (after[index] ?? 0) < value)
}

export const METRIC_RULES = {
  'metrics are known': eachMetric(
    (metric, { registry }) =>
      metricDefinition(registry, metric) === undefined && 'it is not in the registry',
  ),
  'units are those of the registry': eachMetric((metric, { registry }) => {
    const unit = metricDefinition(registry, metric)?.unit
    return unit !== undefined && unit !== metric.unit && `the unit should be ${unit}`
  }),
  'instruments are those of the registry': eachMetric((metric, { registry }) => {
    const instrument = metricDefinition(registry, metric)?.instrument
    return (
      instrument !== undefined &&
      instrument !== instrumentOf(metric) &&
      `it should be a ${instrument}`
    )
  }),
  'totals are of the temporality that was asked for': eachMetric(
    ({ sum, histogram, exponentialHistogram }, { delta }) => {
      const given = sum ?? histogram ?? exponentialHistogram
      if (given === undefined) return false
      // What goes up and down is a state, which has no difference that would mean something.
      const wanted = delta && sum?.isMonotonic !== false ? OTLP.delta : OTLP.cumulative
      return given.aggregationTemporality !== wanted && 'of the other temporality'
    },
  ),
  'buckets are those of the registry': eachHistogramPoint((point, metric, { registry }) => {
    const buckets = metricDefinition(registry, metric)?.buckets
    return (
      buckets !== undefined &&
      !isDeepStrictEqual([...point.explicitBounds], [...buckets]) &&
      'other bucket boundaries'
    )
  }),
  'a count is the sum of its buckets': eachHistogramPoint(
    ({ bucketCounts, count, explicitBounds }) => {
      if (bucketCounts.length !== explicitBounds.length + 1) return 'not one bucket per boundary'
      const sum = bucketCounts.reduce((total, one) => total + one, 0)
      return sum !== count && `${sum} in buckets, count ${count}`
    },
  ),
  'a sum lies between its extremes': eachHistogramPoint(({ count, sum, min, max }) => {
    if (count === 0 || sum === undefined || min === undefined || max === undefined) return false
    return (min * count > sum * SLACK || sum > max * count * SLACK) && 'the sum cannot be true'
  }),
  'a series is there once per export': ({ exports }) =>
    exports.metrics.flatMap((one) =>
      [...series([one])]
        .filter(([, points]) => points.length > 1)
        .map(([key]) => `it is there twice: ${key}`),
    ),
  'totals never fall, and never begin anew': ({ exports }) =>
    [...series(exports.metrics)].flatMap(([key, points]) =>
      points.slice(1).flatMap(([metric, point], index) => {
        const [, before] = points[index] ?? []
        if (before === undefined) return []
        if (fell(totals(metric, before), totals(metric, point))) return [`it fell: ${key}`]
        const later = BigInt(point.timeUnixNano) >= BigInt(before.timeUnixNano)
        const same = point.startTimeUnixNano === before.startTimeUnixNano
        return later && same ? [] : [`its times are wrong: ${key}`]
      }),
    ),
  'values are numbers, and totals are not negative': ({ exports }) =>
    exports.metrics.flat().flatMap(({ metric }) => {
      const points: readonly NumberPoint[] =
        metric.sum?.dataPoints ?? metric.gauge?.dataPoints ?? []
      return findings(
        points,
        (point) => showPoint(metric, point),
        (point) =>
          (!Number.isFinite(valueOf(point)) ||
            (metric.sum?.isMonotonic === true && valueOf(point) < 0)) &&
          'no value',
      )
    }),
  'an overflow stands alone': ({ exports }) =>
    exports.metrics.flat().flatMap(({ metric }) =>
      findings(
        pointsOf(metric).filter(isOverflow),
        (point) => showPoint(metric, point),
        ({ attributes }) =>
          (attributes.length !== 1 || attributes[0]?.value.boolValue !== true) &&
          'it has other attributes',
      ),
    ),
  'error codes on metrics follow the side': ({ exports }) =>
    exports.metrics.flat().flatMap(({ metric }) => {
      const [, side] = /^mcp\.(server|client)\.operation\.duration$/.exec(metric.name) ?? []
      if (side !== 'server' && side !== 'client') return []
      return findings(
        pointsOf(metric),
        (point) => showPoint(metric, point),
        (point) => {
          const values = plainAttributes(point.attributes)
          return wrongCode(side, values['error.type'], values['rpc.response.status_code'])
        },
      )
    }),
} satisfies Readonly<Record<string, Rule>>
