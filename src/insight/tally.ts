/**
 * Counts of a stretch of time: how calls ended, how long they took, what they carried. Filled while the
 * time lasts, then packed into a few dozen bytes (sums.ts reads them).
 */

import type { ByteWriter } from './bytes.ts'

/** What is counted of one call. */
export interface CallRecord {
  /** Place in `ENDINGS`. */
  readonly ending: number
  /** `none` for calls that were refused here: nobody worked on them. */
  readonly timing: 'answered' | 'failed' | 'none'
  /** Whole microseconds. */
  readonly us: number
  /** To the first event of a reply that is an event stream; -1 when it is none. */
  readonly firstEventUs: number
  readonly requestBytes: number
  readonly responseBytes: number
  readonly resultTokens: number
}

/** The bins of a call's durations, which depend on how exact the percentiles are. */
export interface CallBins {
  readonly duration: number
  readonly firstEvent: number
}

/** Durations: how many, together, the shortest and longest, and the bins of their percentiles. */
export class Timing {
  calls = 0
  sumUs = 0
  minUs = Infinity
  maxUs = 0
  /** As long as it has to be: there are many of them. */
  #bins: number[] = []

  /** Bins and counts in turn, ordered by bin. */
  get bins(): readonly number[] {
    return this.#bins
  }

  record(us: number, bin: number): void {
    this.calls += 1
    this.sumUs += us
    if (us < this.minUs) this.minUs = us
    if (us > this.maxUs) this.maxUs = us
    this.#count(bin)
  }

  #count(bin: number): void {
    const bins = this.#bins
    let low = 0
    let high = bins.length / 2
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((bins[middle * 2] ?? 0) < bin) low = middle + 1
      else high = middle
    }
    const at = low * 2
    if (bins[at] === bin) bins[at + 1] = (bins[at + 1] ?? 0) + 1
    else this.#bins = bins.toSpliced(at, 0, bin, 1)
  }
}

export class Tally {
  /** Places in `ENDINGS` and counts in turn, in no order: few endings come up. */
  endings: number[] = []
  requestBytes = 0
  responseBytes = 0
  resultTokens = 0
  answered: Timing | undefined
  failed: Timing | undefined
  firstEvent: Timing | undefined

  record(call: CallRecord, bins: CallBins): void {
    this.#count(call.ending)
    this.requestBytes += call.requestBytes
    this.responseBytes += call.responseBytes
    this.resultTokens += call.resultTokens
    if (call.timing === 'answered') {
      this.answered ??= new Timing()
      this.answered.record(call.us, bins.duration)
    } else if (call.timing === 'failed') {
      this.failed ??= new Timing()
      this.failed.record(call.us, bins.duration)
    }
    if (call.firstEventUs >= 0) {
      this.firstEvent ??= new Timing()
      this.firstEvent.record(call.firstEventUs, bins.firstEvent)
    }
  }

  #count(ending: number): void {
    const { endings } = this
    for (let i = 0; i < endings.length; i += 2) {
      if (endings[i] !== ending) continue
      endings[i + 1] = (endings[i + 1] ?? 0) + 1
      return
    }
    this.endings = [...endings, ending, 1]
  }
}

/** Durations, as they are packed: `bins` yields bins and counts in ascending order. */
export interface PackableTiming {
  readonly calls: number
  readonly sumUs: number
  readonly minUs: number
  readonly maxUs: number
  readonly bins: readonly number[]
}

export interface PackableTally {
  readonly endings: readonly number[]
  readonly requestBytes: number
  readonly responseBytes: number
  readonly resultTokens: number
  readonly answered: PackableTiming | undefined
  readonly failed: PackableTiming | undefined
  readonly firstEvent: PackableTiming | undefined
}

/** Counts first, so that who asks for counts alone need not read on. */
export function packTally(tally: PackableTally, writer: ByteWriter): void {
  writer.number(tally.endings.length / 2)
  for (const number of tally.endings) writer.number(number)
  writer.number(tally.requestBytes)
  writer.number(tally.responseBytes)
  writer.number(tally.resultTokens)
  packTiming(tally.answered, writer)
  packTiming(tally.failed, writer)
  packTiming(tally.firstEvent, writer)
}

/** Counts up to this stand in the same byte as the distance to the bin before. */
const SMALL_COUNT = 3

function packTiming(timing: PackableTiming | undefined, writer: ByteWriter): void {
  writer.number(timing?.calls ?? 0)
  if (timing === undefined || timing.calls === 0) return
  const { bins } = timing
  writer.number(timing.sumUs)
  writer.number(timing.minUs)
  writer.number(timing.maxUs - timing.minUs)
  writer.number(bins.length / 2)
  let last = 0
  for (let i = 0; i < bins.length; i += 2) {
    const bin = bins[i] ?? 0
    const count = bins[i + 1] ?? 0
    writer.number((bin - last) * (SMALL_COUNT + 1) + (count <= SMALL_COUNT ? count : 0))
    if (count > SMALL_COUNT) writer.number(count)
    last = bin
  }
}

/** The other direction of a bin and its count: tells `add` of each. */
export function unpackBins(
  reader: { number(): number },
  bins: number,
  add: (bin: number, count: number) => void,
): void {
  let bin = 0
  for (let i = 0; i < bins; i += 1) {
    const number = reader.number()
    const count = number % (SMALL_COUNT + 1)
    bin += (number - count) / (SMALL_COUNT + 1)
    add(bin, count === 0 ? reader.number() : count)
  }
}
