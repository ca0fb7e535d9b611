/**
 * Just enough HTTP/1.1 framing for the upstream and the load generator.
 *
 * Both share the machine with the proxy that is measured, so what they spend limits what can be
 * seen. Node's own HTTP costs several times as much as this for the few forms that occur here.
 */

const EMPTY = Buffer.alloc(0)
const LAST_CHUNK = 0

/** Keeps a peer that never ends its message from filling the memory. */
const PENDING_BYTES_MAX = 8 * 1024 * 1024

/** A message body is framed by its length or comes in chunks. */
type Framing = number | 'chunked'

export type OnMessage = (head: string, body: Buffer) => void

/** Cuts the bytes of one connection into messages. Throws when they are not HTTP as expected. */
export class MessageReader {
  readonly #onMessage: OnMessage
  #pending: Buffer = EMPTY
  #head: string | undefined
  #framing: Framing = 0
  #chunks: Buffer[] = []
  // Heads repeat on a connection; the last one's framing need not be looked up again.
  #knownHead = ''
  #knownFraming: Framing = 0

  constructor(onMessage: OnMessage) {
    this.#onMessage = onMessage
  }

  push(bytes: Buffer): void {
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes])
    if (this.#pending.length > PENDING_BYTES_MAX) throw new Error('a message is too large')
    while (this.#step());
  }

  /** Takes one part off the pending bytes; false when more bytes are needed for it. */
  #step(): boolean {
    if (this.#head === undefined) return this.#readHead()
    if (this.#framing === 'chunked') return this.#readChunk()
    return this.#readLength(this.#framing)
  }

  #readHead(): boolean {
    const end = this.#pending.indexOf('\r\n\r\n')
    if (end < 0) return false
    const head = this.#pending.toString('latin1', 0, end)
    this.#head = head
    this.#pending = this.#pending.subarray(end + 4)
    if (head !== this.#knownHead) {
      this.#knownHead = head
      this.#knownFraming = framingOf(head)
    }
    this.#framing = this.#knownFraming
    return true
  }

  #readLength(length: number): boolean {
    if (this.#pending.length < length) return false
    const body = this.#pending.subarray(0, length)
    this.#pending = this.#pending.subarray(length)
    this.#emit(body)
    return true
  }

  #readChunk(): boolean {
    const line = this.#pending.indexOf('\r\n')
    if (line < 0) return false
    const size = Number.parseInt(this.#pending.toString('latin1', 0, line), 16)
    if (!Number.isFinite(size)) throw new Error('a chunk has no size')
    const end = line + 2 + size
    // Trailers do not occur here: what follows the last chunk is an empty line.
    if (this.#pending.length < end + 2) return false
    if (size !== LAST_CHUNK) this.#chunks.push(this.#pending.subarray(line + 2, end))
    this.#pending = this.#pending.subarray(end + 2)
    if (size === LAST_CHUNK) {
      const [only] = this.#chunks
      this.#emit(
        this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks),
      )
    }
    return true
  }

  #emit(body: Buffer): void {
    const head = this.#head ?? ''
    this.#head = undefined
    this.#chunks = []
    this.#onMessage(head, body)
  }
}

function framingOf(head: string): Framing {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length !== undefined) return Number(length)
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) return 'chunked'
  if (/^(GET|DELETE) /.test(head)) return 0
  throw new Error('a message has neither a length nor chunks')
}
