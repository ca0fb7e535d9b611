/**
 * Takes entries without delay and writes them in groups: each group is one write and one `fdatasync`. Who
 * adds durably is told when it is done; nobody else waits.
 */

import type { AuditMeter, AuditTrail, AuditView } from '../core/audit.ts'
import type { Clock } from '../core/clock.ts'
import { codeOf, type AuditFs } from './audit-fs.ts'
import type { Recordable } from './draft.ts'
import { findExpired, removeSegments } from './expire.ts'
import { Gap } from './gap.ts'
import { Held, type Pending } from './held.ts'
import type { AuditStore } from './store.ts'
import { Awaited, entryOf, letGo, Waiting, type Item } from './waiting.ts'

export interface WriterSettings {
  /** Most entries that wait, and most bytes of long texts in them. */
  readonly queueMax: number
  readonly queueBytesMax: number
  /** How long entries may wait for others when nobody waits for them. */
  readonly flushMs: number
  /** How long somebody waits for an entry at most. */
  readonly strictMs: number
  readonly retentionMs: number
  readonly checkpointRecords: number
  readonly checkpointMs: number
}

export interface WriterOptions extends WriterSettings {
  readonly store: AuditStore
  readonly fs: AuditFs
  readonly directory: string
  readonly clock: Clock
  readonly meter: AuditMeter
  /** Nothing can be written, for this reason; told once until `onWorking`. */
  readonly onFailing: (code: string) => void
  /** It works again; so many entries were lost meanwhile. */
  readonly onWorking: (dropped: number) => void
}

/** So many are written at once rather than wait for others. */
const GROUP_FULL = 512
/** Most entries in one group: a slow disk gets larger ones. */
const GROUP_MAX = 4_096

const BACKOFF_MIN_MS = 100
const BACKOFF_MAX_MS = 5_000
const EXPIRY_MS = 3_600_000

export class AuditWriter implements AuditTrail {
  readonly #options: WriterOptions
  #queue: Item[] = []
  readonly #held = new Held()
  #queuedBytes = 0
  readonly #gap = new Gap()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #failing = false
  #backoffMs = BACKOFF_MIN_MS
  #closed = false
  #checkpointAtMs: number
  #expireAtMs: number
  #chores = false
  /** Entries that could not be taken since it last worked. */
  #lost = 0

  constructor(options: WriterOptions) {
    this.#options = options
    const nowMs = options.clock.monotonicMs()
    this.#checkpointAtMs = nowMs + options.checkpointMs
    this.#expireAtMs = nowMs
  }

  get view(): AuditView {
    return {
      backlog: this.#queue.length,
      position: this.#options.store.position,
      failing: this.#failing,
    }
  }

