/**
 * The log on the disk: one directory, one writer, segments that are only appended to.
 *
 * What was to be written when something failed is not known to be on the disk or not. Its segment is
 * left then, for good, and the next one says how much of it counts.
 */

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AuditType } from '../core/audit.ts'
import type { Clock } from '../core/clock.ts'
import { appendLine, codeOf, writeWhole, type AuditFile, type AuditFs } from './audit-fs.ts'
import { ChainWriter, type ChainState } from './chain.ts'
import { checkpointLine } from './checkpoints.ts'
import { HmacKey } from './digests.ts'
import { Draft, Drafts, type Recordable } from './draft.ts'
import { loadKeys, type AuditKeys } from './keys.ts'
import { takeLock, type Lock } from './lock.ts'
import { rootOf } from './merkle.ts'
import { countsOf, identitiesOf, RecordText } from './record-text.ts'
import { recover, type Recovered } from './recover.ts'
import {
  checkpointPath,
  headBody,
  LOCK_FILE,
  segmentPath,
  type PreviousSegment,
} from './segment.ts'
import { signCheckpoint } from './signed-note.ts'
import { SubjectKeys } from './subject-keys.ts'

export interface StoreSettings {
  readonly directory: string
  /** Where the keys are. */
  readonly keys: string
  readonly segmentBytesMax: number
  readonly segmentAgeMs: number
  /** Nothing is written when less than so many bytes are free. */
  readonly freeBytesMin: number
  /** A second place for checkpoints; undefined for none. */
  readonly checkpointFile: string | undefined
}

export interface StoreOptions extends StoreSettings {
  readonly fs: AuditFs
  readonly clock: Clock
  /** A checkpoint was made, over so many records. */
  readonly onCheckpoint: (note: string, size: number) => void
  readonly onRecorded: (type: AuditType, count: number) => void
  readonly onSynced: (tookMs: number) => void
}

/** Why a log cannot be opened, for people. */
export interface OpenFailure {
  readonly kind: 'open_failure'
  readonly path: string
  readonly problem: string
}

interface Segment {
  readonly number: number
  readonly file: AuditFile
  readonly openedMs: number
  /** How much of it is on the disk. */
  bytes: number
}

/** Records are made in slices of so many, between which other work gets its turn. */
const SLICE = 128

/** How often free space is asked for, and whether the file is there. */
const CHECK_MS = 5_000

export class AuditStore {
  readonly #options: StoreOptions
  readonly keys: AuditKeys
  readonly recovered: Recovered
  readonly #lock: Lock
  readonly #subjects: SubjectKeys
  readonly #drafts = new Drafts()
  readonly #text = new RecordText()
  readonly #chain: ChainWriter
  #state: ChainState
  #segment: Segment | undefined
  #nextSegment: number
  #previous: PreviousSegment | undefined
  #checkpointed: number
  #freeCheckedMs = -Infinity
  #placeCheckedMs = 0

  private constructor(options: StoreOptions, keys: AuditKeys, recovered: Recovered, lock: Lock) {
    this.#options = options
    this.keys = keys
    this.recovered = recovered
    this.#lock = lock
    this.#subjects = new SubjectKeys(options.fs, keys)
    this.#chain = new ChainWriter(new HmacKey(keys.chain))
    this.#state = recovered.state
    this.#nextSegment = recovered.nextSegment
    this.#previous = recovered.previous
    this.#checkpointed = recovered.state.tree.size
  }

  /** Takes the lock, reads or makes the keys, and finds out where the log stands. */
  static async open(options: StoreOptions): Promise<AuditStore | OpenFailure> {
    const { fs, directory } = options
    let lock: Lock | undefined
    try {
      await fs.makeDirectory(directory)
      const taken = takeLock(join(directory, LOCK_FILE))
      if ('kind' in taken) {
        const problem =
          taken.kind === 'held'
            ? 'another process writes to it; give each sidecar a directory of its own'
            : `it cannot be locked (${taken.code})`
        return { kind: 'open_failure', path: directory, problem }
      }
      lock = taken
      const names = await fs.names(directory)
      const isNew = !names.some((name) => name.startsWith('audit-'))
      const keys = await loadKeys(fs, options.keys, isNew)
      if ('kind' in keys) {
        lock.release()
        return { kind: 'open_failure', path: keys.file, problem: keys.problem }
      }
      const store = new AuditStore(options, keys, await recover(fs, directory, keys), lock)
      // A directory that cannot be written to is found now, and not at the first call.
      await store.#openSegment()
      return store
    } catch (error) {
      lock?.release()
      const problem = `it cannot be written to (${codeOf(error)})`
      return { kind: 'open_failure', path: directory, problem }
    }
  }

  /** Records that are on the disk. */
  get position(): number {
    return this.#state.tree.size
  }

  /** True when there are records that no checkpoint counts. */
  get uncheckedRecords(): number {
    return this.#state.tree.size - this.#checkpointed
  }

