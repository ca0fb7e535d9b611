/** The packages of clients, in test/clients, that tests of clients and of examples share. */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
export const CLIENTS = path.join(ROOT, 'test', 'clients')

/** Brings them up to date with their lock file; false when that failed. */
export function installClients(): boolean {
  return installed() || run('npm', ['ci'], CLIENTS)
}

/** Runs these tests, and these flags of `node --test`, two files at a time. */
export function runTests(files: readonly string[], ...flags: readonly string[]): boolean {
  return run(
    process.execPath,
    ['--test', '--test-reporter=spec', '--test-concurrency=2', ...flags, ...files.toSorted()],
    ROOT,
  )
}

interface LockFile {
  readonly packages: Readonly<Record<string, LockEntry>>
}

interface LockEntry {
  readonly version?: string
  readonly optional?: boolean
}

function run(command: string, args: readonly string[], cwd: string): boolean {
  return spawnSync(command, args, { stdio: 'inherit', cwd }).status === 0
}

function readLock(file: string): LockFile | undefined {
  try {
    return JSON.parse(readFileSync(path.join(CLIENTS, file), 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * Whether what is installed is what the lock file says. npm leaves a lock file of its own in
 * node_modules, without the packages of other platforms.
 */
function installed(): boolean {
  const wanted = readLock('package-lock.json')?.packages ?? {}
  const found = readLock('node_modules/.package-lock.json')?.packages
  return (
    found !== undefined &&
    Object.keys(found).every((name) => name in wanted) &&
    Object.entries(wanted)
      .filter(([name]) => name !== '')
      .every(([name, { version, optional }]) => {
        const entry = found[name]
        return entry === undefined ? optional === true : entry.version === version
      })
  )
}
