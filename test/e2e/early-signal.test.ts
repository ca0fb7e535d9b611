/** A signal that comes while the program is still getting ready. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { open, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'

import { launchSidelight, type Launched } from '../support/sidecar-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { bounded, waitFor } from '../support/wait-for.ts'

const IN_TIME = 60_000

const CONFIG = 'upstreams: { a: { url: "http://127.0.0.1:1/mcp" } }\n'

/** A program whose configuration is to come through a pipe; it has asked for it, and has nothing of it. */
async function launchOnPipe(): Promise<{ program: Launched; pipe: FileHandle }> {
  const file = path.join(await temporaryDirectory(), 'sidelight.yaml')
  assert.equal(spawnSync('mkfifo', [file]).status, 0)
  const program = launchSidelight(
    ['run', '--config', file, '--listen', '127.0.0.1:0', '--admin', 'off'],
    { OTEL_SDK_DISABLED: 'true' },
  )
  // A pipe opens when both ends are there.
  const pipe = await bounded(open(file, 'w'), { within: IN_TIME, what: 'a reader' })
  return { program, pipe }
}

test('before the configuration is read a hang-up ends nothing, and SIGTERM ends the sidecar in good order', async () => {
  const { program, pipe } = await launchOnPipe()
  program.child.kill('SIGHUP')
  program.child.kill('SIGTERM')
  await pipe.writeFile(CONFIG)
  await pipe.close()
  const { code, signal, stderr } = await program.finished(IN_TIME)
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr)
  assert.match(stderr, /"sidelight\.sidecar\.stopped"/)
})

test('a configuration that came through a pipe is not read again: a hang-up is refused, and SIGTERM ends the sidecar', async () => {
  const { program, pipe } = await launchOnPipe()
  await pipe.writeFile(CONFIG)
  await pipe.close()
  const said = (pattern: RegExp): Promise<boolean> =>
    waitFor(() => pattern.test(program.stderr()), { within: IN_TIME, what: String(pattern) })
  await said(/"sidelight\.sidecar\.started"/)
  program.child.kill('SIGHUP')
  await said(/the configuration came through a pipe, which is read once/)
  program.child.kill('SIGTERM')
  const { code, signal, stderr } = await program.finished(IN_TIME)
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr)
})
