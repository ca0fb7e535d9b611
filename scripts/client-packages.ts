/**
 * Packages that some tests need and Sidelight does not: each directory has a package.json and a lock file of its
 * own. Those of clients, in test/clients, are shared by the tests of clients and of examples.
 */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { ROOT, runTwice } from './run-tests.ts'

export const CLIENTS = path.join(ROOT, 'test', 'clients')

export const installClients = (): boolean => installPackages(CLIENTS)

/** Brings a directory's packages up to date with its lock file; false when that failed. */
export function installPackages(directory: string): boolean {
  return installed(directory) || run('npm', ['ci'], directory)
}

/** Runs these tests, with these flags of `node --test`, two files at a time. */
export function runTests(files: readonly string[], ...flags: readonly string[]): boolean {
  return runTwice(files, '--test-concurrency=2', ...flags)
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

function readLock(directory: string, file: string): LockFile | undefined {
  try {
    return JSON.parse(readFileSync(path.join(directory, file), 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * Whether what is installed is what the lock file says. npm leaves a lock file of its own in
 * node_modules, without the packages of other platforms.
 */
function installed(directory: string): boolean {
  const wanted = readLock(directory, 'package-lock.json')?.packages ?? {}
  const found = readLock(directory, 'node_modules/.package-lock.json')?.packages
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
