/** What is counted of the calls of one tool besides their endings and durations. */

import type { CallSignals } from './agent-signals.ts'
import type { HistogramSeries } from './histogram-series.ts'
import type { Instruments } from './instruments.ts'
import type { CounterSeries } from './series.ts'
import { estimateTokens } from './tokens.ts'

/** Its series, each found when it is first needed. */
export class ToolCounters {
  readonly #instruments: Instruments
  /** The upstream and the tool's label. */
  readonly #labels: readonly string[]
  #size: HistogramSeries | undefined
  #tokens: CounterSeries | undefined
  #repeated: CounterSeries | undefined
  #afterRefusal: CounterSeries | undefined

  constructor(instruments: Instruments, labels: readonly string[]) {
    this.#instruments = instruments
    this.#labels = labels
  }

  /** A call has ended. `resultBytes` is 0 when there was no result. */
  ended(resultBytes: number, { repeats, afterRefusal }: CallSignals): void {
    const { toolResultSize, toolResultTokens } = this.#instruments
    const { callsRepeated, callsAfterRefusal } = this.#instruments
    if (resultBytes > 0) {
      this.#size ??= toolResultSize.bind(this.#labels)
      this.#size.record(resultBytes)
      this.#tokens ??= toolResultTokens.bind(this.#labels)
      this.#tokens.add(estimateTokens(resultBytes))
    }
    if (repeats > 0) {
      this.#repeated ??= callsRepeated.bind(this.#labels)
      this.#repeated.add(1)
    }
    if (afterRefusal) {
      this.#afterRefusal ??= callsAfterRefusal.bind(this.#labels)
      this.#afterRefusal.add(1)
    }
  }
}
