/**
 * Spans and histograms of every call, as views of its outcome.
 *
 * A call is a SERVER span (we received it) with one CLIENT child per attempt to reach the upstream
 * (OpenTelemetry semantic conventions for MCP). Status is ERROR with `error.type`, or unset.
 */

import type { Call, Exchange } from '../core/exchange.ts'
import type { LimitName } from '../core/limits.ts'
import type {
  AttemptFacts,
  CallFollower,
  CallObserver,
  ServerRequest,
  ServerRequestFollower,
  StreamKind,
} from '../core/observer.ts'
import type { Outcome } from '../core/outcome.ts'
import type { AgreedRevisions } from './agreed-revisions.ts'
import type { CallMetrics } from './call-metrics.ts'
import { CallSpans } from './call-spans.ts'
import type { FindCapture } from './capture.ts'
import { boundedBy, type CallDescription } from './describe-call.ts'
import type { Epoch } from './epoch.ts'
import type { Instruments } from './instruments.ts'
import type { LabelGuard } from './label-guard.ts'
import type { Propagation } from './propagation.ts'
import { ServerRequestSpans } from './server-request-spans.ts'
import type { Tracer } from './tracer.ts'
import type { ToolWatch } from './tool-watch.ts'

export interface CallTelemetryOptions {
  readonly tracer: Tracer
  readonly instruments: Instruments
  readonly guard: LabelGuard
  readonly metrics: CallMetrics
  readonly tools: ToolWatch
  readonly epoch: Epoch
  readonly propagation: Propagation
  /** Undefined when nothing is captured of any call. */
  readonly capture: FindCapture | undefined
  readonly upstreams: ReadonlySet<string>
  readonly methods: ReadonlySet<string>
  readonly revisions: ReadonlySet<string>
  readonly agreed: AgreedRevisions
  describe(call: Call): CallDescription
  isLongLived(method: string): boolean
}

export class CallTelemetry implements CallObserver {
  readonly #options: CallTelemetryOptions

  constructor(options: CallTelemetryOptions) {
    this.#options = options
  }

  begin(call: Call): CallFollower {
    return new CallSpans(call, this.#options)
  }

  exchangeEnded(exchange: Exchange, outcome: Outcome, attempt?: AttemptFacts): void {
    const { instruments, upstreams } = this.#options
    const upstream = boundedBy(upstreams, exchange.upstreamName)
    instruments.traffic.exchangeEnded(upstream, exchange, outcome, attempt)
  }

  eventsPassed(exchange: Exchange, kind: StreamKind, count: number): void {
    const { instruments, upstreams } = this.#options
    instruments.traffic.eventsPassed(boundedBy(upstreams, exchange.upstreamName), kind, count)
  }

  asked(request: ServerRequest, atMs: number): ServerRequestFollower {
    return new ServerRequestSpans(request, atMs, undefined, this.#options)
  }

  limitHit(limit: LimitName): void {
    this.#options.instruments.limitHit(limit)
  }
}
