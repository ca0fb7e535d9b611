/**
 * The connections of a listener, and how they are ended without losing what is on its way on them.
 *
 * A client may send its next request in the moment in which its connection is closed. It cannot know
 * then whether the request was read (RFC 9112 §9.6), and must not repeat one that changes something.
 * So each client is told by a last reply, and only connections that nobody uses are closed.
 */

import type { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** Connections that wait to be taken come one in a turn of the event loop. */
const TURNS_MAX = 1_000

/** How often it is looked whether the last connections are still in use. */
const LOOK_EVERY_MS = 20

/** What is asked of a reply, or of a connection about the one that came last. Node's response is one. */
export interface ReplyState {
  readonly headersSent: boolean
  readonly writableFinished: boolean
  readonly destroyed: boolean
  /** False makes a reply that has not begun its connection's last. */
  set shouldKeepAlive(keeps: boolean)
}

export class Connections {
  /** Open connections with the reply that came last on each. */
  readonly #open = new Map<Duplex, ReplyState | undefined>()
  #lettingGo = false
  /** How many connections there have been, and how many of them and of requests. */
  #taken = 0
  #uses = 0

  /** A connection was made. `reply` tells of all replies on it that `replies` is not told of. */
  add(socket: Duplex, reply?: ReplyState): void {
    this.#taken += 1
    this.#uses += 1
    this.#open.set(socket, reply)
    socket.once('close', () => this.#open.delete(socket))
  }

  /** A request has come on the connection. */
  replies(socket: Duplex, reply: ReplyState): void {
    this.used()
    if (this.#lettingGo) reply.shouldKeepAlive = false
    // One that has closed already would never go.
    if (this.#open.has(socket)) this.#open.set(socket, reply)
  }

  /** A request has come on a connection that tells of its replies itself. */
  used(): void {
    this.#uses += 1
  }

  /** True when every reply is its connection's last. */
  get lettingGo(): boolean {
    return this.#lettingGo
  }

  /** Breaks every connection. */
  breakAll(): void {
    for (const socket of this.#open.keys()) socket.destroy()
  }

  /** True while a reply that has begun is not complete. */
  isReplying(socket: Duplex): boolean {
    const reply = this.#open.get(socket)
    return reply?.headersSent === true && !reply.writableFinished
  }

  /** From now on every reply is its connection's last, also of requests that are here already. */
  letGo(): void {
    this.#lettingGo = true
    for (const reply of this.#open.values()) {
      if (reply?.headersSent === false) reply.shouldKeepAlive = false
    }
  }

  /**
   * Resolves when no connection waits to be taken. The operating system makes them in our name, and
   * breaks those that wait when nobody listens any more, though clients have sent on them already. One
   * that comes in the instant after is lost all the same: no system call closes only the door.
   */
  async allTaken(): Promise<void> {
    for (let turn = 0; turn < TURNS_MAX; turn += 1) {
      const before = this.#taken
      // eslint-disable-next-line no-await-in-loop -- each turn depends on the one before
      await nextTurn()
      if (turn > 0 && this.#taken === before) return
    }
  }

  async quiet(quietMs: number): Promise<void> {
    let uses = this.#uses
    let lookedFor = 0
    while (this.#open.size > 0 && lookedFor < quietMs) {
      // eslint-disable-next-line no-await-in-loop -- as long as it takes
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
      lookedFor = uses === this.#uses && !this.#isBusy() ? lookedFor + LOOK_EVERY_MS : 0
      uses = this.#uses
    }
  }

  #isBusy(): boolean {
    for (const reply of this.#open.values()) {
      if (reply !== undefined && !reply.writableFinished && !reply.destroyed) return true
    }
    return false
  }
}