  add(entry: Recordable): void {
    if (this.#closed || !this.#hasRoom(1)) return this.#drop(entry)
    this.#push(entry, entry)
    this.#schedule()
  }

  /** As many as calls are under way. */
  hold(pending: Pending): void {
    if (this.#closed) return
    this.#held.add(pending)
    this.#schedule()
  }

  takeBack(pending: Pending): boolean {
    // The record of an end that would tell of it is not taken any more.
    return !this.#closed && this.#held.takeBack(pending)
  }

  /**
   * `done` is told once, later, whether all of them are on the disk, unless what is returned is called
   * before: then they are not written any more, if they have not been.
   */
  addDurably(entries: readonly Recordable[], done: (isDurable: boolean) => void): () => void {
    const waiting = new Waiting(done)
    if (this.#failing || this.#closed || !this.#hasRoom(entries.length)) {
      queueMicrotask(() => waiting.settle(false))
      return () => waiting.leave()
    }
    waiting.start(this.#options.strictMs)
    for (const [index, entry] of entries.entries()) {
      this.#push(new Awaited(entry, waiting, index === entries.length - 1), entry)
    }
    this.#start()
    return () => waiting.leave()
  }

  /** Does what is due by time. To be called every second or so. */
  tick(): void {
    if (this.#closed || this.#failing) return
    this.#chores = true
    this.#start()
  }

  /** Writes what waits, and the last record; takes no longer than `timeoutMs`, whatever the disk does. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#timer)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs)
    })
    await Promise.race([this.#finish().then(() => this.#options.store.close()), late])
    clearTimeout(timer)
    this.#giveUpWaiting()
  }

  async #finish(): Promise<void> {
    await this.#running
    const { store, clock } = this.#options
    try {
      this.#say(0)
      while (this.#queue.length > 0 || this.#gap.dropped > 0) {
        // oxlint-disable-next-line no-await-in-loop
        await this.#writeGroup()
      }
      await store.write([{ type: 'audit.stopped', atWallMs: clock.wallMs(), body: {} }])
      await store.checkpoint()
    } catch (error) {
      this.#failed(error)
    }
  }

  #hasRoom(count: number): boolean {
    const { queueMax, queueBytesMax } = this.#options
    return this.#queue.length + count <= queueMax && this.#queuedBytes <= queueBytesMax
  }

  #push(item: Item, { textBytes }: Recordable): void {
    this.#queue.push(item)
    this.#queuedBytes += textBytes ?? 0
  }

  /** What has been held for so long is recorded now. */
  #say(heldMs: number): void {
    for (const draft of this.#held.take(this.#options.clock.monotonicMs() - heldMs)) {
      if (this.#hasRoom(1)) this.#push(draft, draft)
      else this.#drop(draft)
    }
  }

  #giveUpWaiting(): void {
    for (const item of this.#queue) if (item instanceof Awaited) item.waiting.settle(false)
  }

  #drop(entry: Recordable): void {
    letGo(entry)
    this.#lost += 1
    this.#options.meter.dropped(1)
    this.#options.meter.limitHit('audit_queue')
    this.#gap.add(entry.atWallMs)
  }

  #schedule(): void {
    if (this.#running !== undefined || this.#failing) return
    if (this.#queue.length >= GROUP_FULL) return this.#start()
    this.#timer ??= setTimeout(() => this.#start(), this.#delayMs())
  }

  /** Nothing waits longer than `flushMs`, what has been held since before included. */
  #delayMs(): number {
    const { clock, flushMs } = this.#options
    const heldMs = clock.monotonicMs() - this.#held.sinceMs
    return Math.max(0, Math.min(flushMs, flushMs - heldMs))
  }

  #start(): void {
    if (this.#running !== undefined || this.#closed) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#running = this.#run().finally(() => {
      this.#running = undefined
      if (this.#closed || this.#failing) return
      // Somebody may have come while checkpoints were made and files removed.
      if (this.#mayNotWait()) this.#start()
      else if (this.#queue.length > 0 || this.#held.size > 0) this.#schedule()
    })
  }

  async #run(): Promise<void> {
    try {
      do {
        // oxlint-disable-next-line no-await-in-loop
        await this.#writeGroup()
      } while (!this.#closed && this.#mayNotWait())
      if (this.#failing) this.#worksAgain()
      await this.#doChores()
    } catch (error) {
      this.#failed(error)
    }
  }

  #mayNotWait(): boolean {
    return this.#queue.length >= GROUP_FULL || this.#queue.some((item) => item instanceof Awaited)
  }

  async #writeGroup(): Promise<void> {
    const { store, checkpointRecords, clock, flushMs } = this.#options
    // Younger ones can wait for the next group, and most will not have to be recorded.
    this.#say(flushMs / 2)
    const taken = this.#queue.slice(0, GROUP_MAX)
    const entries: Recordable[] = []
    for (const item of taken) {
      if (!(item instanceof Awaited && item.waiting.over)) entries.push(entryOf(item))
    }
    const { dropped } = this.#gap
    if (dropped > 0) entries.push(this.#gap.entry(clock.wallMs()))
    // While it fails, an empty group finds out whether it works again.
    if (entries.length > 0 || this.#failing) await store.write(entries)
    // More may have been lost meanwhile.
    this.#gap.recorded(dropped)
    this.#queue.splice(0, taken.length)
    for (const item of taken) {
      const entry = entryOf(item)
      this.#queuedBytes -= entry.textBytes ?? 0
      letGo(entry)
      if (item instanceof Awaited && item.isLast) item.waiting.settle(true)
    }
    if (store.uncheckedRecords >= checkpointRecords) await this.#checkpoint()
  }

  async #doChores(): Promise<void> {
    if (!this.#chores) return
    this.#chores = false
    const { store, clock, fs, directory, retentionMs } = this.#options
    const nowMs = clock.monotonicMs()
    if (nowMs >= this.#checkpointAtMs) await this.#checkpoint()
    await store.rotateIfDue()
    if (nowMs < this.#expireAtMs || store.openSegment === undefined) return
    this.#expireAtMs = nowMs + EXPIRY_MS
    const atWallMs = clock.wallMs()
    const expired = await findExpired(fs, directory, store.openSegment, atWallMs - retentionMs)
    if (expired === undefined) return
    const { segments, through } = expired
    await store.write([{ type: 'audit.expired', atWallMs, body: { segments, through } }])
    await removeSegments(fs, directory, segments)
  }

  async #checkpoint(): Promise<void> {
    const { store, clock, checkpointMs } = this.#options
    this.#checkpointAtMs = clock.monotonicMs() + checkpointMs
    try {
      await store.checkpoint()
    } catch (error) {
      // The records are where they should be; the next checkpoint counts them too.
      this.#options.onFailing(`checkpoint ${codeOf(error)}`)
    }
  }

  #failed(error: unknown): void {
    if (!this.#failing) this.#options.onFailing(codeOf(error))
    this.#failing = true
    // Nobody waits for a disk that does not work; what was to be waited for has not happened.
    this.#giveUpWaiting()
    for (const item of this.#queue) if (item instanceof Awaited) letGo(item.entry)
    this.#queue = this.#queue.filter((item) => !(item instanceof Awaited))
    this.#queuedBytes = this.#queue.reduce((sum, item) => sum + (entryOf(item).textBytes ?? 0), 0)
    if (this.#closed) return
    this.#timer = setTimeout(() => this.#start(), this.#backoffMs)
    this.#backoffMs = Math.min(this.#backoffMs * 2, BACKOFF_MAX_MS)
  }

  #worksAgain(): void {
    this.#failing = false
    this.#backoffMs = BACKOFF_MIN_MS
    this.#options.onWorking(this.#lost)
    this.#lost = 0
  }
}
