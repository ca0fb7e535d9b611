/** Finds records of a log, in their order and in pages. Reads only; the log may be written meanwhile. */

import { readdir } from 'node:fs/promises'
import { parseRecord, type AuditRecord } from './record.ts'
import { readFirst, readHead, readLines, segmentPath, segmentsIn } from './segment.ts'

/** What records must have; what is undefined does not matter. */
export interface AuditFilter {
  readonly sinceMs: number | undefined
  readonly untilMs: number | undefined
  /** Pseudonyms of one person. */
  readonly subjects: readonly string[] | undefined
  readonly upstream: string | undefined
  readonly tool: string | undefined
  readonly type: string | undefined
  readonly outcome: string | undefined
  readonly traceId: string | undefined
  /** Joins the records of one call. */
  readonly call: string | undefined
}

export const NO_FILTER: AuditFilter = {
  sinceMs: undefined,
  untilMs: undefined,
  subjects: undefined,
  upstream: undefined,
  tool: undefined,
  type: undefined,
  outcome: undefined,
  traceId: undefined,
  call: undefined,
}

export interface AuditPage {
  readonly records: readonly AuditRecord[]
  /** Where the next page begins: the number to ask for records after. Undefined at the end. */
  readonly next: number | undefined
}

export interface PageOptions {
  /** Only records after this number. */
  readonly after: number
  readonly limit: number
  /** Most records that are looked at; the page may hold fewer than there are, and says where to go on. */
  readonly scanMax: number
}

/** Clocks go back; records of one segment are believed to be within so long of its first. */
const CLOCK_SLACK_MS = 86_400_000

export async function queryLog(
  directory: string,
  filter: AuditFilter,
  { after, limit, scanMax }: PageOptions,
): Promise<AuditPage> {
  const records: AuditRecord[] = []
  let scanned = 0
  for await (const record of recordsAfter(directory, after, filter.sinceMs)) {
    scanned += 1
    if (matches(record, filter)) records.push(record)
    if (records.length >= limit || scanned >= scanMax) return { records, next: record.seq }
  }
  return { records, next: undefined }
}

/** All records after a number that fit, in their order. */
export async function* findRecords(
  directory: string,
  filter: AuditFilter,
  after: number,
): AsyncGenerator<AuditRecord, void, undefined> {
  for await (const record of recordsAfter(directory, after, filter.sinceMs)) {
    if (matches(record, filter)) yield record
  }
}

/** Up to where a log has been read. */
export interface LogPlace {
  readonly segment: number
  /** Where the next line begins. */
  readonly offset: number
}

export const LOG_START: LogPlace = { segment: 0, offset: 0 }

/** Records that fit, in their order, and where those begin that come later. */
export interface LogPart {
  readonly records: readonly AuditRecord[]
  readonly place: LogPlace
}

/** The last records that fit. */
export async function tailLog(
  directory: string,
  filter: AuditFilter,
  count: number,
): Promise<LogPart> {
  const segments = await readSegments(directory)
  let found: AuditRecord[] = []
  let end: LogPlace | undefined
  for (const segment of segments.toReversed()) {
    const own: AuditRecord[] = []
    let place = { segment: segment.number, offset: 0 }
    // oxlint-disable-next-line no-await-in-loop
    for await (const { record, offset } of recordsOf(directory, segment)) {
      place = { segment: segment.number, offset }
      if (!matches(record, filter)) continue
      own.push(record)
      if (own.length > count) own.shift()
    }
    end ??= place
    found = [...own, ...found].slice(-count)
    if (found.length >= count) break
  }
  return { records: found, place: end ?? LOG_START }
}

/** What has come since, without reading again what came before. */
export async function followLog(
  directory: string,
  filter: AuditFilter,
  from: LogPlace,
): Promise<LogPart> {
  const records: AuditRecord[] = []
  let place = from
  for (const segment of await readSegments(directory, from.segment)) {
    const start = segment.number === from.segment ? from.offset : 0
    // oxlint-disable-next-line no-await-in-loop
    for await (const { record, offset } of recordsOf(directory, segment, start)) {
      place = { segment: segment.number, offset }
      if (matches(record, filter)) records.push(record)
    }
  }
  return { records, place }
}

/** All records after a number; those of segments that are older than `sinceMs` may be left out. */
export async function* recordsAfter(
  directory: string,
  after: number,
  sinceMs?: number,
): AsyncGenerator<AuditRecord, void, undefined> {
  const segments = await readSegments(directory)
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1]
    if (next !== undefined && next.firstSeq <= after + 1) continue
    if (next !== undefined && sinceMs !== undefined && next.atMs < sinceMs - CLOCK_SLACK_MS)
      continue
    for await (const { record } of recordsOf(directory, segment)) {
      if (record.seq > after) yield record
    }
  }
}

interface Segment {
  readonly number: number
  readonly firstSeq: number
  readonly atMs: number
  /** How much of the file counts. */
  readonly bytes: number
}

/** Those from this number on. */
async function readSegments(directory: string, from = 0): Promise<readonly Segment[]> {
  const segments: Segment[] = []
  for (const number of segmentsIn(await readdir(directory))) {
    if (number < from) continue
    // oxlint-disable-next-line no-await-in-loop
    const record = await readFirst(segmentPath(directory, number))
    const head = readHead(record)
    if (record === undefined || head === undefined) continue
    const last = segments.at(-1)
    if (last !== undefined && head.previous?.segment === last.number) {
      segments[segments.length - 1] = { ...last, bytes: head.previous.bytes }
    }
    const atMs = Date.parse(record.time)
    segments.push({ number, firstSeq: record.seq, atMs, bytes: Infinity })
  }
  return segments
}

/** Records from byte `start` on, and where the line after each begins. */
async function* recordsOf(
  directory: string,
  { number, bytes }: Segment,
  start = 0,
): AsyncGenerator<{ readonly record: AuditRecord; readonly offset: number }, void, undefined> {
  for await (const line of readLines(segmentPath(directory, number), start)) {
    if (!line.whole || line.offset >= bytes) return
    const record = parseRecord(line.bytes)
    if (record !== undefined) yield { record, offset: line.offset + line.bytes.length + 1 }
  }
}

function matches(record: AuditRecord, filter: AuditFilter): boolean {
  const atMs = Date.parse(record.time)
  if (filter.sinceMs !== undefined && !(atMs >= filter.sinceMs)) return false
  if (filter.untilMs !== undefined && !(atMs < filter.untilMs)) return false
  return (
    isAmong(record, filter.subjects) &&
    same(record.upstream, filter.upstream) &&
    same(record.tool, filter.tool) &&
    same(record.type, filter.type) &&
    same(record.outcome, filter.outcome) &&
    same(record.trace?.traceId, filter.traceId) &&
    same(record.call, filter.call)
  )
}

function same(value: string | undefined, wanted: string | undefined): boolean {
  return wanted === undefined || value === wanted
}

/** True also of who acted on somebody's behalf. */
function isAmong({ who }: AuditRecord, subjects: readonly string[] | undefined): boolean {
  if (subjects === undefined) return true
  const actors = who?.actors?.map(({ subject }) => subject) ?? []
  return [who?.subject, ...actors].some((one) => one !== undefined && subjects.includes(one))
}
