import assert from 'node:assert/strict'
import {
  appendFile,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { checkpointPath, segmentPath } from '../../src/audit/segment.ts'
import { AuditStore } from '../../src/audit/store.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { entries, entry, makeDirectory, openStore, recordsOf, storeOptions, verify } from './rig.ts'

/** A log of one segment with a head and ten records, checkpointed at its end. */
async function makeLog(): Promise<{ readonly directory: string; readonly notes: string[] }> {
  const directory = await makeDirectory()
  const { store, notes } = await openStore(directory)
  await store.write(entries(10))
  await store.checkpoint()
  await store.close()
  return { directory, notes }
}

async function changeLines(
  directory: string,
  change: (lines: string[]) => string[],
  segment = 1,
): Promise<void> {
  const path = segmentPath(directory, segment)
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n')
  await writeFile(path, `${change(lines).join('\n')}\n`)
}

describe('An audit log', () => {
  it('is one line of JSON per record, numbered from 1, and its first record says what it follows', async () => {
    const { directory } = await makeLog()
    const records = await recordsOf(directory)
    assert.deepEqual(
      records.map(({ seq }) => seq),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    )
    assert.equal(records[0]?.type, 'segment.opened')
    assert.equal(records[0]?.['segment'], 1)
    assert.equal(records[1]?.time, '2026-01-01T00:00:00.000Z')
  })

  it('verifies whole, with its key and its own checkpoints', async () => {
    const { directory } = await makeLog()
    const report = await verify(directory)
    assert.deepEqual(report.faults, [])
    assert.deepEqual([report.records, report.lastRecord, report.checkpoints.checked], [11, 11, 1])
  })

  it('lets only its owner read its files, and its keys', async () => {
    const { directory } = await makeLog()
    for (const name of ['audit-00000001.jsonl', 'keys/chain.key', 'keys/signing.pem']) {
      const { mode } = await stat(join(directory, name))
      assert.equal(mode & 0o777, 0o600, name)
    }
  })

  it('goes on with the chain in a new segment after it was closed', async () => {
    const { directory } = await makeLog()
    const { store } = await openStore(directory)
    await store.write(entries(3))
    await store.close()
    const second = await recordsOf(directory, 2)
    assert.deepEqual(
      second.map(({ seq }) => seq),
      [12, 13, 14, 15],
    )
    assert.deepEqual((await verify(directory)).faults, [])
  })

  it('has one line per record whatever the texts in it hold', async () => {
    const directory = await makeDirectory()
    const { store } = await openStore(directory)
    const text = 'a\nb\r\u2028c\u0085\u001b[31m","type":"auth.succeeded"\ud800'
    await store.write([entry({ tool: text })])
    await store.close()
    const raw = await readFile(segmentPath(directory, 1), 'utf8')
    assert.equal(raw.split('\n').length, 3)
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(raw, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/)
    const [, record] = await recordsOf(directory)
    assert.equal(record?.tool, 'a\nb\r\u2028c\u0085\u001b[31m","type":"auth.succeeded"\ud800')
    assert.equal(record?.type, 'call.ended')
    assert.deepEqual((await verify(directory)).faults, [])
  })

  it('begins another segment when one is large enough, and each follows on the last', async () => {
    const directory = await makeDirectory()
    const { store } = await openStore(directory, { segmentBytesMax: 1_000 })
    for (let i = 0; i < 6; i += 1) await store.write(entries(5))
    await store.close()
    const names = await readdir(directory)
    assert.ok(names.filter((name) => name.startsWith('audit-')).length >= 3, names.join())
    const report = await verify(directory)
    assert.deepEqual(report.faults, [])
    assert.ok(report.checkpoints.checked >= 2)
  })

  it('begins another segment when one is old enough', async () => {
    const clock = new FakeClock()
    const directory = await makeDirectory()
    const { store } = await openStore(directory, { clock, segmentAgeMs: 60_000 })
    await store.write(entries(1))
    clock.advance(60_000)
    await store.write(entries(1))
    assert.equal(store.openSegment, 2)
    await store.close()
    assert.deepEqual((await verify(directory)).faults, [])
  })

  it('keeps the order of its records, and says so, when the clock goes back', async () => {
    const directory = await makeDirectory()
    const { store } = await openStore(directory)
    await store.write([entry(), { ...entry(), atWallMs: Date.UTC(2025, 0, 1) }, entry()])
    await store.close()
    const records = await recordsOf(directory)
    assert.deepEqual(
      records.slice(1).map(({ seq, time }) => [seq, time]),
      [
        [2, '2026-01-01T00:00:00.000Z'],
        [3, '2025-01-01T00:00:00.000Z'],
        [4, '2026-01-01T00:00:00.000Z'],
      ],
    )
    const report = await verify(directory)
    assert.deepEqual(report.faults, [])
    assert.ok(report.notes.some((note) => note.startsWith('the clock went back')))
  })

  it('takes an attempt that was recorded after it had waited for no clock that went back', async () => {
    const directory = await makeDirectory()
    const { store } = await openStore(directory)
    const atWallMs = Date.now() + 1_000
    const before = { ...entry({}, 'call.attempted'), atWallMs: atWallMs - 90 }
    await store.write([{ ...entry(), atWallMs }, before, { ...entry(), atWallMs: atWallMs + 1 }])
    await store.close()
    assert.deepEqual((await verify(directory)).notes, [])
  })

  it('has one writer: a second one is refused, and the lock goes with its holder', async () => {
    const directory = await makeDirectory()
    const { store } = await openStore(directory)
    const second = await AuditStore.open(storeOptions(directory))
    assert.ok('kind' in second)
    assert.equal(
      second.problem,
      'another process writes to it; give each sidecar a directory of its own',
    )
    await store.close()
    const third = await openStore(directory)
    assert.equal(third.store.openSegment, 2)
  })

  it('is not begun anew over a log whose chain key is gone', async () => {
    const { directory } = await makeLog()
    await rm(join(directory, 'keys', 'chain.key'))
    const opened = await AuditStore.open(storeOptions(directory))
    assert.ok('kind' in opened)
    assert.match(opened.path, /chain\.key$/)
    assert.match(opened.problem, /missing/)
  })
})

describe('A log that was tampered with', () => {
  it('is told by one bit, and where', async () => {
    const { directory } = await makeLog()
    const path = segmentPath(directory, 1)
    const bytes = await readFile(path)
    const at = bytes.indexOf('"n":4')
    bytes.writeUInt8((bytes[at + 4] ?? 0) ^ 1, at + 4)
    await writeFile(path, bytes)
    const { faults } = await verify(directory)
    assert.equal(faults.length, 1)
    assert.deepEqual(
      [faults[0]?.segment, faults[0]?.record, faults[0]?.problem],
      [1, 6, 'the record is not as it was written'],
    )
    assert.equal(faults[0]?.offset, bytes.lastIndexOf('\n', at) + 1)
  })

  it('is told by a bit anywhere in a record, its keyed hash and its line feed included', async () => {
    const { directory } = await makeLog()
    const path = segmentPath(directory, 1)
    const good = await readFile(path)
    const begin = good.indexOf('{"v":1,"seq":3,')
    const end = good.indexOf('{"v":1,"seq":4,')
    for (let at = begin; at < end; at += 3) {
      const bytes = Buffer.from(good)
      bytes.writeUInt8((bytes[at] ?? 0) ^ (1 << (at % 8)), at)
      await writeFile(path, bytes)
      const { faults } = await verify(directory)
      assert.notEqual(faults.length, 0, `byte ${at - begin} of the record`)
    }
  })

  it('is told by a record that was taken out', async () => {
    const { directory } = await makeLog()
    await changeLines(directory, (lines) => lines.toSpliced(4, 1))
    const { faults } = await verify(directory)
    assert.match(faults[0]?.problem ?? '', /^record 6 stands where 5 should/)
  })

  it('is told by two records that were swapped', async () => {
    const { directory } = await makeLog()
    await changeLines(directory, (lines) => lines.with(4, lines[5] ?? '').with(5, lines[4] ?? ''))
    const { faults } = await verify(directory)
    assert.match(faults[0]?.problem ?? '', /^record 6 stands where 5 should/)
  })

  it('is told by a record that was put in', async () => {
    const { directory } = await makeLog()
    await changeLines(directory, (lines) => lines.toSpliced(5, 0, lines[4] ?? ''))
    const { faults } = await verify(directory)
    assert.match(faults[0]?.problem ?? '', /^record 5 stands where 6 should/)
  })

  it('is told by a checkpoint when its last records were cut off', async () => {
    const { directory } = await makeLog()
    await changeLines(directory, (lines) => lines.slice(0, 8))
    const { faults } = await verify(directory)
    assert.deepEqual(
      faults.map(({ record, problem }) => [record, problem]),
      [[9, 'a signed checkpoint counts 11 records, the log ends with record 8: 3 are gone']],
    )
  })

  it('puts the public key right at a start when another one stands in its place', async () => {
    const { directory } = await makeLog()
    const file = join(directory, 'keys', 'checkpoint.pub')
    const right = await readFile(file, 'utf8')
    await writeFile(file, 'other\n')
    await openStore(directory)
    assert.equal(await readFile(file, 'utf8'), right)
  })

  it('notices within seconds that the file it writes to was taken away, and goes on in another', async () => {
    const clock = new FakeClock()
    const directory = await makeDirectory()
    const { store } = await openStore(directory, { clock })
    await store.write(entries(1))
    await rename(segmentPath(directory, 1), join(directory, 'audit-00000001.jsonl.1'))
    clock.advance(6_000)
    await assert.rejects(store.write(entries(1)), { code: 'file_gone' })
    await store.write(entries(1))
    await store.close()
    const { faults } = await verify(directory)
    assert.match(
      faults[0]?.problem ?? '',
      /^it begins with record 3, and no record says that those/,
    )
    // It is whole again when the file is back.
    await rename(join(directory, 'audit-00000001.jsonl.1'), segmentPath(directory, 1))
    assert.deepEqual((await verify(directory)).faults, [])
  })

  it('writes nothing while it cannot look whether its file is in its place', async () => {
    const clock = new FakeClock()
    const directory = await makeDirectory()
    const { store } = await openStore(directory, { clock })
    await store.write(entries(1))
    await rename(directory, `${directory}.away`)
    await writeFile(directory, '')
    clock.advance(6_000)
    await assert.rejects(store.write(entries(1)), { code: 'ENOTDIR' })
    // No time has passed, and no place was found meanwhile.
    await assert.rejects(store.write(entries(1)), { code: 'ENOTDIR' })
    await rm(directory)
    await rename(`${directory}.away`, directory)
    await store.write(entries(1))
    await store.close()
    const { faults, records } = await verify(directory)
    assert.deepEqual(faults, [])
    assert.equal(records, 3)
  })

  it('is told by a checkpoint when its last file was removed whole, and at the next start', async () => {
    const { directory } = await makeLog()
    await rm(segmentPath(directory, 1))
    const { faults } = await verify(directory)
    assert.deepEqual(
      faults.map(({ record, problem }) => [record, problem]),
      [[1, 'a signed checkpoint counts 11 records, the log ends with record 0: 11 are gone']],
    )
    const { store } = await openStore(directory)
    assert.equal(store.recovered.missing, 11)
  })

  it('is told by a checkpoint that was kept elsewhere when its own went too', async () => {
    const { directory, notes } = await makeLog()
    await changeLines(directory, (lines) => lines.slice(0, 8))
    await rm(checkpointPath(directory, 1))
    assert.deepEqual((await verify(directory)).faults, [])
    const { faults } = await verify(directory, { kept: notes })
    assert.match(faults[0]?.problem ?? '', /3 are gone$/)
  })

  it('is told without the chain key by a signed checkpoint', async () => {
    const { directory } = await makeLog()
    await changeLines(directory, (lines) => lines.map((line) => line.replace('"n":4', '"n":5')))
    const { faults } = await verify(directory, { withoutKey: true })
    assert.match(faults[0]?.problem ?? '', /not those that a signed checkpoint counts \(11\)$/)
  })

  it('is told by a segment whose first record is another, or that was emptied', async () => {
    for (const content of ['{"v":1}\n', '']) {
      const { directory } = await makeLog()
      const { store } = await openStore(directory)
      await store.close()
      await writeFile(segmentPath(directory, 1), content)
      const { faults } = await verify(directory)
      assert.match(
        faults[0]?.problem ?? '',
        content === '' ? /no record says/ : /does not begin with a segment\.opened record/,
      )
    }
  })

  it('is told by a segment that is gone', async () => {
    const directory = await makeDirectory()
    for (let i = 0; i < 3; i += 1) {
      const { store } = await openStore(directory)
      await store.write(entries(2))
      await store.close()
    }
    await rm(segmentPath(directory, 2))
    const { faults } = await verify(directory)
    assert.deepEqual(
      faults.map(({ segment, problem }) => [segment, problem]),
      [[3, 'it follows on segment 2, which is not there']],
    )
  })

  it('is told by a first segment that is gone without a record of its removal', async () => {
    const { directory } = await makeLog()
    const { store } = await openStore(directory)
    await store.close()
    await rm(segmentPath(directory, 1))
    const { faults } = await verify(directory)
    assert.match(faults[0]?.problem ?? '', /no record says that those before were removed$/)
  })

  it('is told by a segment in the middle that was cut short', async () => {
    const { directory } = await makeLog()
    const { store } = await openStore(directory)
    await store.close()
    await changeLines(directory, (lines) => lines.slice(0, 8))
    const { faults } = await verify(directory)
    assert.equal(faults.length, 1)
    assert.deepEqual([faults[0]?.segment, faults[0]?.record], [1, 9])
    assert.match(faults[0]?.problem ?? '', /records are gone$/)
  })

  it('is told by a checkpoint that another key has signed', async () => {
    const { directory } = await makeLog()
    const path = checkpointPath(directory, 1)
    const line = await readFile(path, 'utf8')
    await writeFile(path, line.replace(/\\n11\\n/, '\\n10\\n'))
    const { faults } = await verify(directory)
    assert.equal(faults[0]?.problem, '1 checkpoints are not signed by this key')
  })
})

describe('A log after a crash', () => {
  it('loses a last line that is not whole, and nothing else', async () => {
    const { directory } = await makeLog()
    const before = (await stat(segmentPath(directory, 1))).size
    await appendFile(segmentPath(directory, 1), '{"v":1,"seq":12,"time"')
    const { store } = await openStore(directory)
    assert.deepEqual(store.recovered.previous, { segment: 1, bytes: before, end: 'torn' })
    assert.equal(store.recovered.tornBytes, 22)
    await store.close()
    assert.equal((await stat(segmentPath(directory, 1))).size, before)
    assert.deepEqual((await verify(directory)).faults, [])
  })

  it('takes nothing away where more than the last line is wrong, and stays at fault for ever', async () => {
    const { directory } = await makeLog()
    await changeLines(directory, (lines) => lines.with(5, '{"v":1}'))
    const before = (await stat(segmentPath(directory, 1))).size
    const { store } = await openStore(directory)
    assert.equal(store.recovered.previous?.end, 'damaged')
    assert.equal(store.recovered.missing, 6)
    await store.close()
    assert.equal((await stat(segmentPath(directory, 1))).size, before)
    const { faults } = await verify(directory)
    assert.match(faults.map(({ problem }) => problem).join(), /was no part of the log/)
  })

  it('says how many records a checkpoint counts that are gone', async () => {
    const { directory } = await makeLog()
    const { size } = await stat(segmentPath(directory, 1))
    const [line = ''] = (await readFile(segmentPath(directory, 1), 'utf8'))
      .trimEnd()
      .split('\n')
      .slice(-1)
    await truncate(segmentPath(directory, 1), size - line.length - 1)
    const { store } = await openStore(directory)
    assert.equal(store.recovered.missing, 1)
  })

  it('begins with an empty file as if it were not there', async () => {
    const { directory } = await makeLog()
    await writeFile(segmentPath(directory, 2), '{"v":1')
    assert.deepEqual((await verify(directory)).faults, [])
    const { store } = await openStore(directory)
    assert.equal(store.openSegment, 3)
    await store.close()
    assert.deepEqual((await verify(directory)).faults, [])
  })
})
