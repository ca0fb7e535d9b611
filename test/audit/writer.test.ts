import assert from 'node:assert/strict'
import { readdir, stat } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { Drafts } from '../../src/audit/draft.ts'
import type { Pending } from '../../src/audit/held.ts'
import { systemFs, type AuditFs } from '../../src/audit/audit-fs.ts'
import { segmentPath } from '../../src/audit/segment.ts'
import type { AuditWriter } from '../../src/audit/writer.ts'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import type { AuditEntry } from '../../src/core/audit.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { signal, SOON, waitFor } from '../support/wait-for.ts'
import {
  entries,
  entry,
  failure,
  faultyFs,
  makeDirectory,
  openWriter,
  recordsOf,
  verify,
} from './rig.ts'

const IN_TIME = { within: SOON, what: 'the audit writer' }

function durably(writer: AuditWriter, count = 1): Promise<boolean> {
  return new Promise((resolve) => {
    writer.addDurably(entries(count), resolve)
  })
}

/** What is to be held, since now or since later. */
function holder(drafts: Drafts, clock: Clock): (n: string, laterMs?: number) => Pending {
  return (n, laterMs = 0) => ({
    sinceMs: clock.monotonicMs() + laterMs,
    place: -1,
    draft: () => drafts.of(entry({ n }, 'call.attempted')),
  })
}

async function allRecords(directory: string): ReturnType<typeof recordsOf> {
  const segments = (await readdir(directory)).filter((name) => name.startsWith('audit-')).length
  const all: Awaited<ReturnType<typeof recordsOf>> = []
  for (let segment = 1; segment <= segments; segment += 1) {
    all.push(...(await recordsOf(directory, segment)))
  }
  return all
}

