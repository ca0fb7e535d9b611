/** The benchmark over pipes runs, and counts only right answers. */

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseJson } from '../support/json.ts'
import { runBench as start, type BenchRun } from '../support/run-bench.ts'

const BENCH = fileURLToPath(new URL('../../bench/stdio.ts', import.meta.url))
const LIMIT_MS = 90_000

interface Result {
  readonly requirement: { readonly verdict: string }
  readonly shapes: readonly {
    readonly shape: string
    readonly messageBytes: number
    readonly targets: readonly {
      readonly target: string
      readonly callsPerSecond: number
      readonly errors: number
      readonly throughputRatio: { readonly median: number } | null
      readonly telemetry: { readonly spansPerCall: number } | null
    }[]
  }[]
}

test('a quick run over pipes measures its targets, spans included', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'sidelight-bench-test-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const out = join(dir, 'result.json')
  const targets = ['direct', 'line-pipe', 'wrap'].flatMap((name) => ['--target', name])
  const { code, text } = await runBench([
    '--quick',
    '--rounds',
    '1',
    '--shape',
    'lines-200B@32',
    '--shape',
    'lines-1MB@1',
    '--out',
    out,
    ...targets,
  ])
  assert.equal(code, 0, text)
  assert.match(text, /^NOT MEASURED: calls\/s through wrap-10 >= 0\.7 of line-pipe/m)
  const { requirement, shapes } = parseJson<Result>(readFileSync(out))
  assert.equal(requirement.verdict, 'not_measured')
  assert.deepEqual(
    shapes.map(({ shape, messageBytes }) => [shape, messageBytes]),
    [
      ['lines-200B@32', 200],
      ['lines-1MB@1', 1_048_576],
    ],
  )
  for (const shape of shapes) {
    assert.deepEqual(
      shape.targets.map(({ target }) => target),
      ['direct', 'line-pipe', 'wrap'],
    )
    for (const { target, callsPerSecond, errors, throughputRatio, telemetry } of shape.targets) {
      assert.equal(errors, 0, target)
      assert.ok(callsPerSecond > 0, target)
      assert.ok((throughputRatio?.median ?? 0) > 0, target)
      assert.equal(telemetry !== null, target === 'wrap')
    }
  }
})

test('a flag that is not known is refused over pipes too', async () => {
  const { code, text } = await runBench(['--target', 'node-http'])
  assert.equal(code, 2, text)
  assert.match(text, /^bench: --target node-http: expected one of direct, line-pipe, wrap/)
})

function runBench(args: readonly string[]): Promise<BenchRun> {
  return start(BENCH, args, LIMIT_MS)
}
