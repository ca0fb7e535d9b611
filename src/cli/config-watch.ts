/**
 * Notices that a configuration file has changed: its own content, or the target of a link to it, as
 * Kubernetes swaps the directory of a ConfigMap. Looks now and then, because notifications of the file
 * system do not follow such swaps on every system.
 */

import { hash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'

/** How often the file is looked at. */
export const LOOK_EVERY_MS = 2_000

export class ConfigWatch {
  readonly #file: string
  readonly #onChange: () => Promise<void>
  /** What tells one version of the file from another without reading it. */
  #stamp = ''
  #digest = ''
  #timer: NodeJS.Timeout | undefined
  #looking = false

  /** `onChange` is told of each new content once, and never twice at a time. */
  constructor(file: string, onChange: () => Promise<void>) {
    this.#file = file
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

  /** Looks whether the file has changed; does nothing while a look is under way. */
  async look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      if (await this.#hasChanged()) await this.#onChange()
    } finally {
      this.#looking = false
    }
  }

  /** Somebody asks for it to be read, changed or not. */
  async readNow(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      await this.#hasChanged()
      await this.#onChange()
    } finally {
      this.#looking = false
    }
  }

  /** A file that is gone for a moment, while it is replaced, is no change. */
  async #hasChanged(): Promise<boolean> {
    try {
      const { ino, mtimeMs, size } = await stat(this.#file)
      const stamp = `${ino} ${mtimeMs} ${size}`
      if (stamp === this.#stamp) return false
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

function digestOf(source: string): string {
  return hash('sha256', source, 'base64')
}
