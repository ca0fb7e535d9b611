/** A module that lacks an import is found here, and not by whoever needs it first. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { globSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'

/** Programs that begin their work when they are loaded. */
const PROGRAMS = new Set([
  'src/main.ts',
  'src/start.ts',
  'src/cli/demo/agent.ts',
  'src/cli/demo/everything-server.ts',
  'src/cli/demo/library-server.ts',
])

test('every module can be loaded by itself, and does nothing by that', async () => {
  const files = globSync('src/**/*.ts').filter((file) => !PROGRAMS.has(file))
  assert.ok(files.length > 30, 'the sources were found')
  const imports = files.map((file) => `await import(${JSON.stringify(path.resolve(file))})`)
  const script = `${imports.join('\n')}\nconsole.log('all loaded')`
  const args = ['--input-type=module', '--eval', script]
  const output = await new Promise<string>((resolve) => {
    const options = { timeout: 60_000, killSignal: 'SIGKILL' } as const
    execFile(process.execPath, args, options, (_error, stdout, stderr) => resolve(stdout + stderr))
  })
  assert.equal(output, 'all loaded\n')
})
