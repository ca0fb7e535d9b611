/** A port that a program may leave and take again. */

import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Below the ports that systems give to outgoing connections, one of which could take it meanwhile. */
const FIRST = 10_000
const END = 16_000
const TRIES = 100

/** One on loopback that nobody has. */
export async function lastingPort(): Promise<number> {
  for (let index = 0; index < TRIES; index += 1) {
    const port = randomInt(FIRST, END)
    if (await isFree(port)) return port
  }
  throw new Error(`${TRIES} ports from ${FIRST} to ${END} are taken`)
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
