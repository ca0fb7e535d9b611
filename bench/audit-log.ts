/** Opens an audit log as the sidecar does, for the benchmarks and the test of crashes. */

import { join } from 'node:path'
import { systemFs } from '../src/audit/audit-fs.ts'
import { AuditStore } from '../src/audit/store.ts'
import { AuditWriter } from '../src/audit/writer.ts'
import { systemClock } from '../src/core/clock.ts'

export interface OpenLog {
  readonly store: AuditStore
  readonly writer: AuditWriter
  dropped(): number
  /** How long each `fdatasync` took. */
  readonly syncsMs: readonly number[]
}

/** The settings are the defaults of the configuration. */
export async function openLog(directory: string): Promise<OpenLog> {
  const syncsMs: number[] = []
  let dropped = 0
  const store = await AuditStore.open({
    directory,
    keys: join(directory, 'keys'),
    segmentBytesMax: 64 * 1024 ** 2,
    segmentAgeMs: 86_400_000,
    freeBytesMin: 256 * 1024 ** 2,
    checkpointFile: undefined,
    fs: systemFs,
    clock: systemClock,
    onCheckpoint: () => {},
    onRecorded: () => {},
    onSynced: (tookMs) => void syncsMs.push(tookMs),
  })
  if ('kind' in store) throw new Error(`${store.path}: ${store.problem}`)
  const writer = new AuditWriter({
    store,
    fs: systemFs,
    directory,
    clock: systemClock,
    queueMax: 10_000,
    queueBytesMax: 32 * 1024 ** 2,
    flushMs: 100,
    strictMs: 5_000,
    retentionMs: 400 * 86_400_000,
    checkpointRecords: 1_000,
    checkpointMs: 60_000,
    meter: {
      recorded: () => {},
      dropped: (count) => {
        dropped += count
      },
      synced: () => {},
      limitHit: () => {},
    },
    onFailing: (code) => {
      throw new Error(`the log cannot be written: ${code}`)
    },
    onWorking: () => {},
  })
  return { store, writer, syncsMs, dropped: () => dropped }
}
