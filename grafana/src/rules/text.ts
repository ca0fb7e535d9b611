/** Pieces of the sentences of alerts: Go templates that Prometheus fills in when an alert fires. */

export const UPSTREAM = '{{ $labels.sidelight_upstream_name }}'

export const VALUE = '{{ $value | humanize }}'

export const SHARE = '{{ $value | humanizePercentage }}'

export const DURATION = '{{ $value | humanizeDuration }}'

/** Which sidecar an alert about one of them means. */
export const SIDECAR = '{{ $labels.instance }}'

/** Series whose present value stands in a sentence, and how it is written there. */
const ASKED = {
  'sidelight:threshold:error_ratio': 'humanizePercentage',
  'sidelight:threshold:error_ratio_critical': 'humanizePercentage',
  'sidelight:threshold:latency_p95_seconds': 'humanizeDuration',
  'sidelight:threshold:availability_ratio': 'humanizePercentage',
  'sidelight:availability_budget_left:ratio30d': 'humanizePercentage',
  'sidelight:latency_budget_left:ratio30d': 'humanizePercentage',
  'sidelight:availability_budget_exhaustion:seconds': 'humanizeDuration',
  'sidelight:latency_budget_exhaustion:seconds': 'humanizeDuration',
} as const

type AskedSeries = keyof typeof ASKED

const isAsked = (series: string): series is AskedSeries => Object.hasOwn(ASKED, series)

/** The present value of a recorded series with the alert's job and upstream; nothing where there is none. */
export const ask = (series: AskedSeries): string =>
  `{{ with printf "${series}{job=%q, sidelight_upstream_name=%q}" $labels.job $labels.sidelight_upstream_name | query }}{{ . | first | value | ${ASKED[series]} }}{{ else }}unknown{{ end }}`

/**
 * Every piece above that Grafana writes differently, and how. There `$value` is a sentence about all
 * queries, and `query` always answers nothing. A second query in the rule could not stand in for it: one
 * without an answer silences the whole rule.
 */
const GRAFANA_PIECES: ReadonlyMap<string, string> = new Map([
  [VALUE, '{{ $values.A.Value | humanize }}'],
  [SHARE, '{{ $values.A.Value | humanizePercentage }}'],
  [DURATION, '{{ $values.A.Value | humanizeDuration }}'],
  ...Object.keys(ASKED)
    .filter(isAsked)
    .map((series) => [ask(series), `the value of ${series}`] as const),
])

/** A sentence made of these pieces, as a rule of Grafana has it whose query is called A. */
export function forGrafana(sentence: string): string {
  let text = sentence
  for (const [piece, own] of GRAFANA_PIECES) text = text.replaceAll(piece, () => own)
  return text
}
