/**
 * The series that a call is recorded in, found once per kind of call and ending.
 *
 * Calls with the same description that end alike have the same labels, so their handles are kept with
 * the description; that makes the record of a call three additions instead of three searches.
 */

import type { Decision } from '../core/decision.ts'
import type { AttemptTarget } from '../core/observer.ts'
import { factsOf, reasonOf, type Outcome } from '../core/outcome.ts'
import type { CallSignals } from './agent-signals.ts'
import { HTTP, UPSTREAM_HTTP_VERSION, type CallDescription } from './describe-call.ts'
import type { HistogramSeries, MeasuredSpan } from './histogram-series.ts'
import type { Instruments } from './instruments.ts'
import type { LabelGuard } from './label-guard.ts'
import { OTHER } from './names.ts'
import { policyOutcome } from './policy-signals.ts'
import type { CounterSeries } from './series.ts'
import { ToolCounters } from './tool-counters.ts'

/** How a call came. */
export interface Arrival {
  readonly carrier: 'tcp' | 'pipe'
  readonly httpVersion: string
}

/**
 * The handles of one kind of call and ending, by what they are of. What a call came by and went to is
 * nearly always as before, so one of each is kept.
 */
export interface CallHandles {
  calls: CounterSeries | undefined
  server: (Arrival & { readonly series: HistogramSeries }) | undefined
  client: (AttemptTarget & { readonly series: HistogramSeries }) | undefined
  /** What is counted of a tool besides. */
  tool: ToolCounters | undefined
  /** Calls that the policy allowed. */
  allowed: CounterSeries | undefined
}

export class CallMetrics {
  readonly #instruments: Instruments
  readonly #guard: LabelGuard

  constructor(instruments: Instruments, guard: LabelGuard) {
    this.#instruments = instruments
    this.#guard = guard
  }

  callEnded(about: CallDescription, outcome: Outcome): void {
    const handles = this.#handles(about, outcome)
    const known = handles?.calls
    if (known !== undefined) return known.add(1)
    const { upstream, method } = about
    const values = [upstream, method, outcome.kind, reasonOf(outcome) ?? '']
    const series = this.#instruments.calls.bind(values)
    if (handles !== undefined) handles.calls = series
    series.add(1)
  }

  served(
    about: CallDescription,
    outcome: Outcome,
    arrival: Arrival,
    seconds: number,
    span: MeasuredSpan | undefined,
  ): void {
    const handles = this.#handles(about, outcome)
    const known = handles?.server
    const { carrier, httpVersion } = arrival
    if (known?.carrier === carrier && known.httpVersion === httpVersion) {
      return known.series.record(seconds, span)
    }
    const { serverErrorType } = factsOf(outcome)
    const values = this.#labels(about, outcome, serverErrorType, carrier, httpVersion)
    const series = this.#instruments.serverOperationDuration.bind(values)
    if (handles !== undefined && isAdmitted(about, values)) {
      handles.server = { carrier, httpVersion, series }
    }
    series.record(seconds, span)
  }

  attempted(
    about: CallDescription,
    outcome: Outcome,
    target: AttemptTarget,
    seconds: number,
    span: MeasuredSpan | undefined,
  ): void {
    const handles = this.#handles(about, outcome)
    const known = handles?.client
    if (known !== undefined && isSameTarget(known, target)) {
      return known.series.record(seconds, span)
    }
    const { carrier, address, port } = target
    const { clientErrorType } = factsOf(outcome)
    const values = this.#labels(about, outcome, clientErrorType, carrier, UPSTREAM_HTTP_VERSION)
    values.push(address ?? '', String(port ?? ''))
    const series = this.#instruments.clientOperationDuration.bind(values)
    if (handles !== undefined && isAdmitted(about, values)) handles.client = { ...target, series }
    series.record(seconds, span)
  }

  /** A call of a tool has ended. */
  toolEnded(
    about: CallDescription,
    outcome: Outcome,
    resultBytes: number,
    signals: CallSignals,
  ): void {
    const handles = this.#handles(about, outcome)
    let counters = handles?.tool
    if (counters === undefined) {
      const { upstream, tool } = about
      const label = tool === undefined ? '' : this.#guard.admit(upstream, tool, outcome)
      counters = new ToolCounters(this.#instruments, [upstream, label === '' ? OTHER : label])
      if (handles !== undefined && label === (tool ?? '')) handles.tool = counters
    }
    counters.ended(resultBytes, signals)
  }

  /** The policy decided on the call. */
  decided(about: CallDescription, outcome: Outcome, decision: Decision): void {
    const { policyDecisions } = this.#instruments
    if (decision.kind === 'deny') {
      policyDecisions.add([about.upstream, policyOutcome(decision), decision.reason], 1)
      return
    }
    const handles = this.#handles(about, outcome)
    const series = handles?.allowed ?? policyDecisions.bind([about.upstream, 'allow', ''])
    if (handles !== undefined) handles.allowed = series
    series.add(1)
  }

  /** Undefined for endings of which there may be any number. */
  #handles(about: CallDescription, outcome: Outcome): CallHandles | undefined {
    const key = keyOf(outcome)
    if (key === undefined) return undefined
    let handles = about.handles.get(key)
    if (handles === undefined) {
      handles = {
        calls: undefined,
        server: undefined,
        client: undefined,
        tool: undefined,
        allowed: undefined,
      }
      about.handles.set(key, handles)
    }
    return handles
  }

  /** Attribute values in the order of `OPERATION_ATTRIBUTES`. */
  #labels(
    about: CallDescription,
    outcome: Outcome,
    errorType: string | undefined,
    carrier: 'tcp' | 'pipe',
    httpVersion: string,
  ): string[] {
    const admit = (name: string | undefined): string =>
      name === undefined ? '' : this.#guard.admit(about.upstream, name, outcome)
    const code =
      outcome.kind === 'rpc_error'
        ? this.#guard.admitCode(about.upstream, String(outcome.code))
        : ''
    return [
      about.method,
      about.upstream,
      admit(about.tool),
      admit(about.prompt),
      about.operationName,
      errorType === undefined || outcome.kind !== 'rpc_error' ? (errorType ?? '') : code,
      code,
      about.protocolVersion,
      carrier,
      carrier === 'tcp' ? HTTP : '',
      carrier === 'tcp' ? httpVersion : '',
    ]
  }
}

/** What tells endings with the same labels from others; there are few that can come up. */
function keyOf(outcome: Outcome): string | undefined {
  switch (outcome.kind) {
    case 'rejected':
      return outcome.reason
    case 'upstream_failed':
      return outcome.reason === 'http_5xx' ? undefined : outcome.reason
    case 'rpc_error':
    case 'upstream_status':
      return undefined
    case 'ok':
    case 'input_required':
    case 'task':
    case 'tool_error':
    case 'cancelled':
    case 'internal':
      return outcome.kind
  }
}

const TOOL = 2
const PROMPT = 3

/**
 * True when the guard let the names through: then it always will. While it does not, it has to be asked
 * again each time.
 */
function isAdmitted(about: CallDescription, values: readonly string[]): boolean {
  return values[TOOL] === (about.tool ?? '') && values[PROMPT] === (about.prompt ?? '')
}

function isSameTarget(a: AttemptTarget, b: AttemptTarget): boolean {
  return a.carrier === b.carrier && a.address === b.address && a.port === b.port
}
