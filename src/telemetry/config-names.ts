/** The metrics of the configuration; names.ts, the one place for names, takes them in. */

import type { MetricDefinition } from './names.ts'

export const RELOAD_OUTCOME = 'sidelight.config.reload.outcome'

export const CONFIG_METRICS = {
  configReloads: {
    name: 'sidelight.config.reloads',
    kind: 'counter',
    unit: '{reload}',
    description: 'Times that the configuration was read again, by what became of it.',
    attributes: [RELOAD_OUTCOME],
  },
  configValid: {
    name: 'sidelight.config.valid',
    kind: 'gauge',
    unit: '{config}',
    description: '1 when the configuration that was read last is in force, 0 when it was refused.',
    attributes: [],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>
