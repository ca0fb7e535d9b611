/**
 * Checks a log as it lies on a disk: every record against the chain, every segment against the next, and
 * the whole against checkpoints. Reads only, and needs nothing but what is passed in.
 */

import { readFile, readdir } from 'node:fs/promises'
import { CheckpointBook, checkpointsIn } from './checkpoints.ts'
import { CHAIN_START, follow, isChained, type ChainState } from './chain.ts'
import { rootOf } from './merkle.ts'
import { parseRecord, type AuditRecord } from './record.ts'
import {
  checkpointPath,
  checkpointsOf,
  readFirstLine,
  readHead,
  readLines,
  segmentPath,
  segmentsIn,
  type PreviousSegment,
  type SegmentHead,
} from './segment.ts'
import type { NoteVerifier } from './signed-note.ts'
import {
  describeOwnRecord,
  type Fault,
  type VerifyOptions,
  type VerifyReport,
} from './verify-report.ts'

interface LinesEnd {
  /** Where the last whole record ends. */
  readonly read: number
  /** Of the file. */
  readonly size: number
}

/** Dated to before they were added, or to when they were written: beside others they say nothing of the clock. */
const OUT_OF_TURN: ReadonlySet<string> = new Set([
  'call.attempted',
  'segment.opened',
  'audit.gap',
  'audit.expired',
])

/** Most faults that are reported. */
const FAULTS_MAX = 100

export async function verifyLog(options: VerifyOptions): Promise<VerifyReport> {
  const numbers: number[] = []
  const heads = new Map<number, SegmentHead | undefined>()
  const names = await readdir(options.directory)
  for (const number of segmentsIn(names)) {
    // oxlint-disable-next-line no-await-in-loop
    const first = await readFirstLine(segmentPath(options.directory, number))
    // What could not be begun is left empty.
    if (first === undefined) continue
    numbers.push(number)
    heads.set(number, first.whole ? readHead(parseRecord(first.bytes)) : undefined)
  }
  const check = new LogCheck(options)
  await check.loadCheckpoints(checkpointsOf(names))
  for (const [index, number] of numbers.entries()) {
    const head = heads.get(number)
    const next = numbers.slice(index + 1).find((one) => heads.get(one) !== undefined)
    const following = next === undefined ? undefined : heads.get(next)
    // oxlint-disable-next-line no-await-in-loop
    await check.segment(number, head, following, numbers[index - 1])
  }
  return check.report(numbers.length)
}

class LogCheck {
  readonly #options: VerifyOptions
  readonly #faults: Fault[] = []
  readonly #notes: string[] = []
  readonly #checkpoints = new CheckpointBook()
  #state: ChainState = CHAIN_START
  /** Undefined before the first segment. */
  #firstRecord: number | undefined
  #records = 0
  #expiredThrough = 0
  #clockWentBack = 0
  /** A fault was found in the segment before, behind which nothing follows on. */
  #broken = false
  #lastTime = ''

  constructor(options: VerifyOptions) {
    this.#options = options
  }

  async loadCheckpoints(numbers: readonly number[]): Promise<void> {
    const { directory, verifier, kept } = this.#options
    if (verifier === undefined) return
    for (const text of kept) this.#takeCheckpoints(text, verifier)
    for (const number of numbers) {
      // oxlint-disable-next-line no-await-in-loop
      const text = await readFile(checkpointPath(directory, number), 'utf8').catch(() => '')
      this.#takeCheckpoints(text, verifier)
    }
  }

  async segment(
    number: number,
    head: SegmentHead | undefined,
    next: SegmentHead | undefined,
    fileBefore: number | undefined,
  ): Promise<void> {
    if (head === undefined) return this.#headless(number, next !== undefined)
    if (head.segment !== number) {
      this.#fault({ segment: number, problem: `it says that it is segment ${head.segment}` })
    }
    if (this.#firstRecord === undefined) this.#begin(head)
    else this.#join(number, head, fileBefore)
    this.#state = head.before
    const limit = next?.previous?.segment === number ? next.previous : undefined
    const end = await this.#lines(number, limit?.bytes)
    if (end === undefined) this.#broken = true
    if (end === undefined || limit === undefined) return
    this.#ending(number, limit, end, next)
  }

  /** What the next segment says of how this one ended. */
  #ending(
    number: number,
    limit: PreviousSegment,
    { read, size }: LinesEnd,
    next: SegmentHead | undefined,
  ): void {
    if (read < limit.bytes) {
      this.#broken = true
      const problem = `it ends at byte ${read}, and segment ${next?.segment} says that it had ${limit.bytes}: records are gone`
      this.#fault({ segment: number, record: this.#state.tree.size + 1, offset: read, problem })
    } else if (limit.end === 'damaged') {
      const problem = `what stands from byte ${limit.bytes} on was no part of the log when the sidecar next started`
      this.#fault({ segment: number, offset: limit.bytes, problem })
    } else if (size > limit.bytes) this.#behind(number, limit.bytes, size, limit.end)
  }

  report(segments: number): VerifyReport {
    const last = this.#state.tree.size
    if (this.#checkpoints.largest > last && !this.#broken) {
      const problem = `a signed checkpoint counts ${this.#checkpoints.largest} records, the log ends with record ${last}: ${this.#checkpoints.largest - last} are gone`
      this.#fault({ record: last + 1, problem })
    }
    if (this.#clockWentBack > 0) {
      this.#notes.push(`the clock went back (${this.#clockWentBack}x); the order is that of seq`)
    }
    const first = this.#firstRecord ?? 1
    if (first > 1) this.#checkStart(first)
    return {
      segments,
      firstRecord: first,
      lastRecord: last,
      records: this.#records,
      faults: this.#faults,
      notes: this.#notes,
      checkpoints: {
        checked: this.#checkpoints.checked,
        notCovered: this.#checkpoints.count - this.#checkpoints.checked,
      },
      afterLastCheckpoint: Math.max(0, last - this.#checkpoints.largest),
    }
  }

  #takeCheckpoints(text: string, verifier: NoteVerifier): void {
    const { good, bad } = checkpointsIn(text, verifier)
    if (bad > 0) this.#fault({ problem: `${bad} checkpoints are not signed by this key` })
    for (const one of good) this.#checkpoints.add(one)
  }

