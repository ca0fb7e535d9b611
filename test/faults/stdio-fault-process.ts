#!/usr/bin/env node
/**
 * Stands around a server over standard streams and does to it what its test says: the server starts
 * late or not at all, what it writes is late, cut or spoiled, and output comes that is not its own.
 * Started by `stdio-faults.ts`; arguments are a port and the server's command.
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { parseJson } from '../support/json.ts'
import { realTime, seeded } from './schedule.ts'
import { Shaper } from './shaper.ts'
import type { Order, Report, StdioFault } from './stdio-faults.ts'

const [port, file = '', ...args] = process.argv.slice(2)
const control = connect({ host: '127.0.0.1', port: Number(port), noDelay: true })
// A test that is over must not leave anything behind.
control.on('close', () => end(99))
control.on('error', () => end(99))

const tell = (report: Report): void => void control.write(`${JSON.stringify(report)}\n`)

let faults: readonly StdioFault[] = []
let server: ChildProcess | undefined
let shaper: Shaper | undefined

createInterface({ input: control }).on('line', (line) => {
  const order = parseJson<Order>(line)
  if (order.kind === 'flood') return flood(order)
  faults = order.faults
  if (order.kind === 'start') start(order.seed)
  else shaper?.wake()
})
tell({ kind: 'hello', pid: process.pid })

function start(seed: number): void {
  const crash = faults.find(({ kind }) => kind === 'crash')
  if (crash?.kind === 'crash') return void realTime.after(crash.afterMs, () => end(crash.code))
  const late = faults.find(({ kind }) => kind === 'slow_start')
  realTime.after(late?.kind === 'slow_start' ? late.ms : 0, () => begin(seed))
}

function begin(seed: number): void {
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  server = child
  shaper = new Shaper({
    way: 'toClient',
    to: process.stdout,
    faults: () => faults.filter((fault) => fault.kind !== 'crash' && fault.kind !== 'slow_start'),
    random: seeded(seed),
    time: realTime,
    hold: (wait) => void (wait ? child.stdout.pause() : child.stdout.resume()),
    // What was written before must have left.
    cut: () => process.stdout.write('', () => end(1)),
  })
  process.stdin.pipe(child.stdin)
  child.stdin.on('error', () => {})
  child.stdout.on('data', (bytes: Buffer) => shaper?.push(bytes))
  child.on('exit', (code) => process.stdout.write('', () => process.exit(code ?? 1)))
  tell({ kind: 'started', pid: child.pid ?? 0 })
}

/** Line after line, each when the one before was taken. */
function flood({ to, line, times }: Extract<Order, { kind: 'flood' }>): void {
  const stream = process[to]
  let left = times
  const next = (): void => {
    if (left === 0) return tell({ kind: 'flooded', to })
    left -= 1
    stream.write(`${line}\n`, next)
  }
  next()
}

process.stdout.on('error', () => {})
process.stderr.on('error', () => {})

function end(code: number): void {
  server?.kill('SIGKILL')
  process.exit(code)
}
