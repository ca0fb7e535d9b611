/**
 * The load generator of fixed rates (an open loop): a call is made when it is due, whatever became of
 * those before, and waiting counts from the instant at which it was due. So a target that stands still
 * is charged with every call of that time (no "coordinated omission").
 *
 * Node's timers are a millisecond coarse. Between calls this process naps for some microseconds at a
 * time instead, so that a call is sent, and an answer seen, within about a tenth of a millisecond. How
 * late calls were sent is reported, because that is the generator's own fault. One core of an ordinary
 * machine makes about 10,000 calls a second this way.
 */

import { connect, type Socket } from 'node:net'
import { createHistogram } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { judgeAnswer } from '../answer.ts'
import { MessageReader } from '../framing.ts'
import { isLoadOrder, type LoadErrors, type LoadMessage, type LoadOrder } from '../messages.ts'
import { FIRST_ID, partsOf } from '../request.ts'

const NAP_MS = 0.05

/** Calls that wait for a connection; more are failures. */
const WAITING_MAX = 100_000

/** Calls under way at the end of a window get this long. */
const GRACE_MS = 2_000

const CONNECT_MS = 5_000

const pillow = new Int32Array(new SharedArrayBuffer(4))
let nextId = FIRST_ID

class Window {
  readonly #order: LoadOrder
  readonly #callsPerMs: number
  readonly #latency = createHistogram({ figures: 3 })
  readonly #late = createHistogram({ figures: 3 })
  readonly #errors = { status: 0, content: 0, connection: 0, unanswered: 0 }
  readonly #lanes: Lane[] = []
  readonly #free: Lane[] = []
  /** When calls were due for which no connection was free. */
  readonly #waiting: number[] = []
  #startedAt = 0
  #begunAt = Infinity
  #endsAt = Infinity
  #made = 0
  #answered = 0
  #calls = 0
  #callsInAll = 0

  constructor(order: LoadOrder) {
    this.#order = order
    this.#callsPerMs = (order.rate ?? 0) / 1_000
  }

  async run(): Promise<void> {
    const { connections, leadMs, windowMs } = this.#order
    for (let i = 0; i < connections; i += 1) this.#lanes.push(new Lane(this.#order, this))
    await Promise.race([Promise.all(this.#lanes.map(({ ready }) => ready)), sleep(CONNECT_MS)])
    this.#startedAt = performance.now()
    this.#begunAt = this.#startedAt + leadMs
    this.#endsAt = this.#begunAt + windowMs
    await this.#callUntil(this.#begunAt)
    tell({ kind: 'begun' })
    await this.#callUntil(this.#endsAt)
    tell({ kind: 'ended' })
    const patience = performance.now() + GRACE_MS
    while (this.#answered < this.#made && performance.now() < patience) await nap()
    this.#errors.unanswered = this.#made - this.#answered
    for (const lane of this.#lanes) lane.close()
    this.#report()
  }

  /** Takes one answer to a call that was due then. */
  answered(lane: Lane, verdict: 'right' | keyof LoadErrors, dueAt: number): void {
    this.#answered += 1
    if (verdict === 'right') {
      this.#callsInAll += 1
      if (dueAt >= this.#begunAt && dueAt < this.#endsAt) {
        this.#calls += 1
        record(this.#latency, performance.now() - dueAt)
      }
    } else {
      this.#errors[verdict] += 1
    }
    const next = this.#waiting.shift()
    if (next === undefined) this.#free.push(lane)
    else lane.ask(next)
  }

  connected(lane: Lane): void {
    this.#free.push(lane)
  }

  lost(): void {
    this.#errors.connection += 1
  }

  async #callUntil(end: number): Promise<void> {
    for (let now = performance.now(); now < end; now = performance.now()) {
      const due = Math.min(
        Math.floor((now - this.#startedAt) * this.#callsPerMs) + 1,
        this.#order.callsMax,
      )
      for (; this.#made < due;) this.#make(this.#startedAt + this.#made / this.#callsPerMs)
      await nap()
    }
  }

  #make(dueAt: number): void {
    this.#made += 1
    const lane = this.#free.shift()
    if (lane !== undefined) {
      // A call that has to wait for a connection is late because of the target.
      if (dueAt >= this.#begunAt) record(this.#late, performance.now() - dueAt)
      return lane.ask(dueAt)
    }
    if (this.#waiting.length < WAITING_MAX) this.#waiting.push(dueAt)
    else this.#answered += 1
  }

  #report(): void {
    tell({
      kind: 'result',
      calls: this.#calls,
      elapsedMs: this.#endsAt - this.#begunAt,
      callsInAll: this.#callsInAll,
      errors: this.#errors,
      p50Us: this.#latency.percentile(50),
      p99Us: this.#latency.percentile(99),
      p999Us: this.#latency.percentile(99.9),
      lateP99Us: this.#late.percentile(99),
    })
  }
}

/** One connection with at most one call under way. */
class Lane {
  readonly ready: Promise<void>
  readonly #order: LoadOrder
  readonly #socket: Socket
  readonly #parts
  #id = 0
  #dueAt = 0
  #over = false

  constructor(order: LoadOrder, window: Window) {
    this.#order = order
    this.#parts = partsOf(order, order.sessionIds.length > 0)
    const reader = new MessageReader((head, body) => {
      window.answered(this, judgeAnswer(order, head, body, this.#id), this.#dueAt)
    })
    const socket = connect({ port: order.port, host: '127.0.0.1', noDelay: true })
    this.#socket = socket
    this.ready = new Promise((resolve) => {
      socket.once('connect', () => {
        window.connected(this)
        resolve()
      })
    })
    socket.on('data', (bytes: Buffer) => {
      try {
        reader.push(bytes)
      } catch {
        socket.destroy()
      }
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      if (!this.#over) window.lost()
    })
  }

  ask(dueAt: number): void {
    this.#dueAt = dueAt
    this.#id = nextId
    nextId += 1
    const { head, middle, end } = this.#parts
    const { sessionIds } = this.#order
    const session = sessionIds.length === 0 ? '' : (sessionIds[this.#id % sessionIds.length] ?? '')
    this.#socket.write(head + session + middle + this.#id + end, 'latin1')
  }

  close(): void {
    this.#over = true
    this.#socket.destroy()
  }
}

function record(histogram: ReturnType<typeof createHistogram>, ms: number): void {
  histogram.record(Math.max(1, Math.round(ms * 1_000)))
}

/** Sleeps for a moment, and lets sockets be read. */
function nap(): Promise<void> {
  Atomics.wait(pillow, 0, 0, NAP_MS)
  return new Promise((resolve) => setImmediate(resolve))
}

function tell(message: LoadMessage): void {
  process.send?.(message)
}

process.on('message', (message: unknown) => {
  if (isLoadOrder(message)) void new Window(message).run()
})
process.on('disconnect', () => process.exit())
