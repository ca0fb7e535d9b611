/**
 * Loaded beside a target to make it worse on purpose: every request keeps it busy for so many
 * microseconds more. It shows that the gate notices.
 *
 * A request is what is read from a client between two answers, whatever reads it: the program may take
 * requests by `node:http` or from its sockets.
 */

import { subscribe } from 'node:diagnostics_channel'
import { Socket } from 'node:net'

const ms = Number(process.env['BENCH_BURN_US'] ?? 0) / 1_000

function burn(): void {
  // By the clock: on a machine that is left alone this is CPU, and what counts CPU is too coarse.
  for (const until = performance.now() + ms; performance.now() < until;);
}

/** Burns before the first write of every answer. */
function watch(socket: Socket): void {
  let answeredUpTo = 0
  // oxlint-disable-next-line typescript/unbound-method -- it is given its socket again
  const { write } = socket
  const value = (...args: readonly unknown[]): unknown => {
    if (socket.bytesRead > answeredUpTo) {
      answeredUpTo = socket.bytesRead
      burn()
    }
    return Reflect.apply(write, socket, args)
  }
  Object.defineProperty(socket, 'write', { value })
}

if (ms > 0) {
  // Connections that a server of this process has accepted.
  subscribe('net.server.socket', (message) => {
    const { socket } = Object(message)
    if (socket instanceof Socket) watch(socket)
  })
}
