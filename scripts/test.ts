/**
 * Runs the tests: unit tests, pins and the architecture in one process, which is quick; those that
 * start servers and processes in a process per file; those that keep every core busy by themselves
 * one at a time, after all others. With `--conformance` the official suites are all that runs, as
 * they take minutes. Arguments are file patterns that replace all.
 */

import { globSync } from 'node:fs'
import { runOnce, runTwice } from './run-tests.ts'

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

function runChosen(): boolean {
  if (chosen[0] === '--conformance') {
    return [
      runTwice(conformance, '--test-concurrency=2', '--test-timeout=240000'),
      runTwice(alone, '--test-concurrency=1', '--test-timeout=900000'),
    ].every(Boolean)
  }
  if (chosen.length > 0) return runOnce(chosen)
  return [
    runOnce(together, ISOLATION_NONE),
    runTwice(separate, '--test-concurrency=2', '--test-timeout=240000'),
  ].every(Boolean)
}

process.exit(runChosen() ? 0 : 1)
