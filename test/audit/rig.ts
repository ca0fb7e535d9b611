/** A real log in a directory of its own, and file systems that fail. */

import { createPublicKey } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import assert from 'node:assert/strict'
import { systemFs, type AuditFile, type AuditFs } from '../../src/audit/audit-fs.ts'
import { AuditStore, type StoreOptions } from '../../src/audit/store.ts'
import type { VerifyReport } from '../../src/audit/verify-report.ts'
import { verifyLog } from '../../src/audit/verify.ts'
import { AuditWriter, type WriterOptions } from '../../src/audit/writer.ts'
import type { AuditEntry, AuditType } from '../../src/core/audit.ts'
import type { Clock } from '../../src/core/clock.ts'
import { systemClock } from '../../src/core/clock.ts'
import { parseRecord, type AuditRecord } from '../../src/audit/record.ts'
import { segmentPath } from '../../src/audit/segment.ts'
import { closeAfterTest } from '../support/scope.ts'

export async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sidelight-audit-'))
  closeAfterTest(() => rm(directory, { recursive: true, force: true }))
  return directory
}

export interface Rig {
  readonly directory: string
  readonly store: AuditStore
  readonly notes: string[]
  close(): Promise<void>
}

const SETTINGS = {
  segmentBytesMax: 1024 * 1024,
  segmentAgeMs: 86_400_000,
  freeBytesMin: 0,
  checkpointFile: undefined,
}

export function storeOptions(directory: string, changes: Partial<StoreOptions> = {}): StoreOptions {
  return {
    ...SETTINGS,
    directory,
    keys: join(directory, 'keys'),
    fs: systemFs,
    clock: systemClock,
    onCheckpoint: () => {},
    onRecorded: () => {},
    onSynced: () => {},
    ...changes,
  }
}

export async function openStore(
  directory: string,
  changes: Partial<StoreOptions> = {},
): Promise<Rig> {
  const notes: string[] = []
  const store = await AuditStore.open(
    storeOptions(directory, { onCheckpoint: (note) => void notes.push(note), ...changes }),
  )
  assert.ok(store instanceof AuditStore, JSON.stringify(store))
  closeAfterTest(() => store.close())
  return { directory, store, notes, close: () => store.close() }
}

export function entry(body: AuditEntry['body'] = {}, type: AuditType = 'call.ended'): AuditEntry {
  return { type, atWallMs: Date.UTC(2026, 0, 1), body }
}

export function entries(count: number): AuditEntry[] {
  return Array.from({ length: count }, (_, n) => entry({ n }))
}

export async function recordsOf(directory: string, segment = 1): Promise<AuditRecord[]> {
  const text = await readFile(segmentPath(directory, segment), 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const record = parseRecord(Buffer.from(line))
      assert.ok(record !== undefined, line)
      return record
    })
}

/** With everything that the directory itself holds. */
export async function verify(
  directory: string,
  options: { readonly kept?: readonly string[]; readonly withoutKey?: boolean } = {},
): Promise<VerifyReport> {
  const keys = join(directory, 'keys')
  const chainKey = Buffer.from((await readFile(join(keys, 'chain.key'), 'utf8')).trim(), 'hex')
  const publicKey = createPublicKey(await readFile(join(keys, 'signing.pem'), 'utf8'))
  const [name = ''] = (await readFile(join(keys, 'checkpoint.pub'), 'utf8')).split('+')
  return verifyLog({
    directory,
    chainKey: options.withoutKey === true ? undefined : chainKey,
    verifier: { name, publicKey },
    kept: options.kept ?? [],
  })
}

/** A file system on which the next writes, syncs or other calls go wrong, as long as they are told to. */
export interface FaultyFs {
  readonly fs: AuditFs
  /** Called before each operation on a segment; throws, or for a write says how much it takes. */
  fault:
    | ((what: 'write' | 'datasync' | 'create', bytes: Buffer | undefined) => number | undefined)
    | undefined
}

export function faultyFs(): FaultyFs {
  const faulty: FaultyFs = { fs: systemFs, fault: undefined }
  const wrap = (file: AuditFile): AuditFile => ({
    ...file,
    write: async (bytes) => {
      const taken = faulty.fault?.('write', bytes)
      return file.write(taken === undefined ? bytes : bytes.subarray(0, taken))
    },
    datasync: async () => {
      faulty.fault?.('datasync', undefined)
      await file.datasync()
    },
  })
  const isSegment = (path: string): boolean => path.includes('audit-0')
  const fs: AuditFs = {
    ...systemFs,
    create: async (path) => {
      if (!isSegment(path)) return systemFs.create(path)
      faulty.fault?.('create', undefined)
      return wrap(await systemFs.create(path))
    },
  }
  return Object.assign(faulty, { fs })
}

export function failure(code: string): Error {
  return Object.assign(new Error(code), { code })
}

export interface WriterRig {
  readonly writer: AuditWriter
  readonly store: AuditStore
  readonly directory: string
  readonly dropped: () => number
  readonly failures: string[]
  /** How many entries were lost, each time that it worked again. */
  readonly recoveries: number[]
}

export async function openWriter(
  changes: Partial<WriterOptions> & {
    readonly store?: never
    readonly fs?: AuditFs
    readonly clock?: Clock
    readonly directory?: string
    readonly storeSettings?: Partial<StoreOptions>
  } = {},
): Promise<WriterRig> {
  const { storeSettings, ...settings } = changes
  const directory = changes.directory ?? (await makeDirectory())
  const fs = changes.fs ?? systemFs
  const clock = changes.clock ?? systemClock
  const { store } = await openStore(directory, { fs, clock, ...storeSettings })
  let dropped = 0
  const failures: string[] = []
  const recoveries: number[] = []
  const writer = new AuditWriter({
    queueMax: 10_000,
    queueBytesMax: 32 * 1024 * 1024,
    flushMs: 5,
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
    onFailing: (code) => void failures.push(code),
    onWorking: (count) => void recoveries.push(count),
    ...settings,
    store,
    fs,
    directory,
    clock,
  })
  closeAfterTest(() => writer.close(5_000))
  return { writer, store, directory, dropped: () => dropped, failures, recoveries }
}
