/**
 * Notices that a configuration file has changed: its own content, or the target of a link to it, as
 * Kubernetes swaps the directory of a ConfigMap. Looks now and then, because notifications of the file
 * system do not follow such swaps on every system.
 */

import { hash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** How often the file is looked at. */
export const LOOK_EVERY_MS = 2_000

/** A file that stays the same for so long is written whole; after so many looks it is read as it is. */
const SETTLE_MS = 100
const SETTLING_LOOKS_MAX = 50

export class ConfigWatch<T> {
  readonly #file: string
  readonly #pause: () => Promise<void>
  readonly #onChange: (actor: string | undefined) => Promise<T>
  /** What tells one version of the file from another without reading it. */
  #stamp = ''
  #digest = ''
  #timer: NodeJS.Timeout | undefined
  #looking = false
  /** The reading that is under way, and the one that comes after it. */
  #reading: Promise<T> | undefined
  #next: Promise<T> | undefined

  /**
   * `onChange` reads the file; it is told of each new content once, and never twice at a time. A file
   * that has changed is read when it stays the same over a `pause`.
   */
  constructor(
    file: string,
    onChange: (actor: string | undefined) => Promise<T>,
    pause: () => Promise<void> = () => sleep(SETTLE_MS),
  ) {
    this.#file = file
    this.#pause = pause
    this.#onChange = onChange
  }

  /** `source` is the content that is in force. */
  start(source: string): void {
    this.#digest = digestOf(source)
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Looks whether the file has changed; does nothing while a look or a reading is under way. */
  async look(): Promise<void> {
    if (this.#looking || this.#reading !== undefined) return
    this.#looking = true
    try {
      if (!(await this.#hasChanged())) return
      await this.#settled()
      await this.readNow()
    } finally {
      this.#looking = false
    }
  }

  /**
   * Somebody asks for it to be read, changed or not. Whoever asks while it is being read gets the reading
   * after that, all of them the same one: what they have written may have come too late for the first.
   */
  readNow(actor?: string): Promise<T> {
    if (this.#next !== undefined) return this.#next
    const under = this.#reading
    if (under === undefined) return this.#read(actor)
    this.#next = under.then(
      () => this.#read(actor),
      () => this.#read(actor),
    )
    return this.#next
  }

  #read(actor: string | undefined): Promise<T> {
    const read = async (): Promise<T> => {
      await this.#hasChanged()
      return this.#onChange(actor)
    }
    this.#next = undefined
    const reading = read().finally(() => {
      if (this.#reading === reading) this.#reading = undefined
    })
    this.#reading = reading
    return reading
  }

  /** Resolves when whoever writes the file seems to be done; not every change comes at a stroke. */
  async #settled(): Promise<void> {
    for (let look = 0; look < SETTLING_LOOKS_MAX; look += 1) {
      const before = this.#stamp
      // eslint-disable-next-line no-await-in-loop -- one look after the other
      await this.#pause()
      // eslint-disable-next-line no-await-in-loop -- likewise
      await this.#hasChanged()
      if (this.#stamp === before) return
    }
  }

  /** A file that is gone for a moment, while it is replaced, is no change. */
  async #hasChanged(): Promise<boolean> {
    try {
      const stats = await stat(this.#file)
      const stamp = `${stats.ino} ${stats.mtimeMs} ${stats.size}`
      if (stamp === this.#stamp || !stats.isFile()) return false
      const digest = digestOf(await readFile(this.#file, 'utf8'))
      this.#stamp = stamp
      if (digest === this.#digest) return false
      this.#digest = digest
      return true
    } catch {
      return false
    }
  }
}

/** False for a pipe, as a shell's `<(...)` is: it was read once, and another reading would wait for ever. */
export async function canBeReadAgain(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile()
  } catch {
    // What is wrong with it is said when it is read.
    return true
  }
}

function digestOf(source: string): string {
  return hash('sha256', source, 'base64')
}
