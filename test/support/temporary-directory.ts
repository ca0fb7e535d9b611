/** A directory that is gone after the test. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { closeAfterTest } from './scope.ts'

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sidelight-'))
  closeAfterTest(() => rm(directory, { recursive: true, force: true }))
  return directory
}
