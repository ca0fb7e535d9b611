/**
 * Runs the tests: unit tests, pins and the architecture in one process, which is quick; those that
 * start servers and processes in a process per file; those that keep every core busy by themselves
 * one at a time, after all others. Arguments are file patterns that replace all.
 */

import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'

const SEPARATE = [
  'test/conformance/**/*.test.ts',
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

const alone = globSync(ALONE)
const separate = globSync(SEPARATE).filter((file) => !alone.includes(file))
// The packages in test/clients bring tests of their own; scripts/test-clients.ts runs ours.
const together = globSync('test/**/*.test.ts').filter(
  (file) => !separate.includes(file) && !alone.includes(file) && !file.startsWith('test/clients/'),
)
const chosen = process.argv.slice(2)

function run(files: readonly string[], ...flags: readonly string[]): boolean {
  if (files.length === 0) return true
  const { status } = spawnSync(
    process.execPath,
    ['--test', '--test-reporter=spec', ...flags, ...files.toSorted()],
    { stdio: 'inherit', env: { ...process.env, NODE_COMPILE_CACHE: COMPILED } },
  )
  return status === 0
}

const passed =
  chosen.length > 0
    ? run(chosen)
    : [
        run(together, ISOLATION_NONE),
        run(separate, '--test-concurrency=2', '--test-timeout=240000'),
        run(alone, '--test-concurrency=1', '--test-timeout=900000'),
      ].every(Boolean)
process.exit(passed ? 0 : 1)
