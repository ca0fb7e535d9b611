/** A small file that is read again when it has changed, such as a mounted secret. */

import { readFileSync, statSync, type Stats } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'

export interface WatchedFileOptions {
  readonly path: string
  readonly bytesMax: number
  /** Takes the content, or says what is wrong with it; never repeats any of it. */
  readonly use: (text: string) => string | undefined
  /** It could not be read or used, for the first time since it could. What it said last stays. */
  readonly onProblem: (problem: string) => void
  /** It was read again. */
  readonly onChange: () => void
  /** It could not be used twice in a row, so it is not just being replaced. */
  readonly onLost?: (() => void) | undefined
}

const LOOK_EVERY_MS = 5_000

const LOST_AFTER = 2

export class WatchedFile {
  readonly #options: WatchedFileOptions
  #version = ''
  #failures = 0
  #lookedMs = -Infinity
  #looking = false

  constructor(options: WatchedFileOptions) {
    this.#options = options
  }

  /** Reads it for the first time. What is wrong with it is returned: it fails a start. */
  load(): string | undefined {
    const { path, bytesMax, use } = this.#options
    try {
      this.#version = versionOf(statSync(path))
      const text = readFileSync(path, 'utf8')
      return text.length > bytesMax ? `larger than ${bytesMax} bytes` : use(text)
    } catch (error) {
      return codeOf(error)
    }
  }

  /** Looks at the file now and then. */
  tick(nowMs: number): void {
    if (this.#looking || nowMs - this.#lookedMs < LOOK_EVERY_MS) return
    this.#lookedMs = nowMs
    void this.refresh()
  }

  async refresh(): Promise<void> {
    this.#looking = true
    const problem = await this.#read()
    this.#looking = false
    if (problem === undefined) {
      this.#failures = 0
      return
    }
    this.#failures += 1
    if (this.#failures === 1) this.#options.onProblem(problem)
    if (this.#failures !== LOST_AFTER) return
    // Whatever comes back is read, also what was there before.
    this.#version = ''
    this.#options.onLost?.()
  }

  async #read(): Promise<string | undefined> {
    const { path, bytesMax, use, onChange } = this.#options
    try {
      const found = await stat(path)
      const version = versionOf(found)
      if (version === this.#version) return undefined
      if (found.size > bytesMax) return `larger than ${bytesMax} bytes`
      const problem = use(await readFile(path, 'utf8'))
      if (problem !== undefined) return problem
      this.#version = version
      onChange()
      return undefined
    } catch (error) {
      return codeOf(error)
    }
  }
}

/** What tells one version of a file from another. */
function versionOf({ ino, mtimeMs, size }: Stats): string {
  return `${ino} ${mtimeMs} ${size}`
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
}
