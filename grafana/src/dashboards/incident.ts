/** Where an alert leads: what fires, five numbers, what changed, and the way on. */

import { DASHBOARD_UIDS } from '../links.ts'
import { TO_FAILED_TRACES, TO_LOG, TO_UPSTREAM, runbook, toSidecar } from './links.ts'
import { LATENCY_STEPS, WORDS } from './limits.ts'
import type { Dashboard, Panel } from './model.ts'
import { now, over, stat, timeseries } from './panels.ts'
import { text } from './word-panels.ts'
import { quantile, rate, REQUESTS, SIDECAR, sum } from './promql.ts'
import {
  breakerTimeline,
  callsPerSecond,
  DURATION,
  failedTraces,
  failuresByType,
  openBreakers,
  rejectionsByReason,
  sidecarsUp,
  UPSTREAM_LINKS,
  upstreamsDown,
  verdicts,
  warnings,
} from './shared-panels.ts'
import { UPSTREAM_ANNOTATIONS, UPSTREAM_VARIABLES } from './variables.ts'

const GUIDE = `1. **What fires?** Each alert names its upstream and has a runbook.
2. **One upstream or all?** All: look at [the sidecars](/d/${DASHBOARD_UIDS.sidecar}) and [the pipeline](/d/${DASHBOARD_UIDS.pipeline}). One: [its dashboard](/d/${DASHBOARD_UIDS.upstream}).
3. **Since when, and what changed then?** Marks are deploys (blue), configurations (purple), breakers (red).
4. **Which kind of failure?** \`connect\`, \`timeout\`, \`reset\`, numbers from 500: the upstream. \`tool_error\`: the tool says so itself. \`at_capacity\`, \`queue_timeout\`: no room here.
5. **One call as an example:** a failed trace, and the log beside it.`

const FIRING: Panel = stat({
  title: 'Alerts that fire',
  description:
    'Alerts of Sidelight’s rules that fire at present, whatever Alertmanager does with them; the watchdog, which always fires, left out.',
  unit: 'short',
  width: 4,
  queries: [
    now(
      'count(ALERTS{alertname=~"Sidelight.+", alertname!="SidelightWatchdog", alertstate="firing"}) or vector(0)',
    ),
  ],
  steps: [
    [null, 'green'],
    [1, 'red'],
  ],
  dataLinks: [{ title: 'All alerts', url: '/alerting/list?search=Sidelight' }],
  empty: 'None',
})

export const INCIDENT_DASHBOARD: Dashboard = {
  uid: DASHBOARD_UIDS.incident,
  title: 'Sidelight / Incident',
  description: 'Where an alert leads: what fires, five numbers, what changed, and the way on.',
  tags: ['sidelight', 'mcp'],
  variables: UPSTREAM_VARIABLES,
  annotations: UPSTREAM_ANNOTATIONS,
  from: 'now-1h',
  rows: [
    {
      title: 'What is wrong',
      panels: [
        FIRING,
        upstreamsDown(4),
        openBreakers(4),
        callsPerSecond(4),
        stat({
          title: 'p95',
          description: `Nineteen of twenty requests took no longer. An alert fires above ${WORDS.latency}.`,
          unit: 's',
          width: 4,
          sparkline: true,
          queries: [over(quantile(0.95, DURATION, REQUESTS, []), 'p95', { exemplars: true })],
          steps: LATENCY_STEPS,
          links: [runbook('SidelightLatencyP95High')],
          dataLinks: UPSTREAM_LINKS.slice(1),
        }),
        sidecarsUp(4),
        timeseries({
          title: 'Alerts',
          description:
            'Alerts that fired, by name and upstream. Each has a runbook: docs/alerts.md lists them.',
          unit: 'short',
          width: 16,
          stacked: true,
          queries: [
            over(
              `sum by (alertname, sidelight_upstream_name) (ALERTS{alertname=~"Sidelight.+", alertname!="SidelightWatchdog", alertstate="firing"})`,
              '{{alertname}} {{sidelight_upstream_name}}',
            ),
          ],
          dataLinks: [TO_UPSTREAM, { title: 'All alerts', url: '/alerting/list?search=Sidelight' }],
          empty: 'Nothing fires',
        }),
        text({
          title: 'The way on',
          description: 'What to look at, in this order.',
          width: 8,
          markdown: GUIDE,
        }),
      ],
    },
    {
      title: 'What happens',
      panels: [
        failuresByType(8),
        rejectionsByReason(8),
        timeseries({
          title: 'Failed calls by upstream',
          description: 'Requests with an error.type per second: one upstream, or all of them?',
          unit: 'reqps',
          width: 8,
          queries: [
            over(
              rate(`${DURATION}_count`, `${REQUESTS}, error_type!=""`, ['sidelight_upstream_name']),
              '{{sidelight_upstream_name}}',
            ),
          ],
          dataLinks: [TO_UPSTREAM, TO_FAILED_TRACES, TO_LOG],
          empty: 'No call has failed',
        }),
        breakerTimeline(16),
        timeseries({
          title: 'Event loop of the sidecars, p99',
          description: 'If this climbs with the durations, look at the sidecars first.',
          unit: 's',
          width: 8,
          min: 0,
          queries: [
            over(
              `max by (instance) (nodejs_eventloop_delay_p99_seconds{${SIDECAR}})`,
              '{{instance}}',
            ),
          ],
          dataLinks: [TO_LOG],
          empty: 'No sidecar has been heard of',
        }),
      ],
    },
    {
      title: 'What the sidecars say themselves',
      panels: [
        verdicts(12),
        timeseries({
          title: 'Alerts of the sidecars',
          description:
            'Alerts that sidecars raise by themselves, without Prometheus: pending and firing. They are sent to the receivers of their configuration.',
          unit: 'short',
          width: 12,
          stacked: true,
          queries: [
            over(
              sum('sidelight_alert_status', SIDECAR, [
                'sidelight_alert_name',
                'sidelight_alert_state',
                'sidelight_upstream_name',
              ]),
              '{{sidelight_alert_name}} {{sidelight_alert_state}} {{sidelight_upstream_name}}',
            ),
          ],
          dataLinks: [toSidecar('/', 'The status page of the sidecar'), TO_UPSTREAM, TO_LOG],
          empty: 'Nothing is wrong',
        }),
      ],
    },
    { title: 'Examples', panels: [failedTraces(12), warnings(12)] },
  ],
}
