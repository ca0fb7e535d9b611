import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RuntimeMetrics } from '../../src/telemetry/runtime-metrics.ts'
import { waitFor, SOON } from '../support/wait-for.ts'

/** The values of every metric by name; those of the heap by space. */
function read(runtime: RuntimeMetrics): ReadonlyMap<string, number> {
  const values = new Map<string, number>()
  for (const family of runtime.families) {
    for (const series of family.series()) {
      assert.ok('value' in series)
      values.set([family.definition.name, ...series.values].join(' '), series.value)
    }
  }
  return values
}

describe('The runtime', () => {
  it('tells how long its event loop was held, without the pause between two measurements', async () => {
    let nowMs = 0
    const runtime = new RuntimeMetrics({ monotonicMs: () => nowMs, wallMs: () => 0 })
    try {
      let held = 0
      const values = await waitFor(
        () => {
          // Held again and again, with turns between, in which it is measured; read at last.
          const until = performance.now() + 60
          while (performance.now() < until);
          held += 1
          if (held % 6 !== 0) return undefined
          nowMs += 10_000
          const found = read(runtime)
          return (found.get('nodejs.eventloop.delay.max') ?? 0) > 0.03 && found
        },
        { within: SOON, what: 'a delay of 60 ms in the histogram' },
      )
      const delay = (name: string): number => values.get(`nodejs.eventloop.delay.${name}`) ?? NaN
      assert.ok(delay('max') < 1, String(delay('max')))
      assert.ok(delay('min') >= 0)
      for (const [low, high] of [
        ['min', 'p50'],
        ['p50', 'p90'],
        ['p90', 'p99'],
        ['p99', 'max'],
        ['min', 'mean'],
        ['mean', 'max'],
      ] as const) {
        assert.ok(delay(low) <= delay(high), `${low} ${delay(low)} ${high} ${delay(high)}`)
      }
      assert.ok(delay('stddev') >= 0)
      const utilization = values.get('nodejs.eventloop.utilization') ?? NaN
      assert.ok(utilization > 0.3 && utilization <= 1, String(utilization))
    } finally {
      runtime.close()
    }
  })

  it('shows two readers the same interval', async () => {
    let nowMs = 0
    const runtime = new RuntimeMetrics({ monotonicMs: () => nowMs, wallMs: () => 0 })
    try {
      const utilization = (): number => read(runtime).get('nodejs.eventloop.utilization') ?? NaN
      const first = utilization()
      const since = performance.now()
      await waitFor(() => performance.now() - since > 20, { within: SOON, what: 'an idle time' })
      nowMs = 9_999
      assert.equal(utilization(), first)
      nowMs = 10_000
      assert.ok(utilization() < first)
    } finally {
      runtime.close()
    }
  })

  it('tells its memory in bytes, the heap by space', () => {
    const runtime = new RuntimeMetrics({ monotonicMs: () => 0, wallMs: () => 0 })
    try {
      const values = read(runtime)
      assert.ok((values.get('process.memory.usage') ?? 0) > 10_000_000)
      const used = values.get('v8js.memory.heap.used old_space') ?? 0
      assert.ok(used > 100_000)
      assert.ok((values.get('v8js.memory.heap.space.size old_space') ?? 0) >= used)
    } finally {
      runtime.close()
    }
  })
})
