/** Sums of tallies: of a window that somebody asks for, or of stretches that have become old. */

import type { ByteReader } from './bytes.ts'
import { ENDINGS } from './endings.ts'
import { BINS_MAX } from './quantiles.ts'
import { unpackBins, type Tally, type Timing } from './tally.ts'

export class TimingSum {
  calls = 0
  sumUs = 0
  minUs = Infinity
  maxUs = 0
  readonly #counts = new Float64Array(BINS_MAX)
  /** Bins outside are 0. */
  #low = BINS_MAX
  #high = -1

  clear(): void {
    this.calls = 0
    this.sumUs = 0
    this.minUs = Infinity
    this.maxUs = 0
    if (this.#high >= 0) this.#counts.fill(0, this.#low, this.#high + 1)
    this.#low = BINS_MAX
    this.#high = -1
  }

  /** Bins and counts in turn, ordered by bin. */
  get bins(): number[] {
    const bins: number[] = []
    for (let bin = this.#low; bin <= this.#high; bin += 1) {
      const count = this.#counts[bin] ?? 0
      if (count > 0) bins.push(bin, count)
    }
    return bins
  }

  addTiming({ calls, sumUs, minUs, maxUs, bins }: Omit<Timing, 'record'>): void {
    this.#addCalls(calls, sumUs, minUs, maxUs)
    for (let i = 0; i < bins.length; i += 2) this.#add(bins[i] ?? 0, bins[i + 1] ?? 0)
  }

  addPacked(reader: ByteReader): void {
    const calls = reader.number()
    if (calls === 0) return
    const sumUs = reader.number()
    const minUs = reader.number()
    this.#addCalls(calls, sumUs, minUs, minUs + reader.number())
    unpackBins(reader, reader.number(), (bin, count) => this.#add(bin, count))
  }

  #addCalls(calls: number, sumUs: number, minUs: number, maxUs: number): void {
    this.calls += calls
    this.sumUs += sumUs
    this.minUs = Math.min(this.minUs, minUs)
    this.maxUs = Math.max(this.maxUs, maxUs)
  }

  #add(bin: number, count: number): void {
    this.#counts[bin] = (this.#counts[bin] ?? 0) + count
    if (bin < this.#low) this.#low = bin
    if (bin > this.#high) this.#high = bin
  }
}

export class TallySum {
  requestBytes = 0
  responseBytes = 0
  resultTokens = 0
  readonly answered = new TimingSum()
  readonly failed = new TimingSum()
  readonly firstEvent = new TimingSum()
  readonly #endings = new Float64Array(ENDINGS.length)

  clear(): void {
    this.requestBytes = 0
    this.responseBytes = 0
    this.resultTokens = 0
    this.answered.clear()
    this.failed.clear()
    this.firstEvent.clear()
    this.#endings.fill(0)
  }

  /** Places in `ENDINGS` and counts in turn, of endings that came up. */
  get endings(): number[] {
    const endings: number[] = []
    for (const [place, count] of this.#endings.entries()) {
      if (count > 0) endings.push(place, count)
    }
    return endings
  }

  addTally(tally: Tally): void {
    for (let i = 0; i < tally.endings.length; i += 2) {
      this.#count(tally.endings[i] ?? 0, tally.endings[i + 1] ?? 0)
    }
    this.requestBytes += tally.requestBytes
    this.responseBytes += tally.responseBytes
    this.resultTokens += tally.resultTokens
    if (tally.answered !== undefined) this.answered.addTiming(tally.answered)
    if (tally.failed !== undefined) this.failed.addTiming(tally.failed)
    if (tally.firstEvent !== undefined) this.firstEvent.addTiming(tally.firstEvent)
  }

  /** Counts alone: durations are not read. */
  addPackedCounts(reader: ByteReader): void {
    const endings = reader.number()
    for (let i = 0; i < endings; i += 1) this.#count(reader.number(), reader.number())
    this.requestBytes += reader.number()
    this.responseBytes += reader.number()
    this.resultTokens += reader.number()
  }

  addPacked(reader: ByteReader): void {
    this.addPackedCounts(reader)
    this.answered.addPacked(reader)
    this.failed.addPacked(reader)
    this.firstEvent.addPacked(reader)
  }

  #count(place: number, count: number): void {
    this.#endings[place] = (this.#endings[place] ?? 0) + count
  }
}
