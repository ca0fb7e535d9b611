/**
 * Runs the tests: unit tests, pins and the architecture in one process, which is quick; those that
 * start servers and processes in a process per file; those that keep every core busy by themselves
 * one at a time, after all others. With `--conformance` the official suites are all that runs, as
 * they take minutes. Arguments are file patterns that replace all.
 *
 * In a run of all, the files of a few failed tests get a second go by themselves. One that passes
 * then is named at the end: it fails nobody's change, and is a defect all the same.
 */

import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SEPARATE = [
  'test/e2e/**/*.test.ts',
  'test/cli/**/*.test.ts',
  'test/bench/**/*.test.ts',
  'test/build/**/*.test.ts',
  'test/faults/**/*.test.ts',
  'test/grafana/**/*.test.ts',
  'test/stack/**/*.test.ts',
]

/**
 * The official suite starts the clients of all its scenarios at once, about thirty processes: a
 * file beside it would wait for seconds to be given a processor.
 */
const ALONE = ['test/conformance/client.test.ts']

/** Some two hundred processes read the same sources; compiled code is kept for the next. */
const COMPILED = join(process.cwd(), 'node_modules/.cache/compiled')

/** Node 22 has the flag under its first name. */
const ISOLATION_NONE = process.versions.node.startsWith('22.')
  ? '--experimental-test-isolation=none'
  : '--test-isolation=none'

/** Those that scripts of their own run; the packages in test/clients bring tests of their own, too. */
const ELSEWHERE = ['test/clients/', 'test/conformance/', 'test/deploy/', 'test/examples/']

const separate = globSync(SEPARATE)
const together = globSync('test/**/*.test.ts').filter(
  (file) => !separate.includes(file) && !ELSEWHERE.some((start) => file.startsWith(start)),
)
const alone = globSync(ALONE)
const conformance = globSync('test/conformance/**/*.test.ts').filter(
  (file) => !alone.includes(file),
)
const chosen = process.argv.slice(2)

/** With more files than this the change is at fault, not a test. */
const SECOND_GOES = 3

const scratch = mkdtempSync(join(tmpdir(), 'sidelight-tests-'))
const failures = join(scratch, 'failed-files')

function run(files: readonly string[], ...flags: readonly string[]): boolean {
  if (files.length === 0) return true
  const reporters = [
    ['spec', 'stdout'],
    ['./scripts/test-failed-files.ts', failures],
  ].flatMap(([reporter, to]) => [
    `--test-reporter=${reporter}`,
    `--test-reporter-destination=${to}`,
  ])
  const { status } = spawnSync(
    process.execPath,
    ['--test', ...reporters, ...flags, ...files.toSorted()],
    { stdio: 'inherit', env: { ...process.env, NODE_COMPILE_CACHE: COMPILED } },
  )
  return status === 0
}

const unstable: string[] = []

/** Runs files, and those that failed once more when they are few. */
function runTwice(files: readonly string[], ...flags: readonly string[]): boolean {
  if (run(files, ...flags)) return true
  const failed = readFileSync(failures, 'utf8').split('\n').filter(Boolean)
  if (failed.length === 0 || failed.length > SECOND_GOES) return false
  process.stdout.write(`\nOnce more, by themselves: ${failed.join(' ')}\n`)
  if (!run(failed, '--test-concurrency=1', '--test-timeout=240000')) return false
  unstable.push(...failed)
  return true
}

function runChosen(): boolean {
  if (chosen[0] === '--conformance') {
    return [
      runTwice(conformance, '--test-concurrency=2', '--test-timeout=240000'),
      runTwice(alone, '--test-concurrency=1', '--test-timeout=900000'),
    ].every(Boolean)
  }
  if (chosen.length > 0) return run(chosen)
  return [
    run(together, ISOLATION_NONE),
    runTwice(separate, '--test-concurrency=2', '--test-timeout=240000'),
  ].every(Boolean)
}

const passed = runChosen()
rmSync(scratch, { recursive: true })
if (unstable.length > 0) {
  process.stdout.write(`\nUnstable, passed at the second go: ${unstable.join(' ')}\n`)
}
process.exit(passed ? 0 : 1)
