/**
 * Loaded beside a target to make it worse on purpose: every request keeps it busy for so many
 * microseconds more. It shows that the gate notices.
 */

import { subscribe } from 'node:diagnostics_channel'

const ms = Number(process.env['BENCH_BURN_US'] ?? 0) / 1_000

if (ms > 0) {
  subscribe('http.server.request.start', () => {
    // By the clock: on a machine that is left alone this is CPU, and what counts CPU is too coarse.
    for (const until = performance.now() + ms; performance.now() < until;);
  })
}
