/** The metrics of what keeps calls from upstreams; names.ts, the one place for names, takes them in. */

import type { ATTR as Attributes, MetricDefinition } from './names.ts'

/** Attributes that only these metrics and their events have. */
export const RESILIENCE_ATTR = {
  breakerState: 'sidelight.breaker.state',
  breakerPreviousState: 'sidelight.breaker.previous_state',
  breakerCause: 'sidelight.breaker.cause',
  breakerOpenDuration: 'sidelight.breaker.open_time',
  breakerWindowCalls: 'sidelight.breaker.window.calls',
  breakerWindowFailed: 'sidelight.breaker.window.failed',
  breakerWindowSlow: 'sidelight.breaker.window.slow',
  breakerScope: 'sidelight.breaker.scope',
  trialResult: 'sidelight.breaker.trial.result',
  queueEnd: 'sidelight.queue.end',
  hedgeResult: 'sidelight.hedge.result',
} as const

type Definitions = Readonly<Record<string, MetricDefinition>>

export const resilienceMetrics = (ATTR: typeof Attributes, durationBuckets: readonly number[]) => ({
  ...breakerMetrics(ATTR),
  ...loadMetrics(ATTR, durationBuckets),
  ...retryMetrics(ATTR),
})

const breakerMetrics = (ATTR: typeof Attributes) =>
  ({
    breakerStatus: {
      name: 'sidelight.breaker.status',
      kind: 'updowncounter',
      unit: '{breaker}',
      description:
        'State of the circuit breaker of an upstream, or of one of its tools that has opened: 1 for the state that it is in, 0 for the others.',
      attributes: [ATTR.upstreamName, ATTR.toolName, ATTR.breakerState],
    },
    breakerTransitions: {
      name: 'sidelight.breaker.transitions',
      kind: 'counter',
      unit: '{transition}',
      description: 'Changes of state of circuit breakers, by new state and cause.',
      attributes: [ATTR.upstreamName, ATTR.toolName, ATTR.breakerState, ATTR.breakerCause],
    },
    breakerRejections: {
      name: 'sidelight.breaker.rejections',
      kind: 'counter',
      unit: '{call}',
      description: 'Exchanges that a circuit breaker refused.',
      attributes: [ATTR.upstreamName, ATTR.breakerScope],
    },
    breakerTrials: {
      name: 'sidelight.breaker.trials',
      kind: 'counter',
      unit: '{call}',
      description: 'Calls that a half-open circuit breaker let through, by how they ended.',
      attributes: [ATTR.upstreamName, ATTR.breakerScope, ATTR.trialResult],
    },
    breakerLateResults: {
      name: 'sidelight.breaker.late_results',
      kind: 'counter',
      unit: '{call}',
      description:
        'Calls that ended when the state they began in was over; they count for nothing.',
      attributes: [ATTR.upstreamName, ATTR.breakerScope],
    },
    breakerOpenTime: {
      name: 'sidelight.breaker.open.time',
      kind: 'counter',
      unit: 's',
      description: 'Time that the circuit breaker of an upstream was open.',
      attributes: [ATTR.upstreamName],
    },
    breakerFailureRatio: {
      name: 'sidelight.breaker.failure.ratio',
      kind: 'gauge',
      unit: '1',
      description: 'Share of failed calls in the window of the circuit breaker of an upstream.',
      attributes: [ATTR.upstreamName],
    },
    breakerSlowRatio: {
      name: 'sidelight.breaker.slow.ratio',
      kind: 'gauge',
      unit: '1',
      description: 'Share of slow calls in the window of the circuit breaker of an upstream.',
      attributes: [ATTR.upstreamName],
    },
  }) as const satisfies Definitions

const loadMetrics = (ATTR: typeof Attributes, durationBuckets: readonly number[]) =>
  ({
    throttles: {
      name: 'sidelight.throttle.closures',
      kind: 'counter',
      unit: '{reply}',
      description: 'Replies of 429 or 503 with Retry-After, after which calls were kept back.',
      attributes: [ATTR.upstreamName],
    },
    throttled: {
      name: 'sidelight.throttle.closed',
      kind: 'gauge',
      unit: '{upstream}',
      description: '1 while calls are kept back because the upstream asked for time, otherwise 0.',
      attributes: [ATTR.upstreamName],
    },
    concurrencyActive: {
      name: 'sidelight.concurrency.active',
      kind: 'gauge',
      unit: '{call}',
      description: 'Calls of an upstream that are under way and count against its limit.',
      attributes: [ATTR.upstreamName],
    },
    concurrencyLimit: {
      name: 'sidelight.concurrency.limit',
      kind: 'gauge',
      unit: '{call}',
      description: 'Calls of an upstream that may be under way at a time now.',
      attributes: [ATTR.upstreamName],
    },
    queueLength: {
      name: 'sidelight.queue.length',
      kind: 'gauge',
      unit: '{call}',
      description: 'Calls that wait for their turn at an upstream.',
      attributes: [ATTR.upstreamName],
    },
    queueWait: {
      name: 'sidelight.queue.wait.duration',
      kind: 'histogram',
      unit: 's',
      description:
        'Time that calls waited for their turn at an upstream, by how the wait ended; calls that did not wait are not in it.',
      attributes: [ATTR.upstreamName, ATTR.queueEnd],
      buckets: durationBuckets,
    },
  }) as const satisfies Definitions

const retryMetrics = (ATTR: typeof Attributes) =>
  ({
    retries: {
      name: 'sidelight.retries',
      kind: 'counter',
      unit: '{retry}',
      description: 'Calls that were made again after an attempt that failed.',
      attributes: [ATTR.upstreamName],
    },
    retryRefusals: {
      name: 'sidelight.retry.refusals',
      kind: 'counter',
      unit: '{retry}',
      description: 'Calls that were not made again because the budget for retries was used up.',
      attributes: [ATTR.upstreamName],
    },
    hedges: {
      name: 'sidelight.hedges',
      kind: 'counter',
      unit: '{attempt}',
      description:
        'Second attempts that were made beside a first one that was slow, by whether theirs was the first answer.',
      attributes: [ATTR.upstreamName, ATTR.hedgeResult],
    },
    retryBudget: {
      name: 'sidelight.retry.budget',
      kind: 'gauge',
      unit: '{retry}',
      description: 'Retries of calls of an upstream that are left now.',
      attributes: [ATTR.upstreamName],
    },
  }) as const satisfies Definitions
