/**
 * Loaded beside a target to make it worse on purpose: every request costs so many microseconds of CPU
 * more. It shows that the gate notices.
 */

import { subscribe } from 'node:diagnostics_channel'

const us = Number(process.env['BENCH_BURN_US'] ?? 0)

function spent(): number {
  const { user, system } = process.threadCpuUsage()
  return user + system
}

subscribe('http.server.request.start', () => {
  for (const before = spent(); spent() - before < us;);
})
