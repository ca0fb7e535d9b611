/** Pieces of the sentences of alerts: Go templates that Prometheus fills in when an alert fires. */

export const UPSTREAM = '{{ $labels.sidelight_upstream_name }}'

export const VALUE = '{{ $value | humanize }}'

export const SHARE = '{{ $value | humanizePercentage }}'

export const DURATION = '{{ $value | humanizeDuration }}'

/** Which sidecar an alert about one of them means. */
export const SIDECAR = '{{ $labels.instance }}'

/** The present value of a recorded series with the alert's job and upstream; nothing where there is none. */
export const ask = (
  series: string,
  as: 'humanize' | 'humanizePercentage' | 'humanizeDuration',
): string =>
  `{{ with printf "${series}{job=%q, sidelight_upstream_name=%q}" $labels.job $labels.sidelight_upstream_name | query }}{{ . | first | value | ${as} }}{{ else }}unknown{{ end }}`
