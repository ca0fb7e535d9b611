/** What a client is answered when the answer is the sidecar's own, and how replies are passed on. */

/** A whole answer, made here. */
export interface Answer {
  readonly status: number
  /** Names and values in turn. */
  readonly headers: readonly string[]
  readonly body: string
}

/** The client's end of an exchange. Every method may be called after the client has gone. */
export interface Client {
  /** Sends the head at once. `rawHeaders` are names and values in turn, hop-by-hop ones removed. */
  head(status: number, statusMessage: string, rawHeaders: readonly string[]): void
  /** False when the client reads slower than we write; `onDrain` tells when to go on. */
  write(chunk: Buffer): boolean
  /** True when no chunk that was written is needed any more; undefined where nobody knows. */
  readonly keepsNothing?: boolean
  end(): void
  /** Breaks the connection: what was sent so far is not the whole reply. */
  abort(): void
  /** Sends a whole answer. */
  answer(answer: Answer): void
  onDrain(resume: () => void): void
  /** Called when the client hung up before its reply was complete. */
  onGone(gone: () => void): void
}
