/** One direction of a connection, or of a pipe, with the faults that hold at the moment. */

import type { Writable } from 'node:stream'
import { findCut, findFault, type Cut, type Fault, type Way } from './faults.ts'
import type { FaultTime, Random } from './schedule.ts'

/** Bytes that one direction holds before it stops reading. */
const HELD_MAX = 1024 * 1024

/** With little bandwidth bytes leave in pieces of about so much time. */
const PIECE_MS = 10

export interface ShaperOptions {
  readonly way: Way
  readonly to: Writable
  readonly faults: () => readonly Fault[]
  readonly random: Random
  readonly time: FaultTime
  /** Asks the source to wait, or to go on. */
  readonly hold: (wait: boolean) => void
  /** Where the connection is to break. */
  readonly cut: (cut: Cut) => void
}

interface Piece {
  bytes: Buffer
  readonly dueMs: number
}

export class Shaper {
  readonly #options: ShaperOptions
  #queue: Piece[] = []
  #held = 0
  /** Bytes that have left since the faults were set. */
  #passed = 0
  #lastDueMs = 0
  /** Before this instant bandwidth and slices let nothing leave. */
  #freeMs = 0
  #takeBack: (() => void) | undefined
  #blocked = false
  #ended = false
  #over = false

  constructor(options: ShaperOptions) {
    this.#options = options
    options.to.on('drain', () => {
      this.#blocked = false
      this.#pump()
    })
  }

  push(bytes: Buffer): void {
    if (this.#over || bytes.length === 0) return
    const latency = findFault(this.#options.faults(), 'latency', this.#options.way)
    const delay =
      latency === undefined ? 0 : latency.ms + this.#options.random() * (latency.jitterMs ?? 0)
    this.#lastDueMs = Math.max(this.#lastDueMs, this.#options.time.nowMs() + delay)
    this.#queue.push({ bytes, dueMs: this.#lastDueMs })
    this.#held += bytes.length
    if (this.#held > HELD_MAX) this.#options.hold(true)
    this.#pump()
  }

  /** The source has ended: so does the other side, after what is on its way. */
  end(): void {
    this.#ended = true
    this.#pump()
  }

  /** The faults have changed. */
  wake(): void {
    this.#passed = 0
    this.#takeBack?.()
    this.#takeBack = undefined
    this.#freeMs = 0
    this.#pump()
  }

  /** Nothing more passes. */
  stop(): void {
    this.#over = true
    this.#takeBack?.()
    this.#takeBack = undefined
    this.#queue = []
    this.#held = 0
    this.#options.hold(false)
  }

  #pump(): void {
    while (!this.#over && !this.#blocked && this.#takeBack === undefined) {
      const [piece] = this.#queue
      if (piece === undefined) {
        if (this.#ended) this.#finish()
        return
      }
      if (findFault(this.#options.faults(), 'stall', this.#options.way) !== undefined) return
      const waitMs = Math.max(piece.dueMs, this.#freeMs) - this.#options.time.nowMs()
      if (waitMs > 0) return this.#later(waitMs)
      this.#send(piece)
    }
  }

  #later(ms: number): void {
    this.#takeBack = this.#options.time.after(ms, () => {
      this.#takeBack = undefined
      this.#freeMs = 0
      this.#pump()
    })
  }

  #send(piece: Piece): void {
    const { way, time, to, cut: breakOff } = this.#options
    const faults = this.#options.faults()
    const cut = findCut(faults, way)
    const left = cut === undefined ? Infinity : cut.afterBytes - this.#passed
    if (cut !== undefined && left <= 0) {
      this.stop()
      return breakOff(cut)
    }
    if (to.destroyed || to.writableEnded) return this.stop()
    const bandwidth = findFault(faults, 'bandwidth', way)
    const slice = findFault(faults, 'slice', way)
    const bytes = this.#take(piece, Math.min(left, pieceOf(bandwidth), slice?.bytes ?? Infinity))
    if (!to.write(this.#spoil(bytes, faults))) this.#blocked = true
    if (bandwidth !== undefined) {
      this.#freeMs = time.nowMs() + (bytes.length / bandwidth.bytesPerSecond) * 1000
    }
    // Also a slice without a pause leaves in a turn of its own, or the kernel would join them.
    if (slice !== undefined) this.#later(slice.everyMs ?? 0)
  }

  #take(piece: Piece, most: number): Buffer {
    const bytes = piece.bytes.subarray(0, most)
    piece.bytes = piece.bytes.subarray(bytes.length)
    if (piece.bytes.length === 0) this.#queue.shift()
    this.#passed += bytes.length
    this.#held -= bytes.length
    if (this.#held <= HELD_MAX) this.#options.hold(false)
    return bytes
  }

  #spoil(bytes: Buffer, faults: readonly Fault[]): Buffer {
    const garbage = findFault(faults, 'garbage', this.#options.way)
    if (garbage === undefined) return bytes
    const { random } = this.#options
    return Buffer.from(
      bytes.map((byte) =>
        random() < (garbage.share ?? 1) ? (byte + 1 + Math.floor(random() * 255)) % 256 : byte,
      ),
    )
  }

  #finish(): void {
    this.#over = true
    this.#options.to.end()
  }
}

/** Bytes that leave at a time. */
function pieceOf(bandwidth: { readonly bytesPerSecond: number } | undefined): number {
  return bandwidth === undefined
    ? Infinity
    : Math.ceil((bandwidth.bytesPerSecond * PIECE_MS) / 1000)
}
