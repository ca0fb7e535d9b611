/** The benchmark runs, counts only right answers, and writes the file that its README documents. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runBench as start, type BenchRun } from '../support/run-bench.ts'
import { waitFor } from '../support/wait-for.ts'

const BENCH = fileURLToPath(new URL('../../bench/run.ts', import.meta.url))
const LIMIT_MS = 300_000

/** A quick run of two shapes, at which nothing is asserted but that it measures. */
const TWO_SHAPES = [
  '--quick --source --load node --seconds 0.3',
  '--shape json-200B@32 --shape json-200B@32/500',
  '--target direct --target full-100',
].flatMap((flags) => flags.split(' '))

test('a quick run that is broken off leaves what it has measured, and is resumed to its end', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'sidelight-bench-test-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const out = join(dir, 'result.json')

  await breakOff(out)
  const broken = readResult(out)
  assert.deepEqual(shapesOf(broken), ['json-200B@32'])
  assert.deepEqual(broken['missing'], ['json-200B@32/500'])

  const { code, text } = await runBench([...TWO_SHAPES, '--resume', out])

  assert.equal(code, 0, text)
  assert.match(
    text,
    /^NOT MEASURED: calls\/s through full-10 >= 0\.75 of undici-pipe at json-200B@32/m,
  )
  const result = readResult(out)
  assert.deepEqual(Object.keys(result), [
    'version',
    'startedAt',
    'endedAt',
    'missing',
    'options',
    'machine',
    'loadAverage',
    'absent',
    'requirement',
    'shapes',
  ])
  assert.equal(result['version'], 2)
  assert.deepEqual(result['missing'], [])
  assert.deepEqual(shapesOf(result), ['json-200B@32', 'json-200B@32/500'])
  assert.deepEqual(readObjects(result['shapes'])[0], readObjects(broken['shapes'])[0])
  for (const shape of readObjects(result['shapes'])) {
    checkConditions(readObject(shape['conditions']))
    const targets = readObjects(shape['targets'])
    assert.deepEqual(
      targets.map(({ target }) => target),
      ['direct', 'full-100'],
    )
    for (const target of targets) checkTarget(target)
    checkTelemetry(targets)
  }
})

test('a shape whose target does not start is named as not measured, in the file too', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'sidelight-bench-test-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const out = join(dir, 'result.json')
  const flags = ['--quick', '--load', 'node', '--shape', 'json-200B@1', '--target', 'direct']
  const { code, text } = await runBench([...flags, '--peer', 'broken=false {port}', '--out', out])

  assert.equal(code, 1, text)
  assert.match(text, /^json-200B@1 is not measured: Error: broken ended before it listened$/m)
  assert.match(text, /^not measured: json-200B@1$/m)
  const result = readResult(out)
  assert.deepEqual(shapesOf(result), [])
  assert.deepEqual(result['missing'], ['json-200B@1'])
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
    ['--into', '/nowhere/result.json'],
    ['--into', 'one.json', '--resume', 'other.json'],
  ]) {
    const { code, text } = await runBench(args)
    assert.equal(code, 2, text)
    assert.match(text, /^bench: /)
  }
})

/** Begins the run, and ends it when its first shape is in the file and its second is being measured. */
async function breakOff(out: string): Promise<void> {
  const child = spawn(process.execPath, [BENCH, ...TWO_SHAPES, '--out', out], { stdio: 'ignore' })
  const ended = once(child, 'close')
  await waitFor(() => existsSync(out), { within: LIMIT_MS / 2, what: 'the first shape' })
  child.kill('SIGTERM')
  const [code]: unknown[] = await ended
  assert.equal(code, 143)
}

function readResult(file: string): Record<string, unknown> {
  return readObject(JSON.parse(readFileSync(file, 'utf8')))
}

function shapesOf(result: Record<string, unknown>): readonly unknown[] {
  return readObjects(result['shapes']).map((shape) => shape['shape'])
}

/** What a shape says of the circumstances in which it was measured. */
function checkConditions(conditions: Record<string, unknown>): void {
  assert.equal(conditions['rounds'], 2)
  assert.equal(conditions['starts'], 1)
  assert.equal(conditions['seconds'], 0.3)
  const warmUp = readObject(conditions['warmUpCalls'])
  assert.deepEqual(Object.keys(warmUp), ['direct', 'full-100'])
  for (const calls of Object.values(warmUp)) assert.ok(Number(calls) > 0)
  for (const at of ['startedAt', 'endedAt']) assert.match(String(conditions[at]), /^\d{4}-.*Z$/)
  assert.deepEqual(Object.keys(readObject(conditions['loadAverage'])), ['before', 'after'])
  if (process.platform === 'linux') assert.ok(Number(conditions['foreignCores']) >= 0)
}

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
