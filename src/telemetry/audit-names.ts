/** The metrics of the audit log; names.ts, the one place for names, takes them in. */

import { SYNC_BUCKETS } from './buckets.ts'
import type { ATTR as Attributes, MetricDefinition } from './names.ts'

/** Attributes that only these metrics have. */
export const AUDIT_ATTR = { auditType: 'sidelight.audit.type' } as const

type Definitions = Readonly<Record<string, MetricDefinition>>

export const auditMetrics = (ATTR: typeof Attributes) =>
  ({
    auditRecords: {
      name: 'sidelight.audit.records',
      kind: 'counter',
      unit: '{record}',
      description: 'Records of the audit log that are on the disk, by type.',
      attributes: [ATTR.auditType],
    },
    auditDropped: {
      name: 'sidelight.audit.dropped',
      kind: 'counter',
      unit: '{record}',
      description: 'Records that the audit log could not take; it says so itself when it can.',
      attributes: [],
    },
    auditBacklog: {
      name: 'sidelight.audit.backlog',
      kind: 'updowncounter',
      unit: '{record}',
      description: 'Records that wait to be written to the audit log.',
      attributes: [],
    },
    auditPosition: {
      name: 'sidelight.audit.position',
      kind: 'gauge',
      unit: '{record}',
      description: 'Number of the last record of the audit log that is on the disk.',
      attributes: [],
    },
    auditFailing: {
      name: 'sidelight.audit.failing',
      kind: 'gauge',
      unit: '{log}',
      description: '1 while nothing can be written to the audit log, otherwise 0.',
      attributes: [],
    },
    auditSync: {
      name: 'sidelight.audit.sync.duration',
      kind: 'histogram',
      unit: 's',
      description: 'How long the disk took to have what was written to the audit log.',
      attributes: [],
      buckets: SYNC_BUCKETS,
    },
  }) as const satisfies Definitions
