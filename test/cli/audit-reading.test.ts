/** What reading a log costs, and what following it shows. */

import assert from 'node:assert/strict'
import { readFile, stat } from 'node:fs/promises'
import { test } from 'node:test'
import { segmentPath } from '../../src/audit/segment.ts'
import { auditCommand } from '../../src/cli/audit-command.ts'
import type { CommandContext } from '../../src/cli/command.ts'
import type { FlagValues } from '../../src/cli/flags.ts'
import { systemClock } from '../../src/core/clock.ts'
import { entries, entry, makeDirectory, openStore } from '../audit/rig.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

/** The command in this process. */
function start(action: string, flags: FlagValues) {
  const lines: string[] = []
  const stop = Promise.withResolvers<NodeJS.Signals>()
  const context: CommandContext = {
    env: {},
    version: '0.0.0',
    clock: systemClock,
    out: (text) => void lines.push(text),
    err: (text) => void lines.push(text),
    stdin: () => process.stdin,
    stdout: () => process.stdout,
    stopped: stop.promise,
    onHangup: () => {},
    terminal: undefined,
    program: () => assert.fail('nothing is copied'),
  }
  return {
    lines,
    ended: auditCommand(flags, [action], context),
    stop: () => stop.resolve('SIGINT'),
  }
}

/** Bytes that this process has read from files since its start. */
async function bytesRead(): Promise<number> {
  const [, digits] = /^rchar: (\d+)$/m.exec(await readFile('/proc/self/io', 'utf8')) ?? []
  return Number(digits)
}

test('an export reads the log once, however many records there are', async () => {
  const { directory, store } = await openStore(await makeDirectory())
  for (let n = 0; n < 10; n += 1) await store.write(entries(500))
  await store.close()
  const { size } = await stat(segmentPath(directory, 1))
  const before = await bytesRead()
  const { ended, lines } = start('export', { dir: directory, after: '1' })
  assert.equal(await ended, 0)
  const read = (await bytesRead()) - before
  assert.equal(lines.length, 5_000)
  // The first line is read by itself, to know how the files follow on each other.
  assert.ok(read < 3 * size, `${read} bytes were read of a log of ${size}`)
})

test('tail that follows shows what comes and nothing that was there, though nothing fitted before', async () => {
  const { directory, store } = await openStore(await makeDirectory(), { segmentBytesMax: 2_000 })
  await store.write([entry({ tool: 'old' }), ...entries(20)])
  for (const flags of [{ limit: '0' }, { tool: 'new' }]) {
    const { ended, lines, stop } = start('tail', { dir: directory, follow: true, ...flags })
    // It begins to follow at a moment of its own.
    const shown = async (): Promise<boolean> => {
      await store.write([entry({ tool: 'new' })])
      return lines.length > 0
    }
    await waitFor(shown, { within: SOON, what: 'what comes' })
    // In another file by now.
    await store.write(entries(20))
    await store.write([entry({ tool: 'new', mark: 'last' })])
    const isLast = (): boolean => lines.at(-1)?.includes('"mark":"last"') === true
    await waitFor(isLast, { within: SOON, what: 'what comes last' })
    stop()
    assert.equal(await ended, 0)
    assert.equal(lines.join('').includes('"tool":"old"'), false)
    assert.equal(new Set(lines).size, lines.length)
  }
})
