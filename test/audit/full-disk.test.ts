/** The audit log on a real file system that is full: a small one in memory, which only root can mount. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { closeAfterTest } from '../support/scope.ts'
import { SOON, waitFor } from '../support/wait-for.ts'
import { entry, makeDirectory, openWriter, verify } from './rig.ts'

const IN_TIME = { within: SOON, what: 'the audit writer' }

function mountSmall(directory: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', directory], {
      stdio: 'ignore',
    })
  } catch {
    return false
  }
  closeAfterTest(async () => void execFileSync('umount', ['-l', directory]))
  return true
}

it('An audit log goes on after its disk was full, and every record is whole', async (t) => {
  const directory = await makeDirectory()
  if (!mountSmall(directory)) {
    t.skip('NOT TESTED: a file system could not be mounted; that takes root')
    return
  }
  const { writer, failures, recoveries } = await openWriter({ directory })
  const ballast = join(directory, 'ballast')
  writeFileSync(ballast, Buffer.alloc(128 * 1024))
  let n = 0
  await waitFor(() => {
    for (let i = 0; i < 50; i += 1) {
      writer.add(entry({ n, text: 'x'.repeat(200) }))
      n += 1
    }
    return writer.view.failing
  }, IN_TIME)
  assert.deepEqual(failures, ['ENOSPC'])
  rmSync(ballast)
  await waitFor(() => recoveries.length === 1, IN_TIME)
  await writer.close(5_000)
  const report = await verify(directory)
  assert.deepEqual(report.faults, [])
  // All that were added, the first record of each segment, and the last of the run.
  assert.equal(report.records, n + report.segments + 1)
})
