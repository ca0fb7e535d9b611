/** Chance and time for faults: the one from a seed, the other given, so that a run can be repeated. */

export type Random = () => number

/** Numbers from 0 up to 1 that follow from the seed (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface FaultTime {
  nowMs(): number
  /** Does the work later; what is returned takes that back. */
  after(ms: number, work: () => void): () => void
}

export const realTime: FaultTime = {
  nowMs: () => performance.now(),
  after: (ms, work) => {
    // A turn of the event loop is what lets two small writes leave as two.
    if (ms <= 0) {
      const immediate = setImmediate(work)
      return () => clearImmediate(immediate)
    }
    const timer = setTimeout(work, ms)
    return () => clearTimeout(timer)
  },
}

interface Appointment {
  readonly atMs: number
  readonly work: () => void
}

/** Time that passes when a test says so. */
export class ManualTime implements FaultTime {
  #nowMs = 0
  #appointments: Appointment[] = []

  /** How much work waits for its time. */
  get waiting(): number {
    return this.#appointments.length
  }

  nowMs(): number {
    return this.#nowMs
  }

  after(ms: number, work: () => void): () => void {
    const appointment = { atMs: this.#nowMs + Math.max(0, ms), work }
    this.#appointments.push(appointment)
    return () => {
      this.#appointments = this.#appointments.filter((each) => each !== appointment)
    }
  }

  /** Lets so much time pass, and everything happen in it that was to happen, in its order. */
  advance(ms: number): void {
    const until = this.#nowMs + ms
    for (;;) {
      const [next] = this.#appointments
        .filter(({ atMs }) => atMs <= until)
        .toSorted((a, b) => a.atMs - b.atMs)
      if (next === undefined) break
      this.#appointments = this.#appointments.filter((each) => each !== next)
      this.#nowMs = next.atMs
      next.work()
    }
    this.#nowMs = until
  }
}

/** One step of what goes wrong when: from that instant on these faults, and no others. */
export interface Step<Fault> {
  readonly atMs: number
  readonly faults: readonly Fault[]
}

/** Sets the faults of each step at its time; what is returned stops that. */
export function playSteps<Fault>(
  steps: readonly Step<Fault>[],
  time: FaultTime,
  set: (faults: readonly Fault[]) => void,
): () => void {
  const stops = steps.map(({ atMs, faults }) => time.after(atMs, () => set(faults)))
  return () => {
    for (const stop of stops) stop()
  }
}

/** Up and down in turns, `times` times: the steps of something that flaps. */
export function flapping<Fault>(options: {
  readonly faults: readonly Fault[]
  readonly downMs: number
  readonly upMs: number
  readonly times: number
}): readonly Step<Fault>[] {
  const { faults, downMs, upMs, times } = options
  return Array.from({ length: times }, (_, i) => i * (downMs + upMs)).flatMap((atMs) => [
    { atMs, faults },
    { atMs: atMs + downMs, faults: [] },
  ])
}
