/**
 * The load generator: a process that keeps a number of connections busy, each with one call at a
 * time (a closed loop), and checks that every answer is the one to its question.
 *
 * It takes one order after another from the run, so that its own code is warm after the first.
 */

import { connect, type Socket } from 'node:net'
import { createHistogram } from 'node:perf_hooks'
import { judgeAnswer } from '../answer.ts'
import { MessageReader } from '../framing.ts'
import { isLoadOrder, type LoadMessage, type LoadOrder } from '../messages.ts'
import { FIRST_ID, partsOf, type RequestParts } from '../request.ts'

/** Calls under way at the end of a window get this long. */
const GRACE_MS = 2_000

/** A target that fails this often is not worth waiting for. */
const ERRORS_MAX = 1_000

let nextId = FIRST_ID

function tell(message: LoadMessage): void {
  process.send?.(message)
}

class Window {
  readonly #order: LoadOrder
  readonly #parts: RequestParts
  readonly #latency = createHistogram({ figures: 3 })
  readonly #open = new Set<Lane>()
  readonly errors = { status: 0, content: 0, connection: 0, unanswered: 0 }
  #phase: 'lead' | 'measured' | 'over' = 'lead'
  #calls = 0
  #callsInAll = 0
  #begunAt = 0
  #elapsedMs = 0
  #end: NodeJS.Timeout | undefined

  constructor(order: LoadOrder) {
    this.#order = order
    this.#parts = partsOf(order, order.sessionIds.length > 0)
  }

  start(): void {
    for (let i = 0; i < this.#order.connections; i += 1) this.#connect()
    setTimeout(() => this.#begin(), this.#order.leadMs)
  }

  /** The bytes of the next call, or undefined when there shall be no more. */
  next(id: number): string | undefined {
    if (this.#phase === 'over') return undefined
    const { head, middle, end } = this.#parts
    const { sessionIds } = this.#order
    const session = sessionIds.length === 0 ? '' : (sessionIds[id % sessionIds.length] ?? '')
    return head + session + middle + id + end
  }

  /** Takes one answer; its id has been asked for `latencyMs` ago. */
  answered(head: string, body: Buffer, id: number, latencyMs: number): void {
    const verdict = judgeAnswer(this.#order, head, body, id)
    if (verdict !== 'right') return this.#failed(verdict)
    this.#callsInAll += 1
    if (this.#phase !== 'measured') return
    this.#calls += 1
    this.#latency.record(Math.max(1, Math.round(latencyMs * 1_000)))
    if (this.#calls >= this.#order.callsMax) this.#finish()
  }

  closed(lane: Lane, failed: boolean): void {
    this.#open.delete(lane)
    if (failed) {
      this.#failed('connection')
      if (this.#phase !== 'over') this.#connect()
    }
    if (this.#phase === 'over' && this.#open.size === 0) this.#report()
  }

  #connect(): void {
    this.#open.add(new Lane(this.#order.port, this))
  }

  #failed(kind: keyof typeof this.errors): void {
    this.errors[kind] += 1
    const { status, content, connection } = this.errors
    if (status + content + connection >= ERRORS_MAX) this.#finish()
  }

  #begin(): void {
    if (this.#phase !== 'lead') return
    this.#phase = 'measured'
    this.#begunAt = performance.now()
    tell({ kind: 'begun' })
    this.#end = setTimeout(() => this.#finish(), this.#order.windowMs)
  }

  #finish(): void {
    if (this.#phase === 'over') return
    if (this.#phase === 'lead') this.#begin()
    this.#phase = 'over'
    clearTimeout(this.#end)
    this.#elapsedMs = performance.now() - this.#begunAt
    tell({ kind: 'ended' })
    for (const lane of this.#open) lane.finish()
    setTimeout(() => this.#giveUp(), GRACE_MS).unref()
  }

  #giveUp(): void {
    this.errors.unanswered += this.#open.size
    for (const lane of this.#open) lane.drop()
  }

  #report(): void {
    tell({
      kind: 'result',
      calls: this.#calls,
      elapsedMs: this.#elapsedMs,
      callsInAll: this.#callsInAll,
      errors: this.errors,
      p50Us: this.#latency.percentile(50),
      p99Us: this.#latency.percentile(99),
      p999Us: this.#latency.percentile(99.9),
    })
  }
}

/** One connection with at most one call under way. */
class Lane {
  readonly #window: Window
  readonly #socket: Socket
  #id = 0
  #sentAt = 0
  #waiting = false
  #over = false

  constructor(port: number, window: Window) {
    this.#window = window
    const reader = new MessageReader((head, body) => this.#answered(head, body))
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => this.#ask())
    this.#socket.on('data', (bytes: Buffer) => {
      try {
        reader.push(bytes)
      } catch {
        this.#socket.destroy()
      }
    })
    this.#socket.on('error', () => this.#socket.destroy())
    this.#socket.on('close', () => window.closed(this, !this.#over))
  }

  /** Ends after the call under way. */
  finish(): void {
    if (!this.#waiting) this.drop()
  }

  /** Ends now. */
  drop(): void {
    this.#over = true
    this.#socket.destroy()
  }

  #ask(): void {
    this.#id = nextId
    const request = this.#window.next(this.#id)
    if (request === undefined) return this.drop()
    nextId += 1
    this.#waiting = true
    this.#sentAt = performance.now()
    this.#socket.write(request, 'latin1')
  }

  #answered(head: string, body: Buffer): void {
    this.#waiting = false
    this.#window.answered(head, body, this.#id, performance.now() - this.#sentAt)
    if (!this.#over) this.#ask()
  }
}

process.on('message', (message: unknown) => {
  if (isLoadOrder(message)) new Window(message).start()
})
process.on('disconnect', () => process.exit())
