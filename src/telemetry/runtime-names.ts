/**
 * The metrics of the runtime (OpenTelemetry semantic conventions for Node.js, V8 and processes).
 * Part of `METRICS` in names.ts.
 */

import type { MetricDefinition } from './names.ts'

/** `v8js.heap.space.name`: the spaces that V8 has, such as `old_space`. */
export const HEAP_SPACE = 'v8js.heap.space.name'

export const RUNTIME_METRICS = {
  delayMin: {
    name: 'nodejs.eventloop.delay.min',
    kind: 'gauge',
    unit: 's',
    description: 'Event loop minimum delay.',
    attributes: [],
  },
  delayMax: {
    name: 'nodejs.eventloop.delay.max',
    kind: 'gauge',
    unit: 's',
    description: 'Event loop maximum delay.',
    attributes: [],
  },
  delayMean: {
    name: 'nodejs.eventloop.delay.mean',
    kind: 'gauge',
    unit: 's',
    description: 'Event loop mean delay.',
    attributes: [],
  },
  delayStddev: {
    name: 'nodejs.eventloop.delay.stddev',
    kind: 'gauge',
    unit: 's',
    description: 'Event loop standard deviation delay.',
    attributes: [],
  },
  delayP50: {
    name: 'nodejs.eventloop.delay.p50',
    kind: 'gauge',
    unit: 's',
    description: 'Event loop 50 percentile delay.',
    attributes: [],
  },
  delayP90: {
    name: 'nodejs.eventloop.delay.p90',
    kind: 'gauge',
    unit: 's',
    description: 'Event loop 90 percentile delay.',
    attributes: [],
  },
  delayP99: {
    name: 'nodejs.eventloop.delay.p99',
    kind: 'gauge',
    unit: 's',
    description: 'Event loop 99 percentile delay.',
    attributes: [],
  },
  eventLoopUtilization: {
    name: 'nodejs.eventloop.utilization',
    kind: 'gauge',
    unit: '1',
    description: 'Event loop utilization.',
    attributes: [],
  },
  heapUsed: {
    name: 'v8js.memory.heap.used',
    kind: 'updowncounter',
    unit: 'By',
    description: 'Heap Memory size allocated.',
    attributes: [HEAP_SPACE],
  },
  heapSpaceSize: {
    name: 'v8js.memory.heap.space.size',
    kind: 'updowncounter',
    unit: 'By',
    description: 'Total heap memory size pre-allocated for a heap space.',
    attributes: [HEAP_SPACE],
  },
  processMemory: {
    name: 'process.memory.usage',
    kind: 'updowncounter',
    unit: 'By',
    description: 'The amount of physical memory in use.',
    attributes: [],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>
