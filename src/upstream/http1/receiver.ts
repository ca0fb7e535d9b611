/**
 * Where the bytes of a connection are received. Small bodies are copied out of a buffer that all connections
 * share; a large one is received into buffers of its own, whose parts are handed on as they are. Such a
 * buffer is used again when its part is spent, because garbage outside of the heap makes V8 collect all of it.
 */

/** Most bytes that are received at once. */
export const RECEIVED_BYTES_MAX = 65_536

/** Smaller parts are copied, so that whoever keeps a part keeps no more than twice its bytes. */
const LENT_BYTES_MIN = RECEIVED_BYTES_MAX / 2

/** Buffers that wait to be used again; more are in use only for a moment. */
const IDLE_MAX = 32
const idle: Buffer[] = []

/**
 * Of whatever connection to whatever upstream; undefined when each needs its own. Windows is given the
 * buffer before there are bytes; elsewhere it is filled and read in one go.
 */
const SHARED: Buffer | undefined =
  process.platform === 'win32' ? undefined : Buffer.allocUnsafeSlow(RECEIVED_BYTES_MAX)

export class Receiver {
  readonly #usual = SHARED ?? Buffer.allocUnsafeSlow(RECEIVED_BYTES_MAX)
  #into = this.#usual
  /** The part that was handed on last, until it is spent. */
  #lent: Buffer | undefined = undefined
  /** The buffer that it is a part of. */
  #lender = this.#usual
  /** What was received last is of a large body. */
  #isLarge = false

  /** Where the next bytes are received; `inBody` when they are of the body that came last. */
  next(inBody: boolean): Buffer {
    const goesOn = this.#isLarge && inBody && this.#lent === undefined
    this.#isLarge = false
    if (goesOn) {
      if (this.#into === this.#usual) this.#into = take()
    } else if (this.#into !== this.#usual) {
      if (!this.#lends) give(this.#into)
      this.#into = this.#usual
    }
    return this.#into
  }

  /** What was received last. */
  received(count: number): Buffer {
    return this.#into.subarray(0, count)
  }

  /** A part of what was received last; it belongs to whoever gets it until that says that it is spent. */
  part(bytes: Buffer, from: number, to: number): Buffer {
    if (to - from < LENT_BYTES_MIN || this.#lends) return copyOf(bytes, from, to)
    this.#isLarge = true
    const isOwn = this.#into !== this.#usual
    const lender = isOwn ? this.#into : take()
    if (!isOwn) bytes.copy(lender, 0, from, to)
    this.#lender = lender
    this.#lent = isOwn ? bytes.subarray(from, to) : lender.subarray(0, to - from)
    return this.#lent
  }

  /** Nobody needs these bytes any more. */
  spent(part: Buffer): void {
    if (part !== this.#lent) return
    this.#lent = undefined
    if (this.#lender !== this.#into) give(this.#lender)
  }

  /** A part of where bytes are received is somebody's. */
  get #lends(): boolean {
    return this.#lent !== undefined && this.#lender === this.#into
  }
}

/** Bytes that stay as they are whatever is received. */
export function copyOf(bytes: Buffer, from: number, to: number): Buffer {
  const copy = Buffer.allocUnsafe(to - from)
  bytes.copy(copy, 0, from, to)
  return copy
}

function take(): Buffer {
  return idle.pop() ?? Buffer.allocUnsafeSlow(RECEIVED_BYTES_MAX)
}

function give(buffer: Buffer): void {
  if (idle.length < IDLE_MAX) idle.push(buffer)
}
