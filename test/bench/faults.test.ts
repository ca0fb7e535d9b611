/** The fault benchmark runs, breaks what it says it breaks, and counts whose answer it was. */

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseJson } from '../support/json.ts'
import { runBench as start, type BenchRun } from '../support/run-bench.ts'

const BENCH = fileURLToPath(new URL('../../bench/faults.ts', import.meta.url))
const LIMIT_MS = 90_000

interface Lane {
  readonly calls: number
  readonly answered: number
  readonly refused: Readonly<Record<string, number>>
  readonly failed: number
  readonly open: number
  readonly p50Ms: number
}

interface Result {
  readonly requirement: { readonly verdict: string }
  readonly runs: readonly {
    readonly scenario: string
    readonly target: string
    readonly phases: Readonly<Record<string, readonly Lane[]>>
    readonly reached: Readonly<Record<string, number>>
    readonly othersP99Ms: Readonly<Record<string, number>>
  }[]
}

test('a short run says what became of every call, with Sidelight and without', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'sidelight-bench-test-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const out = join(dir, 'result.json')
  const seconds = ['--well', '1', '--bad', '1', '--again', '1']
  const { code, text } = await runBench(['--scenario', 'dead', ...seconds, '--out', out])
  assert.equal(code, 0, text)
  assert.match(text, /^NOT_MEASURED: with one of four upstreams hanging/m)
  const { requirement, runs } = parseJson<Result>(readFileSync(out))
  assert.equal(requirement.verdict, 'not_measured')
  assert.deepEqual(
    runs.map(({ scenario, target }) => [scenario, target]),
    [
      ['dead', 'direct'],
      ['dead', 'sidelight'],
    ],
  )
  for (const { target, phases, reached, othersP99Ms } of runs) {
    assert.deepEqual(Object.keys(phases), ['warm', 'well', 'bad', 'again'])
    for (const lane of Object.values(phases).flat()) {
      const refused = Object.values(lane.refused).reduce((sum, count) => sum + count, 0)
      assert.equal(lane.calls, lane.answered + refused + lane.failed + lane.open)
      assert.ok(lane.p50Ms > 0)
    }
    assert.ok(Object.values(othersP99Ms).every((ms) => ms > 0))
    const [bad, ...others] = phases['bad'] ?? []
    assert.equal(others.length, 3)
    assert.ok(others.every(({ calls, answered }) => calls > 0 && calls === answered))
    // Calls that were due before are answered by it.
    assert.ok((reached['bad'] ?? 0) < (bad?.calls ?? 0))
    const refused = Object.keys(bad?.refused ?? {}).length > 0
    assert.equal(refused, target === 'sidelight')
    assert.equal((bad?.failed ?? 0) > 0, target === 'direct')
  }
})

test('a scenario that is not known is refused', async () => {
  const { code, text } = await runBench(['--scenario', 'sunny'])
  assert.equal(code, 2, text)
  assert.match(text, /^Usage: npm run bench:faults/)
})

function runBench(args: readonly string[]): Promise<BenchRun> {
  return start(BENCH, args, LIMIT_MS)
}
