/** The events of health and alerts; events.ts, the one place for events, takes them in. */

import type { EventDefinition } from './events.ts'

export const INSIGHT_EVENTS = {
  'sidelight.health.changed': {
    levels: ['info', 'warn'],
    description:
      'The verdict on an upstream has changed, for these reasons: a warning when it is WARNING or CRITICAL.',
    attributes: [
      'sidelight.upstream.name',
      'sidelight.health.level',
      'sidelight.health.previous_level',
      'sidelight.detail',
    ],
  },
  'sidelight.alert.changed': {
    levels: ['debug', 'info', 'warn'],
    description:
      'An alert changed its state: a warning when it fires. The value in the unit of its threshold: a share, seconds, or a count.',
    attributes: [
      'sidelight.alert.name',
      'sidelight.alert.state',
      'sidelight.alert.severity',
      'sidelight.upstream.name',
      'sidelight.telemetry.signal',
      'sidelight.alert.value',
      'sidelight.alert.threshold',
    ],
  },
  'sidelight.alert.silenced': {
    levels: ['warn'],
    description: 'Alerts were silenced by hand, on the admin listener. Duration in seconds.',
    attributes: [
      'sidelight.alert.silence.id',
      'sidelight.alert.silence.matchers',
      'sidelight.alert.silence.reason',
      'sidelight.alert.silence.author',
      'sidelight.alert.silence.duration',
    ],
  },
  'sidelight.alert.unsilenced': {
    levels: ['info'],
    description: 'A silence was ended by hand.',
    attributes: ['sidelight.alert.silence.id', 'sidelight.alert.silence.matchers'],
  },
  'sidelight.alert.delivery_failed': {
    levels: ['warn'],
    description:
      'A receiver could not be told of alerts; once, until it can be told again. It is tried again with growing pauses.',
    attributes: ['sidelight.alert.receiver', 'error.type'],
  },
  'sidelight.alert.delivery_recovered': {
    levels: ['info'],
    description: 'A receiver that could not be told of alerts has been.',
    attributes: ['sidelight.alert.receiver'],
  },
} as const satisfies Readonly<Record<string, EventDefinition>>