describe('The audit writer', () => {
  it('writes what it takes soon, and all of it before it ends', async () => {
    const { writer, directory } = await openWriter()
    for (const one of entries(700)) writer.add(one)
    await waitFor(() => writer.view.backlog === 0, IN_TIME)
    writer.add(entry({ last: true }))
    await writer.close(5_000)
    const records = await recordsOf(directory)
    assert.equal(records.length, 1 + 700 + 1 + 1)
    assert.equal(records.at(-2)?.['last'], true)
    assert.equal(records.at(-1)?.type, 'audit.stopped')
    const report = await verify(directory)
    assert.deepEqual([report.faults, report.afterLastCheckpoint], [[], 0])
  })

  it('tells who waits when entries are on the disk', async () => {
    const { writer, directory } = await openWriter({ flushMs: 60_000 })
    assert.equal(await durably(writer, 3), true)
    assert.equal((await recordsOf(directory)).length, 4)
  })

  it('does not write what nobody waits for any more', async () => {
    const faulty = faultyFs()
    const { writer, directory } = await openWriter({ fs: faulty.fs })
    const first = durably(writer)
    const leave = writer.addDurably([entry({ left: true })], () => assert.fail('it had left'))
    leave()
    assert.equal(await first, true)
    await writer.close(5_000)
    assert.ok((await recordsOf(directory)).every((record) => record['left'] === undefined))
  })

  it('records what is held as soon as it was held for as long as entries wait', async () => {
    const clock = new FakeClock()
    const { writer, directory } = await openWriter({ clock, flushMs: 100 })
    const held = holder(new Drafts(), clock)
    const [old, young, back] = [held('old'), held('young', 60), held('back', 60)]
    writer.hold(old)
    writer.hold(young)
    writer.hold(back)
    clock.advance(100)
    assert.equal(await durably(writer), true)
    const said = async (): Promise<readonly unknown[]> =>
      (await recordsOf(directory)).flatMap(({ n }) => (typeof n === 'string' ? [n] : []))
    assert.deepEqual(await said(), ['old'])
    assert.deepEqual([writer.takeBack(old), writer.takeBack(back)], [false, true])
    clock.advance(60)
    await waitFor(async () => (await said()).length === 2, IN_TIME)
    assert.deepEqual(await said(), ['old', 'young'])
  })

  it('records what is held when it ends, and nothing that was taken back', async () => {
    const { writer, directory } = await openWriter({ flushMs: 60_000 })
    const held = holder(new Drafts(), systemClock)
    const [kept, back] = [held('kept'), held('back')]
    writer.hold(kept)
    writer.hold(back)
    assert.equal(writer.takeBack(back), true)
    await writer.close(5_000)
    assert.deepEqual(
      (await recordsOf(directory)).flatMap(({ n }) => n ?? []),
      ['kept'],
    )
    writer.hold(held('late'))
    assert.equal(writer.view.backlog, 0)
  })

  it('records what is held when it ends though it is taken back meanwhile', async () => {
    const { writer, directory } = await openWriter({ flushMs: 60_000 })
    const kept = holder(new Drafts(), systemClock)('kept')
    writer.hold(kept)
    const closing = writer.close(5_000)
    assert.equal(writer.takeBack(kept), false)
    await closing
    const said = (await recordsOf(directory)).flatMap(({ n }) => n ?? [])
    assert.deepEqual(said, ['kept'])
  })

  it('takes no more than its queue holds, and records how much was lost', async () => {
    const { writer, directory, dropped } = await openWriter({ queueMax: 10, flushMs: 60_000 })
    for (const one of entries(25)) writer.add(one)
    assert.equal(dropped(), 15)
    await writer.close(5_000)
    const records = await recordsOf(directory)
    const gap = records.find(({ type }) => type === 'audit.gap')
    assert.equal(gap?.['dropped'], 15)
    assert.equal(records.length, 1 + 10 + 1 + 1)
    const report = await verify(directory)
    assert.deepEqual(report.faults, [])
    assert.match(report.notes.join(), /15 records were lost/)
  })

  it('records of lost entries when the oldest and the youngest of them were', async () => {
    const clock = new FakeClock()
    const { writer, directory } = await openWriter({ clock, queueMax: 1, flushMs: 60_000 })
    const nowMs = clock.wallMs()
    const at = (ms: number): AuditEntry => ({ ...entry(), atWallMs: nowMs + ms })
    writer.hold({ sinceMs: clock.monotonicMs(), place: -1, draft: () => new Drafts().of(at(-50)) })
    for (const ms of [0, 1, 2]) writer.add(at(ms))
    await writer.close(5_000)
    const gap = (await recordsOf(directory)).find(({ type }) => type === 'audit.gap')
    assert.deepEqual(
      [gap?.['dropped'], gap?.['from'], gap?.['until']],
      [3, new Date(nowMs - 50).toISOString(), new Date(nowMs + 2).toISOString()],
    )
  })

  it('bounds the long texts that wait, too', async () => {
    const { writer, dropped } = await openWriter({ queueBytesMax: 1_000, flushMs: 60_000 })
    for (let i = 0; i < 3; i += 1) writer.add({ ...entry(), textBytes: 600 })
    assert.equal(dropped(), 1)
  })

  it('goes on after a short write, with every record whole', async () => {
    const faulty = faultyFs()
    const { writer, directory } = await openWriter({ fs: faulty.fs })
    faulty.fault = (what) => (what === 'write' ? 7 : undefined)
    assert.equal(await durably(writer, 5), true)
    assert.equal((await recordsOf(directory)).length, 6)
    assert.deepEqual((await verify(directory)).faults, [])
  })

  it('loses nothing when the disk is full for a while, a short write included', async () => {
    const faulty = faultyFs()
    const { writer, directory, failures, recoveries } = await openWriter({ fs: faulty.fs })
    writer.add(entry({ n: 'before' }))
    await waitFor(() => writer.view.position === 2, IN_TIME)
    let writes = 0
    faulty.fault = (what) => {
      if (what !== 'write') return undefined
      writes += 1
      if (writes === 1) return 40
      throw failure('ENOSPC')
    }
    writer.add(entry({ n: 'during' }))
    await waitFor(() => writer.view.failing, IN_TIME)
    assert.deepEqual(failures, ['ENOSPC'])
    writer.add(entry({ n: 'later' }))
    faulty.fault = undefined
    await waitFor(() => recoveries.length === 1, IN_TIME)
    await writer.close(5_000)
    const kept = (await allRecords(directory)).map((record) => record['n'])
    assert.deepEqual(
      kept.filter((n) => n !== undefined),
      ['before', 'during', 'later'],
    )
    assert.deepEqual((await verify(directory)).faults, [])
  })

  it('never goes on in a file whose sync has failed, and says how much of it counts', async () => {
    const faulty = faultyFs()
    const { writer, store, directory } = await openWriter({ fs: faulty.fs })
    assert.equal(await durably(writer), true)
    const { size } = await stat(segmentPath(directory, 1))
    faulty.fault = (what) => {
      if (what === 'datasync') throw failure('EIO')
      return undefined
    }
    assert.equal(await durably(writer), false)
    faulty.fault = undefined
    await waitFor(() => !writer.view.failing && store.openSegment === 2, IN_TIME)
    assert.equal(await durably(writer), true)
    const [head] = await recordsOf(directory, 2)
    assert.deepEqual(head?.['previous'], { segment: 1, bytes: size, end: 'write_failed' })
    await writer.close(5_000)
    assert.deepEqual((await verify(directory)).faults, [])
  })

  it('refuses who would wait while it fails, at once, and drops nothing that was acknowledged', async () => {
    const faulty = faultyFs()
    const { writer, directory } = await openWriter({ fs: faulty.fs })
    assert.equal(await durably(writer, 2), true)
    faulty.fault = () => {
      throw failure('EIO')
    }
    assert.equal(await durably(writer), false)
    assert.equal(await durably(writer), false)
    assert.equal((await recordsOf(directory)).length, 3)
  })

  it('makes nobody wait longer than it may when the disk hangs', async () => {
    const hang = signal()
    const faulty = faultyFs()
    const { fs } = faulty
    const hanging: typeof fs = {
      ...fs,
      create: async (path) => {
        const file = await fs.create(path)
        return {
          ...file,
          datasync: async () => {
            if (hangs) await hang.promise
            await file.datasync()
          },
        }
      },
    }
    let hangs = false
    const { writer } = await openWriter({ fs: hanging, strictMs: 20 })
    hangs = true
    assert.equal(await durably(writer), false)
    hangs = false
    hang.resolve()
    assert.equal(await durably(writer), true)
  })

  it('goes on when a checkpoint cannot be kept, and says so', async () => {
    const { writer, failures } = await openWriter({
      checkpointRecords: 1,
      storeSettings: { checkpointFile: '/dev/null/no/such/place' },
    })
    assert.equal(await durably(writer), true)
    await waitFor(() => failures.length > 0, IN_TIME)
    assert.match(failures[0] ?? '', /^checkpoint E/)
    assert.equal(writer.view.failing, false)
    assert.equal(await durably(writer), true)
  })

  it('does not fill the last of a disk', async () => {
    const faulty = faultyFs()
    let free = 1_000
    const fs = { ...faulty.fs, free: async () => free }
    const { writer, failures } = await openWriter({ fs, storeSettings: { freeBytesMin: 2_000 } })
    assert.equal(await durably(writer), false)
    assert.deepEqual(failures, ['free_space'])
    free = 3_000
    await waitFor(() => !writer.view.failing, IN_TIME)
    assert.equal(await durably(writer), true)
  })

  it('signs a checkpoint after so many records, and after so long', async () => {
    const clock = new FakeClock()
    const notes: string[] = []
    const { writer } = await openWriter({
      clock,
      checkpointRecords: 5,
      storeSettings: { onCheckpoint: (note) => void notes.push(note) },
    })
    assert.equal(await durably(writer, 5), true)
    await waitFor(() => notes.length === 1, IN_TIME)
    assert.match(notes[0] ?? '', /^sidelight-audit-[0-9a-f]{16}\n6\n[A-Za-z0-9+/]{43}=\n\n— /)
    assert.equal(await durably(writer, 1), true)
    clock.advance(60_000)
    writer.tick()
    await waitFor(() => notes.length === 2, IN_TIME)
  })

  it('writes at once what somebody waits for who came while a checkpoint was made', async () => {
    const clock = new FakeClock()
    const [begun, mayEnd] = [signal(), signal()]
    const append: AuditFs['append'] = async (path) => {
      begun.resolve()
      await mayEnd.promise
      return systemFs.append(path)
    }
    const fs = { ...systemFs, append }
    const { writer } = await openWriter({ clock, fs, flushMs: 60_000, strictMs: SOON })
    assert.equal(await durably(writer), true)
    clock.advance(60_000)
    writer.tick()
    await begun.promise
    const waiting = durably(writer)
    mayEnd.resolve()
    assert.equal(await waiting, true)
  })

  it('removes segments after their retention, and records that', async () => {
    const clock = new FakeClock()
    clock.nowMs = Date.UTC(2026, 0, 1)
    const directory = await makeDirectory()
    const day = 86_400_000
    const { writer, store } = await openWriter({
      clock,
      directory,
      retentionMs: 400 * day,
      storeSettings: { segmentAgeMs: day },
    })
    assert.equal(await durably(writer, 3), true)
    clock.advance(day)
    assert.equal(await durably(writer), true)
    clock.advance(401 * day)
    assert.equal(await durably(writer), true)
    assert.equal(store.openSegment, 3)
    writer.tick()
    await waitFor(async () => !(await readdir(directory)).includes('audit-00000001.jsonl'), IN_TIME)
    await writer.close(5_000)
    const names = (await readdir(directory)).filter((name) => name.startsWith('audit-'))
    assert.ok(!names.includes('audit-00000001.jsonl'), names.join())
    const report = await verify(directory)
    assert.deepEqual(report.faults, [])
    assert.match(report.notes.join(), /removed after their retention, as recorded/)
  })
})
