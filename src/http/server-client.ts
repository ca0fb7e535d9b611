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
    outgoing.writeHead(status, statusMessage, rawHeaders)
    // The head leaves in this turn of the event loop, together with what of the body is here already.
    outgoing.cork()
    outgoing.flushHeaders()
    process.nextTick(uncork, outgoing)
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

function uncork(outgoing: ServerResponse): void {
  outgoing.uncork()
}
