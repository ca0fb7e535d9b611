/**
 * Where a value leads: to the upstream's or the tool's dashboard, to its traces, its log, the sidecar's
 * own answers, and from a panel to the page that says what to do.
 */

import { DASHBOARD_UIDS as UIDS, LOCAL_LINKS, runbookUrl } from '../links.ts'
import type { Link } from './model.ts'

const UPSTREAM = '${__field.labels.sidelight_upstream_name}'
const TOOL = '${__field.labels.gen_ai_tool_name}'
const KEPT =
  '${__url_time_range}&${datasource:queryparam}&${loki:queryparam}&${tempo:queryparam}&${namespace:queryparam}&${job:queryparam}'

/** To the dashboard of the upstream that a series is about. */
export const TO_UPSTREAM: Link = {
  title: 'Dashboard of this upstream',
  url: `/d/${UIDS.upstream}?${KEPT}&var-upstream=${UPSTREAM}`,
}

/** To the dashboard of the tool that a series is about. */
export const TO_TOOL: Link = {
  title: 'Dashboard of this tool',
  url: `/d/${UIDS.tool}?${KEPT}&var-upstream=${UPSTREAM}&var-tool=${TOOL}`,
}

/** From a table, where the columns hold what labels hold elsewhere. */
export const ROW_TO_UPSTREAM: Link = {
  title: 'Dashboard of this upstream',
  url: `/d/${UIDS.upstream}?${KEPT}&var-upstream=\${__data.fields.sidelight_upstream_name}`,
}

export const ROW_TO_TOOL: Link = {
  title: 'Dashboard of this tool',
  url: `/d/${UIDS.tool}?${KEPT}&var-upstream=\${__data.fields.sidelight_upstream_name}&var-tool=\${__data.fields.gen_ai_tool_name}`,
}

/** To the traces of the chosen upstreams, the slow and the failed ones first to be seen. */
export const TO_TRACES: Link = {
  title: 'Traces of this time',
  url: explore('tempo', {
    refId: 'A',
    queryType: 'traceql',
    limit: 50,
    query: '{ kind = server && span.sidelight.upstream.name =~ "${upstream:pipe}" }',
  }),
}

export const TO_FAILED_TRACES: Link = {
  title: 'Traces of failed calls',
  url: explore('tempo', {
    refId: 'A',
    queryType: 'traceql',
    limit: 50,
    query:
      '{ kind = server && status = error && span.sidelight.upstream.name =~ "${upstream:pipe}" }',
  }),
}

export const TO_LOG: Link = {
  title: 'Log of this time',
  url: explore('loki', {
    refId: 'A',
    queryType: 'range',
    expr: '{service_name="sidelight"} | sidelight_upstream_name=~"${upstream:pipe}"',
  }),
}

/** To what the sidecar itself says; `admin` is the address of its admin listener. */
export const toSidecar = (path: string, title: string): Link => ({ title, url: `\${admin}${path}` })

/** An address of Grafana's Explore; variables stay as they are, for Grafana to fill in. */
function explore(source: 'tempo' | 'loki', query: Readonly<Record<string, unknown>>): string {
  const pane = {
    datasource: `\${${source}}`,
    queries: [{ ...query, datasource: { type: source, uid: `\${${source}}` } }],
    range: { from: '${__from}', to: '${__to}' },
  }
  const panes = encodeURIComponent(JSON.stringify({ sidelight: pane })).replaceAll(
    /%24%7B([^%]+)(?:%3A(\w+))?%7D/g,
    (_, name: string, format: string | undefined) =>
      format === undefined ? `\${${name}}` : `\${${name}:${format}}`,
  )
  return `/explore?schemaVersion=1&panes=${panes}`
}

/** To the page that says what to do when this looks bad: the runbook of the alert about it. */
export const runbook = (alert: string): Link => ({
  title: `Runbook ${alert}`,
  url: runbookUrl(LOCAL_LINKS, alert),
})
