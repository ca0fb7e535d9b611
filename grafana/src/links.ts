/** Where the links of alerts lead. Whoever runs Grafana elsewhere makes the rules anew with its address. */

/** Dashboards that alerts and panels lead to. */
export const DASHBOARD_UIDS = {
  overview: 'sidelight-overview',
  upstream: 'sidelight-upstream',
  tool: 'sidelight-tool',
  slo: 'sidelight-slo',
  security: 'sidelight-security',
  sidecar: 'sidelight-sidecar',
  pipeline: 'sidelight-pipeline',
  incident: 'sidelight-incident',
} as const

export interface Links {
  /** Without a slash at its end. */
  readonly grafanaUrl: string
  /** The directory of the runbooks, without a slash at its end. */
  readonly runbooksUrl: string
}

/** As in docker-compose.yml, where Grafana serves the runbooks among its public files. */
export const LOCAL_LINKS: Links = {
  grafanaUrl: 'http://localhost:3000',
  runbooksUrl: 'http://localhost:3000/public/runbooks',
}

export const runbookUrl = ({ runbooksUrl }: Links, alert: string): string =>
  `${runbooksUrl}/${alert}.md`

/** With the labels of the alert as the dashboard's variables; one that it does not have stays empty. */
export function dashboardUrl(
  { grafanaUrl }: Links,
  dashboard: keyof typeof DASHBOARD_UIDS,
  variables: Readonly<Record<string, string>>,
): string {
  const query = Object.entries(variables).map(
    ([name, label]) => `{{ with $labels.${label} }}&var-${name}={{ . | urlquery }}{{ end }}`,
  )
  return `${grafanaUrl}/d/${DASHBOARD_UIDS[dashboard]}?from=now-1h&to=now${query.join('')}`
}
