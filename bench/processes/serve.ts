/** How every helper process that listens starts and ends. */

import type { Server } from 'node:net'

const BACKLOG = 1_024

/** Listens on the loopback port that the environment names, until the run is over. */
export function serve(server: Server): void {
  server.listen(Number(process.env['BENCH_PORT']), '127.0.0.1', BACKLOG)
  // The channel closes when the run ends, however it ends: nothing is left behind.
  process.on('disconnect', () => process.exit())
}