  /** Writes entries; they are on the disk when it resolves. When it throws, none of them counts. */
  async write(entries: readonly Recordable[]): Promise<void> {
    await this.#guardSpace()
    const segment = await this.#currentSegment()
    const drafts = entries.map((entry) => this.#drafts.of(entry))
    const { lines, state } = await this.#render(drafts)
    await this.#append(segment, lines, state)
    for (const [type, count] of countsOf(drafts)) this.#options.onRecorded(type, count)
    for (const [index, draft] of drafts.entries()) if (draft !== entries[index]) draft.letGo()
  }

  /** Signs what is on the disk; does nothing when no record came since. */
  async checkpoint(): Promise<void> {
    const segment = this.#segment
    if (this.uncheckedRecords === 0 || segment === undefined) return
    const { fs, directory, clock, checkpointFile, onCheckpoint } = this.#options
    const { tree } = this.#state
    const { signer } = this.keys
    const checkpoint = { origin: signer.name, size: tree.size, root: rootOf(tree) }
    const note = signCheckpoint(checkpoint, signer)
    this.#checkpointed = tree.size
    // First where nobody here can take it back.
    onCheckpoint(note, tree.size)
    const line = Buffer.from(checkpointLine(clock.wallMs(), note))
    await appendLine(fs, checkpointPath(directory, segment.number), line)
    if (checkpointFile !== undefined) await appendLine(fs, checkpointFile, line)
  }

  /** Ends the segment when it is old or large enough; the next write begins another. */
  async rotateIfDue(): Promise<void> {
    const segment = this.#segment
    if (segment === undefined) return
    const { clock, segmentAgeMs, segmentBytesMax } = this.#options
    const old = clock.monotonicMs() - segment.openedMs >= segmentAgeMs
    if (!old && segment.bytes < segmentBytesMax) return
    await this.checkpoint()
    await this.#leave(segment, 'rotated')
  }

  /** The file that is written to, which must not be removed. */
  get openSegment(): number | undefined {
    return this.#segment?.number
  }

  async close(): Promise<void> {
    const segment = this.#segment
    this.#segment = undefined
    await segment?.file.close().catch(() => {})
    this.#lock.release()
  }

  /** The lines are there until it is called again. */
  async #render(drafts: readonly Draft[]): Promise<ReturnType<ChainWriter['end']>> {
    const nowMs = this.#options.clock.monotonicMs()
    const subjects = await this.#subjects.resolve(identitiesOf(drafts), nowMs)
    const chain = this.#chain
    chain.begin(this.#state)
    for (const [index, draft] of drafts.entries()) {
      // oxlint-disable-next-line no-await-in-loop
      if (index > 0 && index % SLICE === 0) await nextTurn()
      this.#text.open(draft, chain.size + 1, subjects, chain.text)
      chain.close()
    }
    return chain.end()
  }

  async #append(segment: Segment, lines: Buffer, state: ChainState): Promise<void> {
    const { clock, onSynced } = this.#options
    try {
      await writeWhole(segment.file, lines)
      const startedMs = clock.monotonicMs()
      await segment.file.datasync()
      onSynced(clock.monotonicMs() - startedMs)
    } catch (error) {
      // Not so much as to be relied on: the next segment says what counts.
      await segment.file.truncate(segment.bytes).catch(() => {})
      await this.#leave(segment, 'write_failed')
      throw error
    }
    segment.bytes += lines.length
    this.#state = state
  }

  async #leave(segment: Segment, end: PreviousSegment['end']): Promise<void> {
    this.#segment = undefined
    await segment.file.close().catch(() => {})
    const { number, bytes } = segment
    const { fs, directory } = this.#options
    // One in which not even the first record counts never was.
    if (bytes === 0) await fs.remove(segmentPath(directory, number)).catch(() => {})
    else this.#previous = { segment: number, bytes, end }
  }

  async #currentSegment(): Promise<Segment> {
    await this.rotateIfDue()
    if (this.#segment === undefined) return this.#openSegment()
    await this.#guardPlace(this.#segment)
    return this.#segment
  }

  /** A file that was removed takes what is written to it, and nobody ever reads it. */
  async #guardPlace(segment: Segment): Promise<void> {
    const { clock, directory } = this.#options
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#placeCheckedMs < CHECK_MS) return
    // Where it cannot be looked at, this throws, and the next write looks again.
    const isThere = await segment.file.isAt(segmentPath(directory, segment.number))
    this.#placeCheckedMs = nowMs
    if (isThere) return
    await this.#leave(segment, 'write_failed')
    throw Object.assign(new Error('the file is gone'), { code: 'file_gone' })
  }

  async #openSegment(): Promise<Segment> {
    const { fs, directory, clock } = this.#options
    const number = this.#nextSegment
    const file = await fs.create(segmentPath(directory, number))
    this.#nextSegment = number + 1
    const segment: Segment = { number, file, openedMs: clock.monotonicMs(), bytes: 0 }
    const head = headBody({
      segment: number,
      origin: this.keys.signer.name,
      before: this.#state,
      previous: this.#previous,
    })
    const hashesKey = createHash('sha256').update(this.keys.hashes).digest('hex').slice(0, 16)
    const body = { ...head, hashesKey }
    const first = { type: 'segment.opened', atWallMs: clock.wallMs(), body } as const
    const { lines, state } = await this.#render([this.#drafts.of(first)])
    await this.#append(segment, lines, state)
    try {
      await fs.syncDirectory(directory)
    } catch (error) {
      await this.#leave(segment, 'write_failed')
      throw error
    }
    this.#segment = segment
    this.#options.onRecorded('segment.opened', 1)
    return segment
  }

  async #guardSpace(): Promise<void> {
    const { fs, clock, directory, freeBytesMin } = this.#options
    const nowMs = clock.monotonicMs()
    if (freeBytesMin === 0 || nowMs - this.#freeCheckedMs < CHECK_MS) return
    if ((await fs.free(directory)) < freeBytesMin) {
      throw Object.assign(new Error('audit.freeSpace'), { code: 'free_space' })
    }
    this.#freeCheckedMs = nowMs
  }
}
