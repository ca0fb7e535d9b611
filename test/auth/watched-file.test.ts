/** A small file that changes, goes and comes back. */

import assert from 'node:assert/strict'
import { rename, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { WatchedFile } from '../../src/auth/watched-file.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

interface Scene {
  readonly path: string
  readonly file: WatchedFile
  readonly told: string[]
}

async function scene(): Promise<Scene> {
  const path = join(await temporaryDirectory(), 'secret')
  await writeFile(path, 'one')
  const told: string[] = []
  const file = new WatchedFile({
    path,
    bytesMax: 100,
    use: (text) => {
      if (text === '') return 'empty'
      told.push(`use ${text}`)
      return undefined
    },
    onProblem: (problem) => void told.push(`problem ${problem}`),
    onChange: () => void told.push('changed'),
    onLost: () => void told.push('lost'),
  })
  assert.equal(file.load(), undefined)
  return { path, file, told }
}

it('A file that is gone for one look is being replaced, and for two it is lost', async () => {
  const { path, file, told } = await scene()
  await rm(path)
  await file.refresh()
  assert.deepEqual(told, ['use one', 'problem ENOENT'])
  await file.refresh()
  await file.refresh()
  assert.deepEqual(told, ['use one', 'problem ENOENT', 'lost'])
})

it('A file that comes back after it was lost is read, though it is the same as before', async () => {
  const { path, file, told } = await scene()
  await rename(path, `${path}.away`)
  await file.refresh()
  await file.refresh()
  await rename(`${path}.away`, path)
  await file.refresh()
  assert.deepEqual(told, ['use one', 'problem ENOENT', 'lost', 'use one', 'changed'])
})

it('A file that is half written, or empty, for one look is used when it is whole', async () => {
  const { path, file, told } = await scene()
  await writeFile(path, '')
  await file.refresh()
  await writeFile(path, 'two')
  await utimes(path, 1_000, 1_000)
  await file.refresh()
  assert.deepEqual(told, ['use one', 'problem empty', 'use two', 'changed'])
})