  #begin(head: SegmentHead): void {
    this.#firstRecord = head.before.tree.size + 1
    this.#checkRoots(head.before)
  }

  /** A segment goes on where the one before ended. */
  #join(number: number, head: SegmentHead, fileBefore: number | undefined): void {
    const { tree, mac } = this.#state
    if (this.#broken) return void (this.#broken = false)
    if (head.previous !== undefined && head.previous.segment !== fileBefore) {
      const problem = `it follows on segment ${head.previous.segment}, which is not there`
      this.#fault({ segment: number, record: tree.size + 1, offset: 0, problem })
    } else if (!isSame(head.before, { tree, mac })) {
      const problem = `it begins with record ${head.before.tree.size + 1}, and the segment before ends with ${tree.size}`
      this.#fault({ segment: number, record: tree.size + 1, offset: 0, problem })
    }
  }

  /** Undefined when a fault was found, behind which nothing can be told. */
  async #lines(number: number, limit: number | undefined): Promise<LinesEnd | undefined> {
    let [read, size] = [0, 0]
    for await (const { bytes, offset, whole } of readLines(
      segmentPath(this.#options.directory, number),
    )) {
      size = offset + bytes.length + (whole ? 1 : 0)
      if (limit !== undefined && offset >= limit) continue
      if (!whole) {
        this.#unfinished(number, offset, bytes.length, limit)
        continue
      }
      if (!this.#line(number, offset, bytes)) return undefined
      read = size
    }
    return { read, size }
  }

  #line(number: number, offset: number, bytes: Buffer): boolean {
    const record = parseRecord(bytes)
    const expected = this.#state.tree.size + 1
    const { chainKey } = this.#options
    const next = follow(this.#state, bytes)
    const place = { segment: number, record: expected, offset }
    if (record !== undefined && record.seq !== expected) {
      const problem = `record ${record.seq} stands where ${expected} should: records were taken out, added or swapped`
      this.#fault({ ...place, problem })
      return false
    }
    const kept = chainKey === undefined || isChained(chainKey, this.#state, bytes)
    if (record === undefined || next === undefined || !kept) {
      this.#fault({ ...place, problem: 'the record is not as it was written' })
      return false
    }
    this.#state = next
    this.#records += 1
    this.#look(record)
    return this.#checkRoots(next, number, offset)
  }

  #look(record: AuditRecord): void {
    if (!OUT_OF_TURN.has(record.type)) {
      if (record.time < this.#lastTime) this.#clockWentBack += 1
      this.#lastTime = record.time
    }
    if (record.type === 'audit.expired' && typeof record['through'] === 'number') {
      this.#expiredThrough = Math.max(this.#expiredThrough, record['through'])
    }
    if (record.type === 'audit.gap' || record.type === 'audit.recovered') {
      this.#notes.push(`record ${record.seq} of ${record.time}: ${describeOwnRecord(record)}`)
    }
  }

  #checkRoots(state: ChainState, segment?: number, offset?: number): boolean {
    if (this.#checkpoints.agree(state.tree)) return true
    const problem = `the records up to here are not those that a signed checkpoint counts (${state.tree.size})`
    this.#fault({ segment, record: state.tree.size, offset, problem })
    return false
  }

  #checkStart(first: number): void {
    if (this.#expiredThrough >= first - 1) {
      this.#notes.push(`records 1 to ${first - 1} were removed after their retention, as recorded`)
      return
    }
    const problem = `it begins with record ${first}, and no record says that those before were removed`
    this.#fault({ record: 1, problem })
  }

  async #headless(number: number, isFollowed: boolean): Promise<void> {
    const path = segmentPath(this.#options.directory, number)
    if (!isFollowed && (await readFirstLine(path))?.whole !== true) {
      const note = `segment ${number} holds no record yet: it is being begun, or a crash came first`
      this.#notes.push(note)
      return
    }
    this.#broken = true
    const problem = 'it does not begin with a segment.opened record'
    this.#fault({ segment: number, offset: 0, problem })
  }

  #unfinished(number: number, offset: number, length: number, limit: number | undefined): void {
    if (limit === undefined) {
      this.#notes.push(
        `segment ${number} ends with ${length} bytes of a line that is not whole (at ${offset}): it is being written, or a crash cut it off`,
      )
    }
  }

  #behind(number: number, limit: number, size: number, end: string): void {
    const bytes = size - limit
    if (end === 'write_failed' || end === 'torn') {
      this.#notes.push(
        `segment ${number} has ${bytes} bytes behind its last record (at ${limit}) that were never acknowledged`,
      )
      return
    }
    const problem = `${bytes} bytes stand behind its last record`
    this.#fault({ segment: number, offset: limit, problem })
  }

  #fault(fault: Partial<Fault> & Pick<Fault, 'problem'>): void {
    if (this.#faults.length >= FAULTS_MAX) return
    const { segment, record, offset, problem } = fault
    this.#faults.push({ segment, record, offset, problem })
  }
}

function isSame(a: ChainState, b: ChainState): boolean {
  return a.tree.size === b.tree.size && a.mac.equals(b.mac) && rootOf(a.tree).equals(rootOf(b.tree))
}
