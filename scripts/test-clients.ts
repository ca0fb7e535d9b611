/**
 * Drives the MCP clients people use through Sidelight: brings test/clients up to date with its lock
 * file, and runs its tests. Arguments are file patterns that replace all, and flags of `node --test`.
 */

import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const CLIENTS = path.join(ROOT, 'test', 'clients')

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

const given = process.argv.slice(2)
const flags = given.filter((argument) => argument.startsWith('-'))
const patterns = given.filter((argument) => !argument.startsWith('-'))
const files = patterns.length > 0 ? patterns : globSync(path.join(CLIENTS, '*.test.ts'))

if (!installed() && !run('npm', ['ci'], CLIENTS)) process.exit(1)
const passed = run(
  process.execPath,
  [
    '--test',
    '--test-reporter=spec',
    '--test-concurrency=2',
    '--test-timeout=120000',
    ...flags,
    ...files.toSorted(),
  ],
  ROOT,
)
process.exit(passed ? 0 : 1)
