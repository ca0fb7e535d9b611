/**
 * Where the bytes of a connection are received. Small bodies are copied out of a buffer that all connections
 * share; a large one is received into buffers of its own, whose parts are handed on as they are. Such a
 * buffer is used again when its part is spent, because garbage outside of the heap makes V8 collect all of it.
 */

/** Most bytes that are received at once. */
const RECEIVED_BYTES_MAX = 65_536

/** What TLS hands on at once: a record (RFC 8446 §5.1). */
const RECORD_BYTES_MAX = 16_384

/** Bytes of buffers that wait to be used again; more are in use only for a moment. */
const IDLE_BYTES_MAX = 2 * 1024 * 1024

/** Buffers of one size, for large bodies. */
class Buffers {
  readonly bytes: number
  readonly #idle: Buffer[] = []

  constructor(bytes: number) {
    this.bytes = bytes
  }

  take(): Buffer {
    return this.#idle.pop() ?? Buffer.allocUnsafeSlow(this.bytes)
  }

  give(buffer: Buffer): void {
    if (this.#idle.length * this.bytes < IDLE_BYTES_MAX) this.#idle.push(buffer)
  }
}

const PLAIN = new Buffers(RECEIVED_BYTES_MAX)
const RECORDS = new Buffers(RECORD_BYTES_MAX)

/**
 * Of whatever connection to whatever upstream; undefined when each needs its own. Windows is given the
 * buffer before there are bytes; elsewhere it is filled and read in one go.
 */
const SHARED: Buffer | undefined =
  process.platform === 'win32' ? undefined : Buffer.allocUnsafeSlow(RECEIVED_BYTES_MAX)

export class Receiver {
  readonly #buffers: Buffers
  readonly #usual = SHARED ?? Buffer.allocUnsafeSlow(RECEIVED_BYTES_MAX)
  #into = this.#usual
  /** The part that was handed on last, until it is spent. */
  #lent: Buffer | undefined = undefined
  /** The buffer that it is a part of. */
  #lender = this.#usual
  /** What was received last is of a large body. */
  #isLarge = false

  /** `secure` when the bytes come through TLS. */
  constructor(secure: boolean) {
    this.#buffers = secure ? RECORDS : PLAIN
  }

  /** True when so many bytes are as many as come at once: there may be more. */
  isFull(count: number): boolean {
    return count === this.#buffers.bytes
  }

  /** Where the next bytes are received; `inBody` when they are of the body that came last. */
  next(inBody: boolean): Buffer {
    const goesOn = this.#isLarge && inBody && this.#lent === undefined
    this.#isLarge = false
    if (goesOn) {
      if (this.#into === this.#usual) this.#into = this.#buffers.take()
    } else if (this.#into !== this.#usual) {
      if (!this.#lends) this.#buffers.give(this.#into)
      this.#into = this.#usual
    }
    return this.#into
  }

  /** What was received last. */
  received(count: number): Buffer {
    return this.#into.subarray(0, count)
  }

  /**
   * A part of what was received last; it belongs to whoever gets it until that says that it is spent. A
   * smaller one than half a buffer is a copy, so that whoever keeps it keeps no more than twice its bytes.
   */
  part(bytes: Buffer, from: number, to: number): Buffer {
    const length = to - from
    const { bytes: bytesMax } = this.#buffers
    if (length < bytesMax / 2 || length > bytesMax || this.#lends) return copyOf(bytes, from, to)
    this.#isLarge = true
    const isOwn = this.#into !== this.#usual
    const lender = isOwn ? this.#into : this.#buffers.take()
    if (!isOwn) bytes.copy(lender, 0, from, to)
    this.#lender = lender
    this.#lent = isOwn ? bytes.subarray(from, to) : lender.subarray(0, length)
    return this.#lent
  }

  /** Nobody needs these bytes any more. */
  spent(part: Buffer): void {
    if (part !== this.#lent) return
    this.#lent = undefined
    if (this.#lender !== this.#into) this.#buffers.give(this.#lender)
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
