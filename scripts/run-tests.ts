/**
 * Runs test files with `node --test`. The files of a few failed tests get a second go by themselves; one that
 * passes then is named: it fails nobody's change, and is a defect all the same.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Some two hundred processes read the same sources; compiled code is kept for the next. */
const COMPILED = path.join(ROOT, 'node_modules/.cache/compiled')

const END_AT_EXIT = '--import=./scripts/end-at-exit.ts'

/** With more files than this the change is at fault, not a test. */
const SECOND_GOES = 3

/** Runs them once; whether all passed. */
export function runOnce(files: readonly string[], ...flags: readonly string[]): boolean {
  return failedFiles(files, flags) === undefined
}

/** Runs them, and those that failed once more when they are few. */
export function runTwice(files: readonly string[], ...flags: readonly string[]): boolean {
  const failed = failedFiles(files, flags)
  if (failed === undefined) return true
  if (failed.length === 0 || failed.length > SECOND_GOES) return false
  process.stdout.write(`\nOnce more, by themselves: ${failed.join(' ')}\n`)
  if (!runOnce(failed, ...flags, '--test-concurrency=1')) return false
  process.stdout.write(`\nUnstable, passed at the second go: ${failed.join(' ')}\n`)
  return true
}

/** The files with a failure, as far as the runner knows them; undefined when all went well. */
function failedFiles(
  files: readonly string[],
  flags: readonly string[],
): readonly string[] | undefined {
  if (files.length === 0) return undefined
  const scratch = mkdtempSync(path.join(tmpdir(), 'sidelight-tests-'))
  const list = path.join(scratch, 'failed-files')
  const reporters = [
    ['spec', 'stdout'],
    ['./scripts/test-failed-files.ts', list],
  ].flatMap(([reporter, to]) => [
    `--test-reporter=${reporter}`,
    `--test-reporter-destination=${to}`,
  ])
  try {
    const { status } = spawnSync(
      process.execPath,
      ['--test', END_AT_EXIT, ...reporters, ...flags, ...files.toSorted()],
      { stdio: 'inherit', cwd: ROOT, env: { ...process.env, NODE_COMPILE_CACHE: COMPILED } },
    )
    if (status === 0) return undefined
    return readFileSync(list, 'utf8').split('\n').filter(Boolean)
  } finally {
    rmSync(scratch, { recursive: true })
  }
}
