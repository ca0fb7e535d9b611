/** PromQL as it is written in dashboards: filters by the variables, rates, ratios and quantiles. */

import { REQUESTS as JUDGED } from '../rules/calls.ts'

/** On one line: what is written over several lines is easier to review than to read in a box. */
export const code = (text: string): string => text.replaceAll(/\s*\n\s*/g, ' ').trim()

/** Of the chosen namespaces and jobs; `.*` also fits what is in no namespace. */
export const JOB = 'namespace=~"$namespace", job=~"$job"'

/** Of the chosen sidecars. */
export const SIDECAR = `${JOB}, instance=~"$instance"`

/** Of the chosen upstreams. */
export const UPSTREAM = `${SIDECAR}, sidelight_upstream_name=~"$upstream"`

/** Of the chosen tool. */
export const TOOL = `${UPSTREAM}, gen_ai_tool_name=~"$tool"`

/** Requests of clients: what the rules judge upstreams by. */
export const REQUESTS = `${UPSTREAM}, ${JUDGED}`

/** Calls of tools. */
export const TOOL_CALLS = `${UPSTREAM}, mcp_method_name="tools/call"`

export type Labels = readonly string[]

const by = (labels: Labels): string => (labels.length === 0 ? '' : ` by (${labels.join(', ')})`)

/** Per second, added up. */
export const rate = (metric: string, filter: string, labels: Labels): string =>
  `sum${by(labels)} (rate(${metric}{${filter}}[$__rate_interval]))`

/** How many there were in the visible time. */
export const increase = (metric: string, filter: string, labels: Labels): string =>
  `sum${by(labels)} (increase(${metric}{${filter}}[$__range]))`

export const sum = (metric: string, filter: string, labels: Labels): string =>
  `sum${by(labels)} (${metric}{${filter}})`

export const max = (metric: string, filter: string, labels: Labels): string =>
  `max${by(labels)} (${metric}{${filter}})`

/** Nothing where there is nothing to divide by: 0/0 would be NaN and poison what adds it up. */
export const ratio = (part: string, whole: string): string => `(${part}) / ((${whole}) > 0)`

/** 0 in place of nothing wherever `whole` has a series. */
export const orZero = (part: string, whole: string): string => `((${part}) or (${whole}) * 0)`

/**
 * A quantile of a histogram, whether it is scraped with buckets or stored as a native one: buckets have
 * `le`, native series have none, and what is not there adds nothing.
 */
export function quantile(q: number, histogram: string, filter: string, labels: Labels): string {
  const buckets = rate(`${histogram}_bucket`, filter, [...labels, 'le'])
  return `histogram_quantile(${q}, ${buckets} or ${rate(histogram, filter, labels)})`
}

/** Observations of a histogram per second; of both forms too. */
export function countRate(histogram: string, filter: string, labels: Labels): string {
  const native = `sum${by(labels)} (histogram_count(rate(${histogram}{${filter}}[$__rate_interval])))`
  return `${rate(`${histogram}_count`, filter, labels)} or ${native}`
}

/** Buckets of a histogram per second, for a heatmap; of both forms too. */
export const buckets = (histogram: string, filter: string): string =>
  `${rate(`${histogram}_bucket`, filter, ['le'])} or ${rate(histogram, filter, [])}`

/** Quantiles that are shown together. */
export const QUANTILES = [0.5, 0.95, 0.99] as const
