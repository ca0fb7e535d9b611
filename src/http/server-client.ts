/** The client's end of an exchange, on Node's raw response object. */

import type { ServerResponse } from 'node:http'
import type { Answer, Client } from '../core/reply.ts'
import { ONE_WRITE_BYTES_MAX, printable } from './http-text.ts'

export class ServerClient implements Client {
  readonly #outgoing: ServerResponse
  /** The reply's Content-Length, while nothing of its body has been sent; otherwise -1. */
  #expected = -1
  #resume: (() => void) | undefined
  #behind = false

  constructor(outgoing: ServerResponse) {
    this.#outgoing = outgoing
    // The upstream's Date goes through, so none is made here.
    outgoing.sendDate = false
  }

  head(status: number, statusMessage: string, rawHeaders: readonly string[]): void {
    const outgoing = this.#outgoing
    if (outgoing.destroyed) return
    outgoing.writeHead(status, printable(statusMessage), [...rawHeaders])
    this.#expected = contentLengthOf(rawHeaders)
    // What of the body is here already leaves together with the head, before this turn ends.
    process.nextTick(flushHead, outgoing)
  }

  write(chunk: Buffer): boolean {
    const outgoing = this.#outgoing
    if (outgoing.destroyed) return true
    const whole = chunk.length === this.#expected && chunk.length <= ONE_WRITE_BYTES_MAX
    this.#expected = -1
    if (!whole || outgoing.writableEnded) return this.#writePiece(chunk)
    // As Latin-1 text, which keeps every byte, Node sends head and body in one plain write.
    outgoing.end(chunk.toString('latin1'), 'latin1')
    return true
  }

  end(): void {
    if (!this.#outgoing.destroyed && !this.#outgoing.writableEnded) this.#outgoing.end()
  }

  abort(): void {
    const outgoing = this.#outgoing
    // While it waits for the reply before it, Node would send what there is of it later, and never its end.
    if (outgoing.socket === null) outgoing.once('socket', (socket) => socket.destroySoon())
    else if (outgoing.headersSent) {
      // A client that hears nothing of a reply may take the call for one that did not run, and repeat it.
      flushHead(outgoing)
      outgoing.uncork()
    }
    outgoing.destroy()
  }

  answer(answer: Answer): void {
    const outgoing = this.#outgoing
    if (outgoing.destroyed || outgoing.headersSent) return
    outgoing.sendDate = true
    outgoing.statusMessage = ''
    const length = String(Buffer.byteLength(answer.body))
    outgoing.writeHead(answer.status, [...answer.headers, 'Content-Length', length])
    outgoing.end(answer.body)
  }

  onDrain(resume: () => void): void {
    this.#resume = resume
  }

  onGone(gone: () => void): void {
    const outgoing = this.#outgoing
    outgoing.on('close', () => {
      if (!outgoing.writableFinished) gone()
    })
  }

  #writePiece(chunk: Buffer): boolean {
    const keepsUp = this.#outgoing.write(chunk)
    if (!keepsUp && !this.#behind) {
      this.#behind = true
      // Most clients keep up, so nothing listens for this until one does not.
      this.#outgoing.once('drain', () => {
        this.#behind = false
        this.#resume?.()
      })
    }
    return keepsUp
  }
}

const NOTHING = Buffer.alloc(0)

function contentLengthOf(rawHeaders: readonly string[]): number {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    if (name.length === 14 && name.toLowerCase() === 'content-length') {
      return Number(rawHeaders[i + 1])
    }
  }
  return -1
}

/**
 * Sends a head that no body has followed yet. An empty write keeps its bytes as they came;
 * flushHeaders would make them UTF-8.
 */
function flushHead(outgoing: ServerResponse): void {
  if (!outgoing.writableEnded && !outgoing.destroyed) outgoing.write(NOTHING)
}
