/** The executable file that `sidelight install` writes: started by the kernel, and byte by byte. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createLauncher } from '../../src/cli/install/launcher.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const OTHER = process.platform === 'linux' && process.arch === 'x64' ? false : 'for Linux on x64'

async function written(loader: string): Promise<string> {
  const file = join(await temporaryDirectory(), 'sidelight')
  const bytes = createLauncher('x64', {
    loader,
    libraries: '/opt/sidelight/runtime',
    node: '/opt/sidelight/runtime/node',
    script: '/opt/sidelight/package/lib/main.js',
  })
  await writeFile(file, bytes ?? '', { mode: 0o755 })
  return file
}

describe('the launcher', () => {
  it(
    'starts the loader with its libraries, Node, the program and all arguments',
    { skip: OTHER },
    async () => {
      const file = await written('/bin/echo')
      const { status, stdout } = spawnSync(file, ['wrap', '', '--', 'two words'], {
        encoding: 'utf8',
      })
      assert.equal(status, 0)
      assert.equal(
        stdout,
        '--library-path /opt/sidelight/runtime /opt/sidelight/runtime/node /opt/sidelight/package/lib/main.js wrap  -- two words\n',
      )
    },
  )

  it(
    'says so, and exits with 127, when the volume is not where it was told',
    { skip: OTHER },
    async () => {
      const file = await written('/nowhere/runtime/sidelight')
      const { status, stderr } = spawnSync(file, [], { encoding: 'utf8' })
      assert.equal(status, 127)
      assert.equal(
        stderr,
        '/nowhere/runtime/sidelight cannot be started; is it where sidelight install --at said?\n',
      )
    },
  )

  // Both were run, the one for arm64 by qemu-aarch64. Whoever changes a byte has to do that again.
  it('is for x64 and arm64, as it was run on both, and for nothing else', () => {
    const paths = { loader: '/l', libraries: '/r', node: '/n', script: '/s' }
    const digests = ['x64', 'arm64', 'riscv64'].map((processor) => {
      const bytes = createLauncher(processor, paths)
      return bytes === undefined ? undefined : hash('sha256', bytes)
    })
    assert.deepEqual(digests, [
      '7c94702822cff9eb58a6ce3309a2885c0022512ad0f145303cb0b463263056c3',
      '3752f983b6b26746a6253235bb0c6e5fcb9e9bb9bd3034311e8470a0c3516857',
      undefined,
    ])
  })
})
