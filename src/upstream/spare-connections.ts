/** Connections to one upstream that are made before they are needed. */

import type { Socket } from 'node:net'
import type { buildConnector } from 'undici'

export interface SpareOptions {
  readonly url: URL
  /** One that nobody took is closed after so long: the server may do so too, unseen. */
  readonly idleMs: number
  readonly connect: buildConnector.connector
}

/** After a connection could not be made, none is made ahead for so long. */
const RETRY_MS = 10_000

export class SpareConnections {
  readonly #options: SpareOptions
  /** Each with the instant at which it is closed, the oldest first. */
  readonly #ready = new Map<Socket, number>()
  #making = 0
  #notBeforeMs = 0
  #closed = false

  constructor(options: SpareOptions) {
    this.#options = options
  }

  get ready(): number {
    return this.#ready.size
  }

  /** The one that was made last, and would stay usable for longest. */
  take(about: Parameters<buildConnector.connector>[0]): Socket | undefined {
    // TLS names the server; a name that the client chose is not that of the spare.
    const { servername } = about
    if (servername !== undefined && servername !== null && servername !== about.hostname) {
      return undefined
    }
    const socket = [...this.#ready.keys()].at(-1)
    if (socket === undefined) return undefined
    this.#ready.delete(socket)
    // A server that speaks before it is asked says that it closes.
    if (socket.readable && socket.readableLength === 0) return socket
    socket.destroy()
    return this.take(about)
  }

  /** Closes those that waited too long, and those above `wanted`; makes what is missing. */
  keep(wanted: number, nowMs: number): void {
    for (const [socket, untilMs] of this.#ready) {
      if (nowMs >= untilMs || this.#ready.size > Math.max(0, wanted)) this.#drop(socket)
    }
    if (nowMs < this.#notBeforeMs) return
    for (let n = this.#ready.size + this.#making; n < wanted; n += 1) this.#make(nowMs)
  }

  close(): void {
    this.#closed = true
    for (const socket of this.#ready.keys()) this.#drop(socket)
  }

  #make(nowMs: number): void {
    const { url, connect, idleMs } = this.#options
    this.#making += 1
    const about = {
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      host: url.host,
      protocol: url.protocol,
      port: url.port,
    }
    connect(about, (error, socket) => {
      this.#making -= 1
      if (error !== null) this.#notBeforeMs = nowMs + RETRY_MS
      else if (this.#closed) socket.destroy()
      else {
        this.#ready.set(socket, nowMs + idleMs)
        socket.once('close', () => this.#ready.delete(socket))
      }
    })
  }

  #drop(socket: Socket): void {
    this.#ready.delete(socket)
    socket.destroy()
  }
}
