/** What telemetry calls alerts and health. Part of `ATTR` and `METRICS` in names.ts. */

import type { MetricDefinition } from './metric-definition.ts'
import { UPSTREAM_NAME } from './tool-names.ts'

export const INSIGHT_ATTR = {
  alertName: 'sidelight.alert.name',
  alertState: 'sidelight.alert.state',
  alertReceiver: 'sidelight.alert.receiver',
  alertDelivery: 'sidelight.alert.delivery',
  healthLevel: 'sidelight.health.level',
} as const

/** `signal` is the name of the attribute that tells traces, metrics and logs apart. */
export const insightMetrics = (signal: string) =>
  ({
    alertStatus: {
      name: 'sidelight.alert.status',
      kind: 'updowncounter',
      unit: '{alert}',
      description:
        '1 for each alert of the sidecar that is pending or firing; no series otherwise.',
      attributes: [INSIGHT_ATTR.alertName, INSIGHT_ATTR.alertState, UPSTREAM_NAME, signal],
    },
    alertDeliveries: {
      name: 'sidelight.alert.deliveries',
      kind: 'counter',
      unit: '{request}',
      description: 'Requests that told a receiver of alerts, by whether it took them.',
      attributes: [INSIGHT_ATTR.alertReceiver, INSIGHT_ATTR.alertDelivery],
    },
    healthStatus: {
      name: 'sidelight.health.status',
      kind: 'updowncounter',
      unit: '{upstream}',
      description:
        'The verdict on an upstream over the last 5 minutes: 1 for the level that it has, 0 for the others.',
      attributes: [UPSTREAM_NAME, INSIGHT_ATTR.healthLevel],
    },
  }) as const satisfies Readonly<Record<string, MetricDefinition>>
