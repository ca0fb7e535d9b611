/**
 * The last 24 hours of one series in a few kilobytes: what is recent in short stretches, what is older
 * in longer ones.
 *
 * Every call is counted in exactly one stretch. A stretch that has become too old for its length is added
 * to a longer one; the longest fall out at the end. A window is the sum of the stretches that begin in it.
 */

import { ByteReader, ByteWriter } from './bytes.ts'
import { TallySum } from './sums.ts'
import { packTally, Tally, type CallBins, type CallRecord } from './tally.ts'

/** The unit of time: every stretch begins with a slot and has a whole number of them. */
export const SLOT_MS = 5_000

export interface Level {
  /** Length of a stretch, in slots; each level's is a multiple of the one before. */
  readonly slots: number
  /** Stretches that are kept at this length, the one under way included. */
  readonly keep: number
}

/** 1 minute by quarters, 5 by minutes, 1 hour by 10 minutes, 24 by 3 hours: there may be many tools. */
export const TOOL_LEVELS: readonly Level[] = [
  { slots: 3, keep: 4 },
  { slots: 12, keep: 5 },
  { slots: 120, keep: 6 },
  { slots: 2_160, keep: 8 },
]

/** 5 minutes by 5 seconds, 1 hour by minutes and 24 by half hours, for the curves of upstreams. */
export const UPSTREAM_LEVELS: readonly Level[] = [
  { slots: 1, keep: 60 },
  { slots: 12, keep: 60 },
  { slots: 360, keep: 48 },
]

/** Room to work in, shared by all series: each uses it within one call of `record` or `roll`. */
export class Scratch {
  readonly writer = new ByteWriter()
  readonly payload = new ByteWriter()
  readonly sum = new TallySum()
}

interface Stretch {
  /** Its first slot. */
  readonly slot: number
  /** Where its packed tally stands; or the tally itself, of the stretch that has just ended. */
  readonly start: number
  readonly end: number
  readonly live: Tally | undefined
}

/** A window: so many stretches of `slots`, the one under way included. */
export type Window = Level

export class History {
  readonly #levels: readonly Level[]
  /** Slots of the shortest stretch. */
  readonly #unit: number
  #live: Tally | undefined
  #liveSlot = 0
  /** Stretches, oldest first: first slot, length in bytes, packed tally. */
  #packed = new Uint8Array(0)
  #rolledSlot = 0

  constructor(levels: readonly Level[]) {
    this.#levels = levels
    this.#unit = levels[0]?.slots ?? 1
  }

  /** True when nothing is left of what was counted. */
  get empty(): boolean {
    return this.#packed.length === 0 && this.#live === undefined
  }

  /** True when a stretch has ended and is not packed yet, or old ones have waited for long. */
  isDue(slot: number): boolean {
    return this.#live === undefined
      ? slot - this.#rolledSlot >= ROLL_IDLE_SLOTS
      : slot - this.#liveSlot >= this.#unit
  }

  record(slot: number, call: CallRecord, bins: CallBins, scratch: Scratch): void {
    if (this.#live === undefined || slot - this.#liveSlot >= this.#unit) {
      if (this.#live !== undefined) this.roll(slot, scratch)
      this.#liveSlot = slot - (slot % this.#unit)
      this.#live = new Tally()
    }
    this.#live.record(call, bins)
  }

