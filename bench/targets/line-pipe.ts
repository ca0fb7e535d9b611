/**
 * Raw line framing: the least that a process between a client and a server over pipes can do that
 * knows where messages begin and end. Each line is written on as it is; nothing is read in it.
 *
 * The arguments are the server's command.
 */

import { spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'

const LF = 0x0a

function pipeLines(from: Readable, to: Writable): void {
  let pieces: Buffer[] = []
  from.on('data', (chunk: Buffer) => {
    let start = 0
    let flowing = true
    for (;;) {
      const end = chunk.indexOf(LF, start)
      if (end < 0) break
      const last = chunk.subarray(start, end + 1)
      const line = pieces.length === 0 ? last : Buffer.concat([...pieces, last])
      pieces = []
      start = end + 1
      flowing = to.write(line)
    }
    if (start < chunk.length) pieces.push(chunk.subarray(start))
    if (!flowing) from.pause()
  })
  to.on('drain', () => from.resume())
  from.on('end', () => to.end())
}

const [file = '', ...args] = process.argv.slice(2)
// In a group of its own, so that the CPU of this process is counted without the server's.
const server = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'], detached: true })
server.on('exit', () => process.exit())
server.stdin.on('error', () => process.exit())
process.stdout.on('error', () => process.exit())
pipeLines(process.stdin, server.stdin)
pipeLines(server.stdout, process.stdout)
