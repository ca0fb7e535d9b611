/** Headers that the operator sets on requests to an upstream; some come from files that may change. */

import { readFile, stat } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import type { Log } from '../core/log.ts'

/** A header's value: given, or read from a file such as a mounted secret. */
export type HeaderValue =
  | string
  | {
      readonly file: string
      /** Stands before the file's content, such as `Bearer `. */
      readonly prefix: string
    }

export interface SetHeader {
  readonly name: string
  readonly value: string
}

interface WatchedFile {
  readonly name: string
  readonly file: string
  readonly prefix: string
  /** What tells one version of the file from another. */
  version: string
  /** True when it could not be read, and that has been said. */
  failing: boolean
}

/** Secrets are small; a larger file is a mistake. */
const FILE_BYTES_MAX = 64 * 1024

/** How often the files are looked at. */
const LOOK_EVERY_MS = 5_000

/** A file that could not be read, by its path and the error's code. Never holds its content. */
export interface HeaderFileFailure {
  readonly kind: 'failed'
  readonly file: string
  readonly code: string
}

export class HeaderSource {
  /** By lower-case name. */
  readonly current = new Map<string, SetHeader>()
  readonly #files: WatchedFile[] = []
  readonly #log: Log
  #lookedMs = 0
  #looking = false

  constructor(log: Log) {
    this.#log = log
  }

  /** Reads everything once. A file that cannot be read is a failed start. */
  load(headers: Readonly<Record<string, HeaderValue>>): HeaderFileFailure | undefined {
    for (const [name, value] of Object.entries(headers)) {
      if (typeof value === 'string') {
        this.#set(name, value)
        continue
      }
      const content = readNow(value.file)
      if (typeof content !== 'string') return { kind: 'failed', file: value.file, ...content }
      this.#set(name, value.prefix + content)
      this.#files.push({
        name,
        file: value.file,
        prefix: value.prefix,
        version: '',
        failing: false,
      })
    }
    return undefined
  }

  /** Looks at the files now and then; one that has changed is read again. */
  tick(nowMs: number): void {
    if (this.#files.length === 0 || this.#looking || nowMs - this.#lookedMs < LOOK_EVERY_MS) return
    this.#lookedMs = nowMs
    void this.refresh()
  }

  /** Reads the files that have changed. The old value stays while a file cannot be read. */
  async refresh(): Promise<void> {
    this.#looking = true
    await Promise.all(this.#files.map((one) => this.#refreshOne(one)))
    this.#looking = false
  }

  async #refreshOne(one: WatchedFile): Promise<void> {
    try {
      const { mtimeMs, size, ino } = await stat(one.file)
      const version = `${ino} ${mtimeMs} ${size}`
      if (version === one.version) return
      const content = size > FILE_BYTES_MAX ? '' : clean(await readFile(one.file, 'utf8'))
      if (content === '') throw new Error('empty or too large')
      one.version = version
      one.failing = false
      this.#set(one.name, one.prefix + content)
    } catch (error) {
      if (one.failing) return
      one.failing = true
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'invalid'
      this.#log.write(
        'warn',
        'sidelight.secret.unreadable',
        'A file with a header value cannot be read',
        {
          'file.path': one.file,
          'sidelight.detail': code,
        },
      )
    }
  }

  #set(name: string, value: string): void {
    this.current.set(name.toLowerCase(), { name, value })
  }
}

function readNow(file: string): string | { readonly code: string } {
  try {
    const content = clean(readFileSync(file, 'utf8'))
    return content === '' || content.length > FILE_BYTES_MAX ? { code: 'invalid' } : content
  } catch (error) {
    return { code: error instanceof Error && 'code' in error ? String(error.code) : 'unknown' }
  }
}

/** Files end in a line feed that is no part of the secret; inside a header none may stand. */
function clean(content: string): string {
  const value = content.trim()
  return /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value) ? value : ''
}
