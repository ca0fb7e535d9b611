/**
 * The load generator of the stdio benchmark: starts one target as an MCP client starts its server,
 * keeps a number of calls under way over the pipes (a closed loop), and checks that every answer is
 * one to a question, once, with the right length.
 *
 * The arguments are the target's command. Calls that are answered together are followed by calls
 * that are written together, so that the load is not what is measured.
 */

import { spawn } from 'node:child_process'
import { createHistogram } from 'node:perf_hooks'
import { LineReader, idOf } from '../line-reader.ts'
import { isLoadOrder, type LoadMessage, type LoadOrder, type LoadStarted } from '../messages.ts'

/** Ids all have ten digits, so that every request of a run has the same length. */
const FIRST_ID = 1_000_000_000

/** Calls under way at the end of a window get this long. */
const GRACE_MS = 2_000

/** A target that fails this often is not worth waiting for. */
const ERRORS_MAX = 1_000

const INITIALIZE_ID = 999_999_999 * 10

const BEFORE = '{"jsonrpc":"2.0","id":'
const INITIALIZE =
  ',"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}\n'
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}\n'
const CALL =
  ',"method":"tools/call","params":{"name":"search","arguments":{"query":"weather in Vienna","limit":10}}}\n'

let nextId = FIRST_ID
let window: Window | undefined

const [file = '', ...args] = process.argv.slice(2)
// It leads a process group, whose CPU is the target's.
const target = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'], detached: true })

class Window {
  readonly #order: LoadOrder
  readonly #latency = createHistogram({ figures: 3 })
  readonly #errors = { status: 0, content: 0, connection: 0, unanswered: 0 }
  /** When each call under way was written, by id. */
  readonly #underWay = new Map<number, number>()
  #phase: 'lead' | 'measured' | 'over' = 'lead'
  #calls = 0
  #callsInAll = 0
  #begunAt = 0
  #elapsedMs = 0
  #now = 0
  #end: NodeJS.Timeout | undefined
  #grace: NodeJS.Timeout | undefined

  constructor(order: LoadOrder) {
    this.#order = order
  }

  start(): void {
    setTimeout(() => this.#begin(), this.#order.leadMs)
    this.#ask()
  }

  /** Some answers have been read together. */
  arrived(): void {
    this.#now = performance.now()
  }

  answered(id: number, length: number): void {
    const sentAt = this.#underWay.get(id)
    if (sentAt === undefined || length !== this.#order.bodyBytes) return this.#failed('content')
    this.#underWay.delete(id)
    this.#callsInAll += 1
    if (this.#phase !== 'measured') return
    this.#calls += 1
    this.#latency.record(Math.max(1, Math.round((this.#now - sentAt) * 1_000)))
    if (this.#calls >= this.#order.callsMax) this.#finish()
  }

  /** What was read together has been dealt with. */
  next(): void {
    if (this.#phase !== 'over') this.#ask()
    else if (this.#underWay.size === 0) this.#report()
  }

  /** The target has ended. */
  lost(): void {
    this.#failed('connection')
    this.#finish()
    this.#giveUp()
  }

  #ask(): void {
    const now = performance.now()
    let text = ''
    while (this.#underWay.size < this.#order.connections) {
      this.#underWay.set(nextId, now)
      text += BEFORE + nextId + CALL
      nextId += 1
    }
    if (text !== '') target.stdin.write(text, 'latin1')
  }

  #failed(kind: 'content' | 'connection'): void {
    this.#errors[kind] += 1
    if (this.#errors.content >= ERRORS_MAX) this.#finish()
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
    this.#grace = setTimeout(() => this.#giveUp(), GRACE_MS)
  }

  #giveUp(): void {
    this.#errors.unanswered += this.#underWay.size
    this.#underWay.clear()
    this.#report()
  }

  #report(): void {
    clearTimeout(this.#grace)
    window = undefined
    tell({
      kind: 'result',
      calls: this.#calls,
      elapsedMs: this.#elapsedMs,
      callsInAll: this.#callsInAll,
      errors: this.#errors,
      p50Us: this.#latency.percentile(50),
      p99Us: this.#latency.percentile(99),
      p999Us: this.#latency.percentile(99.9),
    })
  }
}

function tell(message: LoadMessage | LoadStarted): void {
  process.send?.(message)
}

const reader = new LineReader((head, length) => {
  const id = idOf(head)
  if (id !== INITIALIZE_ID) return window?.answered(id, length)
  target.stdin.write(INITIALIZED)
  tell({ kind: 'started', pid: target.pid ?? 0 })
})

target.stdout.on('data', (chunk: Buffer) => {
  window?.arrived()
  reader.push(chunk)
  window?.next()
})
target.stdin.on('error', () => {})
target.on('exit', (code) => {
  window?.lost()
  process.exit(code ?? 1)
})
target.stdin.write(BEFORE + INITIALIZE_ID + INITIALIZE)

process.on('message', (message: unknown) => {
  if (!isLoadOrder(message)) return
  window = new Window(message)
  window.start()
})
// Told to stop, or left alone by the run: the target ends as it would with its client.
process.on('SIGTERM', () => target.stdin.end())
process.on('disconnect', () => {
  if (target.pid !== undefined) process.kill(-target.pid, 'SIGKILL')
  process.exit()
})
