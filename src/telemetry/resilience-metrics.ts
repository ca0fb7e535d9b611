/** The metrics of what keeps calls from upstreams: breakers, what upstreams ask for, queues, retries. */

import {
  BREAKER_STATES,
  HEDGE_RESULTS,
  TRIAL_RESULTS,
  type HedgeResult,
  type BreakerScope,
  type QueueEnd,
  type ResilienceObserver,
  type ResilienceView,
  type Transition,
  type TrialResult,
} from '../core/breaker.ts'
import type { LimitName } from '../core/limits.ts'
import type { SeriesSettings } from './histogram-series.ts'
import { isPlain } from './label-guard.ts'
import { METRICS, OTHER } from './names.ts'
import { CounterFamily, GaugeFamily, HistogramFamily, type MetricFamily } from './series.ts'

export interface ResilienceSources {
  readonly upstreams: Iterable<string>
  /** Read when metrics are collected. */
  readonly views: () => readonly ResilienceView[]
  readonly settings: SeriesSettings
  readonly limitHit: (limit: LimitName) => void
}

export class ResilienceMetrics implements ResilienceObserver {
  readonly families: readonly MetricFamily[]
  readonly #limitHit: (limit: LimitName) => void
  readonly #transitions: CounterFamily
  readonly #rejections: CounterFamily
  readonly #trials: CounterFamily
  readonly #late: CounterFamily
  readonly #openTime: CounterFamily
  readonly #throttles: CounterFamily
  readonly #waits: HistogramFamily
  readonly #retries: CounterFamily
  readonly #retryRefusals: CounterFamily
  readonly #hedges: CounterFamily

  constructor({ upstreams, views, settings, limitHit }: ResilienceSources) {
    this.#limitHit = limitHit
    this.#transitions = new CounterFamily(METRICS.breakerTransitions, settings)
    this.#rejections = new CounterFamily(METRICS.breakerRejections, settings)
    this.#trials = new CounterFamily(METRICS.breakerTrials, settings)
    this.#late = new CounterFamily(METRICS.breakerLateResults, settings)
    this.#openTime = new CounterFamily(METRICS.breakerOpenTime, settings)
    this.#throttles = new CounterFamily(METRICS.throttles, settings)
    this.#waits = new HistogramFamily(METRICS.queueWait, settings)
    this.#retries = new CounterFamily(METRICS.retries, settings)
    this.#retryRefusals = new CounterFamily(METRICS.retryRefusals, settings)
    this.#hedges = new CounterFamily(METRICS.hedges, settings)
    const gauge = (
      definition: ConstructorParameters<typeof GaugeFamily>[0],
      value: (view: ResilienceView) => number,
    ): GaugeFamily =>
      new GaugeFamily(definition, () =>
        views().map((view) => ({ values: [view.upstream], value: value(view) })),
      )
    this.families = [
      new GaugeFamily(METRICS.breakerStatus, () => views().flatMap(statusOf)),
      this.#transitions,
      this.#rejections,
      this.#trials,
      this.#late,
      this.#openTime,
      gauge(METRICS.breakerFailureRatio, ({ failureRatio }) => failureRatio),
      gauge(METRICS.breakerSlowRatio, ({ slowRatio }) => slowRatio),
      this.#throttles,
      gauge(METRICS.throttled, ({ throttled }) => (throttled ? 1 : 0)),
      gauge(METRICS.concurrencyActive, ({ active }) => active),
      gauge(METRICS.concurrencyLimit, ({ limit }) => limit),
      gauge(METRICS.queueLength, ({ queued }) => queued),
      this.#waits,
      this.#retries,
      this.#retryRefusals,
      this.#hedges,
      gauge(METRICS.retryBudget, ({ retriesLeft }) => retriesLeft),
    ]
    for (const upstream of upstreams) this.begin(upstream)
  }

  breakerChanged(upstream: string, tool: string | undefined, { to, cause }: Transition): void {
    this.#transitions.add([upstream, labelOf(tool), to, cause], 1)
  }

  breakerRefused(upstream: string, scope: BreakerScope): void {
    this.#rejections.add([upstream, scope], 1)
  }

  trialEnded(upstream: string, scope: BreakerScope, result: TrialResult): void {
    this.#trials.add([upstream, scope, result], 1)
  }

  lateResult(upstream: string, scope: BreakerScope): void {
    this.#late.add([upstream, scope], 1)
  }

  breakerWasOpen(upstream: string, ms: number): void {
    this.#openTime.add([upstream], ms / 1_000)
  }

  throttled(upstream: string): void {
    this.#throttles.add([upstream], 1)
  }

  queueLeft(upstream: string, how: QueueEnd, waitMs: number): void {
    this.#waits.record([upstream, how], waitMs / 1_000)
  }

  retried(upstream: string): void {
    this.#retries.add([upstream], 1)
  }

  retryRefused(upstream: string): void {
    this.#retryRefusals.add([upstream], 1)
  }

  hedged(upstream: string, result: HedgeResult): void {
    this.#hedges.add([upstream, result], 1)
  }

  limitHit(limit: LimitName): void {
    this.#limitHit(limit)
  }

  /** An upstream is there. A counter that is born at 1 shows no increase; these exist from the start. */
  begin(upstream: string): void {
    this.#rejections.add([upstream, 'upstream'], 0)
    this.#rejections.add([upstream, 'tool'], 0)
    for (const result of TRIAL_RESULTS) this.#trials.add([upstream, 'upstream', result], 0)
    this.#late.add([upstream, 'upstream'], 0)
    this.#openTime.add([upstream], 0)
    this.#throttles.add([upstream], 0)
    this.#retries.add([upstream], 0)
    this.#retryRefusals.add([upstream], 0)
    for (const result of HEDGE_RESULTS) this.#hedges.add([upstream, result], 0)
    for (const [to, cause] of USUAL) this.#transitions.add([upstream, '', to, cause], 0)
  }
}

/** The transitions that alerts look for first. */
const USUAL = [
  ['open', 'failures_in_row'],
  ['open', 'failure_rate'],
  ['half_open', 'open_time_over'],
  ['closed', 'trials_passed'],
] as const

/** One series per state, of which one is 1. */
function statusOf({
  upstream,
  state,
  tools,
}: ResilienceView): { readonly values: readonly string[]; readonly value: number }[] {
  return [{ tool: undefined, state }, ...tools].flatMap(({ tool, state: current }) =>
    BREAKER_STATES.map((one) => ({
      values: [upstream, labelOf(tool), one],
      value: one === current ? 1 : 0,
    })),
  )
}

/** Tools with a breaker of their own are bounded per upstream; their names come from clients. */
function labelOf(tool: string | undefined): string {
  if (tool === undefined) return ''
  return isPlain(tool) ? tool : OTHER
}
