/** What calls tell besides their own timing: of tools, what they cost, and of agents that are stuck. */

import type { Clock } from '../core/clock.ts'
import type { Call } from '../core/exchange.ts'
import type { Answered } from '../core/observer.ts'
import type { Outcome } from '../core/outcome.ts'
import { AgentSignals, type AgentSignalsOptions, type CallSignals } from './agent-signals.ts'
import { Catalogue, type CatalogueOptions } from './catalogue.ts'
import { DriftLog } from './drift-log.ts'
import type { Instruments } from './instruments.ts'

export interface ToolWatchParts {
  readonly catalogue: Catalogue
  readonly signals: AgentSignals
}

export class ToolWatch {
  readonly #parts: ToolWatchParts

  constructor(parts: ToolWatchParts) {
    this.#parts = parts
  }

  get catalogue(): Catalogue {
    return this.#parts.catalogue
  }

  /** The longest result of this call that it wants a copy of; 0 for none. */
  resultBytesWanted(call: Call): number {
    return this.#parts.catalogue.resultBytesWanted(call.message.method)
  }

  begin(call: Call): CallSignals {
    return this.#parts.signals.begin(call)
  }

  /** The answer has passed. */
  answered(call: Call, answered: Answered): void {
    if (this.resultBytesWanted(call) > 0) this.#parts.catalogue.listed(call, answered)
  }

  /** A call has ended. */
  ended(call: Call, outcome: Outcome, atMs: number): void {
    this.#parts.signals.ended(call, outcome, atMs)
  }
}

export interface ToolWatchOptions extends Pick<CatalogueOptions, 'pins' | 'log'> {
  readonly clock: Clock
  readonly retryAfterMs: AgentSignalsOptions['retryAfterMs']
}

export function createToolWatch(
  { pins, log, clock, retryAfterMs }: ToolWatchOptions,
  parts: Pick<CatalogueOptions, 'upstreams' | 'guard'> & { readonly instruments: Instruments },
): ToolWatch {
  const { instruments, ...others } = parts
  const catalogue = new Catalogue({
    ...others,
    pins,
    log,
    driftLog: new DriftLog(() => clock.wallMs()),
    drifts: instruments.catalogueDrifts,
    limitHit: (limit) => instruments.limitHit(limit),
  })
  const signals = new AgentSignals({
    retryAfterMs,
    onForgotten: () => instruments.limitHit('recent_calls'),
  })
  return new ToolWatch({ catalogue, signals })
}
