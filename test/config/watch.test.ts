/** How a configuration file is noticed to have changed, and read. */

import assert from 'node:assert/strict'
import { appendFile, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { ConfigWatch } from '../../src/cli/config-watch.ts'
import { projectedVolume } from '../support/projected-volume.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { signal, type Signal } from '../support/wait-for.ts'

interface Scene {
  readonly file: string
  readonly watch: ConfigWatch<string>
  /** What was read, each time. */
  readonly read: string[]
}

function watchOf(file: string, pause: () => Promise<void> = () => Promise.resolve()): Scene {
  const read: string[] = []
  const watch = new ConfigWatch(
    file,
    async () => {
      const text = await readFile(file, 'utf8')
      read.push(text)
      return text
    },
    pause,
  )
  return { file, watch, read }
}

async function scene(pause?: (file: string) => Promise<void>): Promise<Scene> {
  const file = join(await temporaryDirectory(), 'sidelight.yaml')
  await writeFile(file, 'one')
  const made = watchOf(file, () => pause?.(file) ?? Promise.resolve())
  await made.watch.look()
  made.read.length = 0
  return made
}

it('A file that is written piece by piece is read once, when it is whole', async () => {
  let pieces: string[] = []
  const { file, watch, read } = await scene(async (path) => {
    const piece = pieces.shift()
    if (piece !== undefined) await appendFile(path, piece)
  })
  pieces = ['two ', 'three ', 'four']
  await writeFile(file, '')
  await watch.look()
  assert.deepEqual(read, ['two three four'])
  await watch.look()
  assert.equal(read.length, 1)
})

it('A file that only says the same again is not read', async () => {
  const { file, watch, read } = await scene()
  await writeFile(`${file}.new`, 'one')
  await rename(`${file}.new`, file)
  await watch.look()
  assert.deepEqual(read, [])
})

it('A volume that is swapped is noticed, and one that is away for a while is no change', async () => {
  const volume = await projectedVolume({ 'sidelight.yaml': 'one' })
  const { watch, read } = watchOf(volume.path('sidelight.yaml'))
  await watch.look()
  await volume.put({ 'sidelight.yaml': 'two' })
  await watch.look()
  assert.deepEqual(read, ['one', 'two'])
  await rename(volume.path('..data'), volume.path('..away'))
  await watch.look()
  await rename(volume.path('..away'), volume.path('..data'))
  await watch.look()
  assert.deepEqual(read, ['one', 'two'])
  await rm(volume.path('..data'))
  await watch.look()
  assert.deepEqual(read, ['one', 'two'])
})

it('Orders that come while the file is read share the reading after that', async () => {
  const gates: Signal[] = []
  const actors: (string | undefined)[] = []
  const watch = new ConfigWatch('nowhere', async (actor) => {
    actors.push(actor)
    const gate = signal()
    gates.push(gate)
    await gate.promise
    return gates.length
  })
  const first = watch.readNow('ann')
  const [second, third] = [watch.readNow('ben'), watch.readNow('cat')]
  while (gates.length < 1) await new Promise((resolve) => setImmediate(resolve))
  await watch.look()
  gates[0]?.resolve()
  assert.equal(await first, 1)
  while (gates.length < 2) await new Promise((resolve) => setImmediate(resolve))
  gates[1]?.resolve()
  assert.deepEqual([await second, await third], [2, 2])
  assert.deepEqual(actors, ['ann', 'ben'])
})
