/** The client's end of an exchange, on Node's raw response object. */

import type { ServerResponse } from 'node:http'
import type { Answer, Client } from '../core/reply.ts'

export class ServerClient implements Client {
  readonly #outgoing: ServerResponse

  constructor(outgoing: ServerResponse) {
    this.#outgoing = outgoing
    // The upstream's Date goes through, so none is made here.
    outgoing.sendDate = false
  }

  head(status: number, statusMessage: string, rawHeaders: string[]): void {
    const outgoing = this.#outgoing
    if (outgoing.destroyed) return
    outgoing.writeHead(status, printable(statusMessage), rawHeaders)
    // What of the body is here already leaves together with the head, before this turn ends.
    process.nextTick(flushHead, outgoing)
  }

  write(chunk: Buffer): boolean {
    return this.#outgoing.destroyed || this.#outgoing.write(chunk)
  }

  end(): void {
    if (!this.#outgoing.destroyed) this.#outgoing.end()
  }

  abort(): void {
    this.#outgoing.destroy()
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
    this.#outgoing.on('drain', resume)
  }

  onGone(gone: () => void): void {
    const outgoing = this.#outgoing
    outgoing.on('close', () => {
      if (!outgoing.writableFinished) gone()
    })
  }
}

const NOTHING = Buffer.alloc(0)

/**
 * Sends a head that no body has followed yet. An empty write keeps its bytes as they came;
 * flushHeaders would make them UTF-8.
 */
function flushHead(outgoing: ServerResponse): void {
  if (!outgoing.writableEnded && !outgoing.destroyed) outgoing.write(NOTHING)
}

/** A reason phrase that Node will send; it means nothing to clients, so an odd one is left out. */
function printable(statusMessage: string): string {
  return /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(statusMessage) ? statusMessage : ''
}
