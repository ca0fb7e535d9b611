/**
 * A server over standard streams that does nothing by itself: what it reads goes to the test that
 * started it, and it writes what the test tells it to. Started by `puppets.ts`.
 */

import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { writeFrame, readFrames, type FrameKind } from './puppet-frames.ts'

const control = connect({ host: '127.0.0.1', port: Number(process.argv[2]), noDelay: true })
const tell = (kind: FrameKind, bytes: Buffer): void => writeFrame(control, kind, bytes)
// A test that is over must not leave anything behind.
control.on('close', () => process.exit(99))
control.on('error', () => process.exit(99))

const ORDERS: Partial<Record<FrameKind, (bytes: Buffer) => void>> = {
  stdout: (bytes) => void process.stdout.write(bytes),
  stderr: (bytes) => void process.stderr.write(bytes, () => tell('wrote', EMPTY)),
  exit: (bytes) => {
    const code = Number(bytes.toString())
    // What was written before must have left.
    process.stdout.write('', () => process.exit(code))
  },
  stubborn: () => process.on('SIGTERM', () => tell('signal', EMPTY)),
  grandchild: () => {
    const child = spawn('/bin/sh', ['-c', STUBBORN], { stdio: 'ignore' })
    tell('grandchild', Buffer.from(String(child.pid)))
  },
  produce: (bytes) => produce(bytes),
}

const EMPTY = Buffer.alloc(0)

/** Ends by itself too, after a minute, so that a test that fails leaves nothing for ever. */
const STUBBORN = 'trap "" TERM; i=0; while [ $i -lt 60 ]; do sleep 1; i=$((i+1)); done'

readFrames(control, (kind, bytes) => ORDERS[kind]?.(bytes))
const { pid, ppid, env, argv } = process
tell('hello', Buffer.from(JSON.stringify({ pid, ppid, env, argv, cwd: process.cwd() })))
process.stdin.on('data', (chunk: Buffer) => tell('stdin', chunk))
process.stdin.on('end', () => tell('end', EMPTY))

/** Writes one line again and again, as fast as it is read, and says how many have been taken. */
function produce(order: Buffer): void {
  const times = order.readUInt32BE(0)
  const line = order.subarray(4)
  let done = 0
  const next = (): void => {
    if (done === times) return
    process.stdout.write(line, () => {
      done += 1
      const count = Buffer.alloc(4)
      count.writeUInt32BE(done)
      tell('produced', count)
      next()
    })
  }
  next()
}
