/**
 * The last events of one session's streams, for clients that come back with `Last-Event-ID`
 * (Streamable HTTP, "Resumability and Redelivery"). Bounded in number and bytes; the oldest go first.
 */

export interface StoredEvent {
  readonly stream: string
  readonly sequence: number
  readonly message: Buffer
}

export interface EventStoreLimits {
  readonly eventsMax: number
  readonly bytesMax: number
}

/** Where a client left off: the stream, and the last event of it that it has. */
export interface EventPlace {
  readonly stream: string
  readonly sequence: number
}

interface StreamState {
  /** Sequence of the newest event. */
  last: number
  /** Sequence of the newest event that is no longer stored. */
  gone: number
  /** True when no event follows. */
  finished: boolean
}

export class EventStore {
  readonly #limits: EventStoreLimits
  #events: StoredEvent[] = []
  #bytes = 0
  readonly #streams = new Map<string, StreamState>()

  constructor(limits: EventStoreLimits) {
    this.#limits = limits
  }

  /** Stores a message as the next event of its stream and returns its sequence, from 1. */
  add(stream: string, message: Buffer): number {
    const state = this.#stateOf(stream)
    state.last += 1
    // A slice of a larger chunk would keep all of it alive.
    const own = message.buffer.byteLength > 2 * message.length ? Buffer.from(message) : message
    this.#events.push({ stream, sequence: state.last, message: own })
    this.#bytes += message.length
    this.#evict()
    return state.last
  }

  /** The events after a place; undefined when one of them is gone, or the stream is not known. */
  after({ stream, sequence }: EventPlace): readonly StoredEvent[] | undefined {
    const state = this.#streams.get(stream)
    if (state === undefined || sequence < state.gone || sequence > state.last) return undefined
    return this.left({ stream, sequence })
  }

  /** True for an event that there was. */
  knows({ stream, sequence }: EventPlace): boolean {
    return sequence <= (this.#streams.get(stream)?.last ?? -1)
  }

  /** What is left of the events after a place, for streams that go on whatever was missed. */
  left({ stream, sequence }: EventPlace): readonly StoredEvent[] {
    return this.#events.filter((one) => one.stream === stream && one.sequence > sequence)
  }

  /** How many events of a stream are gone without having been at or before `sequence`. */
  lostAfter(stream: string, sequence: number): number {
    return Math.max(0, (this.#streams.get(stream)?.gone ?? 0) - sequence)
  }

  /** Knows the stream from now on, so that a client can come back before its first event. */
  open(stream: string): void {
    this.#stateOf(stream)
  }

  /** No event follows; the stream is forgotten when its last event has gone. */
  finish(stream: string): void {
    const state = this.#streams.get(stream)
    if (state === undefined) return
    state.finished = true
    if (state.gone === state.last) this.#streams.delete(stream)
  }

  #evict(): void {
    let evicted = 0
    for (const event of this.#events) {
      const tooMany = this.#events.length - evicted > this.#limits.eventsMax
      if (!tooMany && this.#bytes <= this.#limits.bytesMax) break
      this.#bytes -= event.message.length
      const state = this.#stateOf(event.stream)
      state.gone = event.sequence
      if (state.finished && state.gone === state.last) this.#streams.delete(event.stream)
      evicted += 1
    }
    if (evicted > 0) this.#events = this.#events.slice(evicted)
  }

  #stateOf(stream: string): StreamState {
    const known = this.#streams.get(stream)
    if (known !== undefined) return known
    const state = { last: 0, gone: 0, finished: false }
    this.#streams.set(stream, state)
    return state
  }
}

/** An event's id: the stream and the place in it. */
export function formatEventId({ stream, sequence }: EventPlace): string {
  return `${stream}.${sequence}`
}

/** Undefined for an id that is none of ours. */
export function parseEventId(id: string): EventPlace | undefined {
  const match = /^([a-z0-9]{1,32})\.(\d{1,15})$/.exec(id)
  return match === null ? undefined : { stream: match[1] ?? '', sequence: Number(match[2]) }
}
