/** The files of a log: segments of records, and what the first record of each says. */

import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { edgeOf } from './merkle.ts'
import { LINE_BYTES_MAX, membersOf, parseRecord, type AuditRecord } from './record.ts'
import type { ChainState } from './chain.ts'

/** How a segment ended, as the next one says. */
export type SegmentEnd =
  | 'rotated'
  | 'stopped'
  /** The process ended without a word; every line is whole. */
  | 'crashed'
  /** The last line was not whole; it was cut off. */
  | 'torn'
  /** Something could not be written; what stands behind `bytes` was never acknowledged. */
  | 'write_failed'
  /** What stands behind `bytes` is no part of the chain, and not only a line that was cut short. */
  | 'damaged'

export interface PreviousSegment {
  readonly segment: number
  /** How much of its file counts. */
  readonly bytes: number
  readonly end: SegmentEnd
}

/** What a `segment.opened` record says. */
export interface SegmentHead {
  readonly segment: number
  readonly origin: string
  /** What its first record is chained to. */
  readonly before: ChainState
  readonly previous: PreviousSegment | undefined
}

export const LOCK_FILE = 'writer.lock'

export function segmentPath(directory: string, segment: number): string {
  return join(directory, `audit-${String(segment).padStart(8, '0')}.jsonl`)
}

/** The checkpoints that were made while a segment was written. */
export function checkpointPath(directory: string, segment: number): string {
  return join(directory, `checkpoints-${String(segment).padStart(8, '0')}.jsonl`)
}

/** Numbers of the segments among the names in a directory, in their order. */
export function segmentsIn(names: readonly string[]): readonly number[] {
  return numbersIn(names, /^audit-(\d{8,})\.jsonl$/)
}

/** Numbers of the segments of which there are checkpoints, whether they are there or not. */
export function checkpointsOf(names: readonly string[]): readonly number[] {
  return numbersIn(names, /^checkpoints-(\d{8,})\.jsonl$/)
}

function numbersIn(names: readonly string[], pattern: RegExp): readonly number[] {
  return names
    .flatMap((name) => {
      const [, digits] = pattern.exec(name) ?? []
      return digits === undefined ? [] : [Number(digits)]
    })
    .toSorted((a, b) => a - b)
}

export function headBody({ segment, origin, before, previous }: SegmentHead): AuditHeadBody {
  return {
    segment,
    origin,
    after: before.mac.toString('base64url'),
    tree: before.tree.roots.map((root) => root.toString('base64url')),
    previous: previous === undefined ? undefined : { ...previous },
  }
}

interface AuditHeadBody {
  readonly [name: string]:
    | string
    | number
    | readonly string[]
    | { readonly [name: string]: string | number }
    | undefined
}

const ENDS: readonly SegmentEnd[] = [
  'rotated',
  'stopped',
  'crashed',
  'torn',
  'write_failed',
  'damaged',
]

/** Undefined when a record is no such first record. */
export function readHead(record: AuditRecord | undefined): SegmentHead | undefined {
  if (record?.type !== 'segment.opened') return undefined
  const { segment, origin, after, tree, previous } = record
  if (typeof segment !== 'number' || typeof origin !== 'string') return undefined
  if (typeof after !== 'string' || !isTexts(tree)) return undefined
  const mac = Buffer.from(after, 'base64url')
  const edge = edgeOf(record.seq - 1, tree)
  if (mac.length !== 32 || edge === undefined) return undefined
  return { segment, origin, before: { mac, tree: edge }, previous: readPrevious(previous) }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function readPrevious(value: unknown): PreviousSegment | undefined {
  const members = membersOf(value)
  const [segment, bytes] = [members.get('segment'), members.get('bytes')]
  const end = ENDS.find((one) => one === members.get('end'))
  return typeof segment === 'number' && typeof bytes === 'number' && end !== undefined
    ? { segment, bytes, end }
    : undefined
}

/** One line of a segment. */
export interface SegmentLine {
  /** Without its line feed. */
  readonly bytes: Buffer
  /** Where in the file it begins. */
  readonly offset: number
  /** False for what stands behind the last line feed, or is longer than any line may be. */
  readonly whole: boolean
}

const READ_BYTES = 256 * 1024
const LINE_FEED = 10

/**
 * The lines of a file one after another, from byte `start` on, where one begins; of a line that is too
 * long, only its beginning, and no more.
 */
export async function* readLines(
  path: string,
  start = 0,
): AsyncGenerator<SegmentLine, void, undefined> {
  let rest: Buffer = Buffer.alloc(0)
  let offset = start
  const stream: AsyncIterable<Buffer> = createReadStream(path, { start, highWaterMark: READ_BYTES })
  for await (const chunk of stream) {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let end = bytes.indexOf(LINE_FEED)
    while (end >= 0) {
      yield { bytes: bytes.subarray(0, end), offset, whole: true }
      offset += end + 1
      bytes = bytes.subarray(end + 1)
      end = bytes.indexOf(LINE_FEED)
    }
    rest = bytes
    if (rest.length > LINE_BYTES_MAX) break
  }
  if (rest.length > 0) yield { bytes: rest, offset, whole: false }
}

/** The first line of a file; undefined when it is empty. */
export async function readFirstLine(path: string): Promise<SegmentLine | undefined> {
  for await (const line of readLines(path)) return line
  return undefined
}

/** The first record of a segment. */
export async function readFirst(path: string): Promise<AuditRecord | undefined> {
  const line = await readFirstLine(path)
  return line?.whole === true ? parseRecord(line.bytes) : undefined
}
