/**
 * Loaded beside a target to make it worse on purpose: every request costs so many microseconds of CPU
 * more. It shows that the gate notices.
 */

import { subscribe } from 'node:diagnostics_channel'

const us = Number(process.env['BENCH_BURN_US'] ?? 0)

/** So many steps, which nothing can leave out. */
function burn(steps: number): number {
  let value = 1
  for (let i = 0; i < steps; i += 1) value = (Math.imul(value, 48_271) + i) | 0
  return value
}

/** Of several tries, because others may run in between: clocks of CPU time are too coarse for this. */
function stepsPerUs(): number {
  const steps = 200_000
  let best = Infinity
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const before = performance.now()
    if (burn(steps) === 0) best = Infinity
    best = Math.min(best, performance.now() - before)
  }
  return steps / (best * 1_000)
}

if (us > 0) {
  const steps = Math.round(us * stepsPerUs())
  let value = 0
  subscribe('http.server.request.start', () => {
    value ^= burn(steps)
  })
}
