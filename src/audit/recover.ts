/** Finds out where a log stands when its writer starts: after a good end, a crash, or something worse. */

import { createPublicKey } from 'node:crypto'
import { CHAIN_START, follow, isChained, type ChainState } from './chain.ts'
import { checkpointsIn } from './checkpoints.ts'
import type { AuditFs } from './audit-fs.ts'
import type { AuditKeys } from './keys.ts'
import { LINE_BYTES_MAX, parseRecord } from './record.ts'
import {
  checkpointPath,
  checkpointsOf,
  readHead,
  readLines,
  segmentPath,
  segmentsIn,
  type PreviousSegment,
} from './segment.ts'

export interface Recovered {
  readonly state: ChainState
  readonly nextSegment: number
  readonly previous: PreviousSegment | undefined
  /** Bytes of a last line that was not whole. */
  readonly tornBytes: number
  /** Records that a checkpoint of ours counts and that are not there. */
  readonly missing: number
}

interface Scan {
  readonly state: ChainState
  /** Where the last record of the chain ends. */
  readonly bytes: number
  readonly tail: 'clean' | 'torn' | 'damaged'
  readonly tornBytes: number
  readonly lastType: string
}

/** Cuts off a last line that is not whole; nothing else is ever taken away. */
export async function recover(fs: AuditFs, directory: string, keys: AuditKeys): Promise<Recovered> {
  const names = await fs.names(directory)
  const segments = segmentsIn(names)
  const nextSegment = (segments.at(-1) ?? 0) + 1
  const found = await lastChained(fs, directory, segments, keys.chain)
  const state = found?.scan.state ?? CHAIN_START
  const missing = Math.max(
    0,
    (await lastCheckpoint(fs, directory, checkpointsOf(names), keys)) - state.tree.size,
  )
  if (found === undefined) {
    return { state, nextSegment, previous: undefined, tornBytes: 0, missing }
  }
  const { segment, scan } = found
  if (scan.tail === 'torn') await cut(fs, segmentPath(directory, segment), scan.bytes)
  return {
    state,
    nextSegment,
    previous: { segment, bytes: scan.bytes, end: endOf(scan) },
    tornBytes: scan.tornBytes,
    missing,
  }
}

function endOf({ tail, lastType }: Scan): PreviousSegment['end'] {
  if (tail !== 'clean') return tail
  return lastType === 'audit.stopped' ? 'stopped' : 'crashed'
}

/** The last segment that begins as one should; files after it that hold no whole line are removed. */
async function lastChained(
  fs: AuditFs,
  directory: string,
  segments: readonly number[],
  key: Buffer,
): Promise<{ readonly segment: number; readonly scan: Scan } | undefined> {
  for (const segment of segments.toReversed()) {
    const path = segmentPath(directory, segment)
    // The last one nearly always.
    // oxlint-disable-next-line no-await-in-loop
    const scan = await scanSegment(path, key)
    if (typeof scan !== 'string') return { segment, scan }
    // oxlint-disable-next-line no-await-in-loop
    if (scan === 'empty') await fs.remove(path)
  }
  return undefined
}

/** `empty` when a crash came before the first record was written, `no_head` when it is another's. */
async function scanSegment(path: string, key: Buffer): Promise<Scan | 'empty' | 'no_head'> {
  let scan: Scan | undefined
  for await (const { bytes, offset, whole } of readLines(path)) {
    if (!whole) return endAt(scan, bytes)
    const next = step(scan, bytes, offset, key)
    if (next === undefined) return scan === undefined ? 'no_head' : { ...scan, tail: 'damaged' }
    scan = next
  }
  return scan ?? 'empty'
}

/** What stands behind the last line feed is the beginning of a line, unless none is so long. */
function endAt(scan: Scan | undefined, rest: Buffer): Scan | 'empty' | 'no_head' {
  const isLine = rest.length <= LINE_BYTES_MAX
  if (scan === undefined) return isLine ? 'empty' : 'no_head'
  return isLine ? { ...scan, tail: 'torn', tornBytes: rest.length } : { ...scan, tail: 'damaged' }
}

/** Undefined when a line does not follow on those before it. */
function step(scan: Scan | undefined, line: Buffer, offset: number, key: Buffer): Scan | undefined {
  const record = parseRecord(line)
  const before = scan?.state ?? readHead(record)?.before
  if (record === undefined || before === undefined || !isChained(key, before, line)) {
    return undefined
  }
  const state = follow(before, line)
  if (state === undefined) return undefined
  const bytes = offset + line.length + 1
  return { state, bytes, tail: 'clean', tornBytes: 0, lastType: record.type }
}

async function cut(fs: AuditFs, path: string, length: number): Promise<void> {
  const file = await fs.append(path)
  try {
    await file.truncate(length)
    await file.datasync()
  } finally {
    await file.close()
  }
}

/** How many records the last of our own checkpoints counts. */
async function lastCheckpoint(
  fs: AuditFs,
  directory: string,
  segments: readonly number[],
  { signer }: AuditKeys,
): Promise<number> {
  const verifier = { name: signer.name, publicKey: createPublicKey(signer.privateKey) }
  let size = 0
  for (const segment of segments.slice(-LOOKED_AT)) {
    // oxlint-disable-next-line no-await-in-loop
    const text = await fs.read(checkpointPath(directory, segment)).catch(() => Buffer.alloc(0))
    // They only grow, so that the last ones tell.
    const last = text.toString('utf8').split('\n').slice(-LOOKED_AT).join('\n')
    for (const one of checkpointsIn(last, verifier).good) size = Math.max(size, one.size)
  }
  return size
}

const LOOKED_AT = 4
