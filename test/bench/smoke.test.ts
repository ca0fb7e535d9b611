/** The benchmark runs, counts only right answers, and writes the file that its README documents. */

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runBench as start, type BenchRun } from '../support/run-bench.ts'

const BENCH = fileURLToPath(new URL('../../bench/run.ts', import.meta.url))
const LIMIT_MS = 300_000

test('a quick run measures its targets and documents itself', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'sidelight-bench-test-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const out = join(dir, 'result.json')

  const { code, text } = await runBench([
    '--quick',
    '--source',
    '--load',
    'node',
    '--seconds',
    '0.3',
    '--shape',
    'json-200B@32',
    '--shape',
    'json-200B@32/500',
    '--target',
    'direct',
    '--target',
    'full-100',
    '--out',
    out,
  ])

  assert.equal(code, 0, text)
  assert.match(
    text,
    /^NOT MEASURED: calls\/s through full-10 >= 0\.75 of undici-pipe at json-200B@32/m,
  )
  const result = readObject(JSON.parse(readFileSync(out, 'utf8')))
  assert.deepEqual(Object.keys(result), [
    'version',
    'startedAt',
    'endedAt',
    'options',
    'machine',
    'loadAverage',
    'absent',
    'requirement',
    'shapes',
  ])
  assert.equal(result['version'], 1)
  assert.deepEqual(
    readObjects(result['shapes']).map((shape) => shape['shape']),
    ['json-200B@32', 'json-200B@32/500'],
  )
  for (const shape of readObjects(result['shapes'])) {
    const targets = readObjects(shape['targets'])
    assert.deepEqual(
      targets.map(({ target }) => target),
      ['direct', 'full-100'],
    )
    for (const target of targets) checkTarget(target)
    checkTelemetry(targets)
  }
})

test('--assert refuses a run that could not judge', async () => {
  const { code, text } = await runBench([
    '--quick',
    '--assert',
    '--load',
    'node',
    '--rounds',
    '1',
    '--seconds',
    '0.2',
    '--shape',
    'json-200B@1',
    '--target',
    'direct',
  ])

  assert.equal(code, 1, text)
})

test('an unknown flag, shape or target is refused with what is known', async () => {
  for (const args of [
    ['--fast'],
    ['--shape', 'xml'],
    ['--target', 'envoy'],
    ['--rounds', '0'],
    ['--load', 'ab'],
    ['--peer', 'envoy=envoy'],
  ]) {
    const { code, text } = await runBench(args)
    assert.equal(code, 2, text)
    assert.match(text, /^bench: /)
  }
})

const FIGURES = ['callsPerSecond', 'p50Ms', 'p99Ms', 'p999Ms', 'calls']
const PROC_FIGURES = ['cpuUsPerCall', 'rssMb']

/** No speed is asserted, only that there is one. */
function checkTarget(target: Record<string, unknown>): void {
  const name = String(target['target'])
  assert.equal(target['errors'], 0, name)
  for (const figure of FIGURES) assert.ok(Number(target[figure]) > 0, `${name} ${figure}`)
  for (const figure of PROC_FIGURES) {
    if (process.platform === 'linux') assert.ok(Number(target[figure]) > 0, `${name} ${figure}`)
    else assert.equal(target[figure], null, `${name} ${figure}`)
  }
  assert.equal(target['throughputRatio'], null, 'there is nothing to compare with')
  assert.equal(readObjects(target['windows']).length, 2)
}

/** The figures of Sidelight include the export of its spans. */
function checkTelemetry(targets: readonly Record<string, unknown>[]): void {
  const [direct, full] = targets
  assert.equal(direct?.['telemetry'], null)
  const telemetry = readObject(full?.['telemetry'])
  assert.ok(Number(telemetry['spans']) > 0)
  assert.ok(Number(telemetry['exports']) > 0)
}

function runBench(args: readonly string[]): Promise<BenchRun> {
  return start(BENCH, args, LIMIT_MS)
}

function readObject(value: unknown): Record<string, unknown> {
  assert.ok(typeof value === 'object' && value !== null)
  return { ...value }
}

function readObjects(value: unknown): Record<string, unknown>[] {
  assert.ok(Array.isArray(value))
  return value.map(readObject)
}