  /** Packs the stretch that has ended, makes old ones coarser, and forgets the oldest. */
  roll(slot: number, scratch: Scratch): void {
    const { writer } = scratch
    writer.clear()
    this.#rolledSlot = slot
    const stretches = this.#stretches()
    if (this.#live !== undefined && slot - this.#liveSlot >= this.#unit) {
      stretches.push(liveStretch(this.#live, this.#liveSlot))
      this.#live = undefined
    }
    let group: Stretch[] = []
    let groupFirst = 0
    for (const stretch of stretches) {
      const first = this.#alignedAt(stretch.slot, slot)
      if (first === undefined) continue
      if (group.length > 0 && first !== groupFirst) {
        this.#write(group, groupFirst, scratch)
        group = []
      }
      groupFirst = first
      group.push(stretch)
    }
    if (group.length > 0) this.#write(group, groupFirst, scratch)
    this.#packed = writer.toBytes()
  }

  /** Adds to `sum` what was counted in a window that ends in `slot`. */
  sumInto(sum: TallySum, slot: number, window: Window): void {
    const from = firstSlotOf(slot, window)
    for (const stretch of this.#stretches()) {
      if (stretch.slot >= from) sum.addPacked(this.#reader(stretch))
    }
    if (this.#live !== undefined && this.#liveSlot >= from) sum.addTally(this.#live)
  }

  /** The same without durations, which is quicker. */
  countInto(sum: TallySum, slot: number, window: Window): void {
    const from = firstSlotOf(slot, window)
    for (const stretch of this.#stretches()) {
      if (stretch.slot >= from) sum.addPackedCounts(this.#reader(stretch))
    }
    if (this.#live !== undefined && this.#liveSlot >= from) sum.addTally(this.#live)
  }

  /** Tells `see` what was counted in each stretch of the window, oldest first. */
  timeline(slot: number, window: Window, sum: TallySum, see: (sum: TallySum) => void): void {
    const stretches = this.#stretches()
    if (this.#live !== undefined) stretches.push(liveStretch(this.#live, this.#liveSlot))
    const from = firstSlotOf(slot, window)
    let next = stretches.findIndex((stretch) => stretch.slot >= from)
    for (let point = 0; point < window.keep; point += 1) {
      const end = from + (point + 1) * window.slots
      sum.clear()
      for (; next >= 0 && (stretches[next]?.slot ?? end) < end; next += 1) {
        this.#addTo(sum, stretches[next])
      }
      see(sum)
    }
  }

  #write(stretches: readonly Stretch[], first: number, scratch: Scratch): void {
    const { writer, payload, sum } = scratch
    const [only] = stretches
    writer.number(first)
    if (stretches.length === 1 && only !== undefined && only.live === undefined) {
      writer.number(only.end - only.start)
      writer.copy(this.#packed, only.start, only.end)
      return
    }
    payload.clear()
    if (stretches.length === 1 && only?.live !== undefined) packTally(only.live, payload)
    else {
      sum.clear()
      for (const stretch of stretches) this.#addTo(sum, stretch)
      packTally(sum, payload)
    }
    writer.number(payload.length)
    writer.append(payload)
  }

  #addTo(sum: TallySum, stretch: Stretch | undefined): void {
    if (stretch === undefined) return
    if (stretch.live === undefined) sum.addPacked(this.#reader(stretch))
    else sum.addTally(stretch.live)
  }

  #stretches(): Stretch[] {
    const reader = new ByteReader(this.#packed)
    const stretches: Stretch[] = []
    while (reader.at < this.#packed.length) {
      const slot = reader.number()
      const length = reader.number()
      stretches.push({ slot, start: reader.at, end: reader.at + length, live: undefined })
      reader.at += length
    }
    return stretches
  }

  #reader({ start }: Stretch): ByteReader {
    const reader = new ByteReader(this.#packed)
    reader.at = start
    return reader
  }

  /** Where the stretch begins that `slot` belongs to at its age; undefined when it is too old for any. */
  #alignedAt(slot: number, now: number): number | undefined {
    const level = this.#levels.find((one) => slot >= firstSlotOf(now, one))
    return level === undefined ? undefined : Math.floor(slot / level.slots) * level.slots
  }
}

/** A series without calls is looked after this often, in slots: its stretches get old all the same. */
const ROLL_IDLE_SLOTS = 120

/** The first slot of a window that ends in `slot`. */
export function firstSlotOf(slot: number, { slots, keep }: Window): number {
  return (Math.floor(slot / slots) - keep + 1) * slots
}

function liveStretch(live: Tally, slot: number): Stretch {
  return { slot, start: 0, end: 0, live }
}
