/** The copy of a reply that is watched as the original passes, decoded when it is compressed. */

import { logDefect } from '../core/log.ts'
import type { Client } from '../core/reply.ts'
import type { DecodeTee, ReplyWatch, Stages } from './stages.ts'

/** Whose reply it is. */
export interface CopyOwner {
  /** A piece has been watched. */
  copyWatched(): void
  /** The copy has caught up with the original. */
  copyDrained(): void
  /** The body is over, and everything in it has been seen. */
  copyEnded(): void
}

export class ReplyCopy {
  readonly #stages: Pick<Stages, 'log' | 'decodeTee'>
  readonly #owner: CopyOwner
  #watch: ReplyWatch | undefined
  #tee: DecodeTee | undefined
  #dropped = false
  #plain = false
  #last: Buffer | undefined
  #endsEvent = true
  /** True while decoding cannot keep up. */
  behind = false

  constructor(stages: Pick<Stages, 'log' | 'decodeTee'>, owner: CopyOwner) {
    this.#stages = stages
    this.#owner = owner
  }

  get resumable(): boolean {
    return this.#watch?.resumable === true
  }

  get events(): number {
    return this.#watch?.events ?? 0
  }

  /** True when events pass uncompressed and the last one was whole, as far as the last piece tells. */
  get betweenEvents(): boolean {
    return this.#plain && this.#endsEvent
  }

  /** From now on the body is watched, unless it cannot be decoded. */
  begin(watch: ReplyWatch, contentEncoding: string | undefined, isStream: boolean): void {
    this.#plain = isStream && contentEncoding === undefined
    const tee = contentEncoding === undefined ? undefined : this.#decodes(contentEncoding)
    if (tee === 'unreadable') return
    this.#watch = watch
    this.#tee = tee
  }

  #decodes(contentEncoding: string): DecodeTee | undefined | 'unreadable' {
    const tee = this.#stages.decodeTee(contentEncoding, (chunk) => this.#observe(chunk))
    if (typeof tee === 'object') {
      tee.onDrain(() => {
        this.behind = false
        this.#owner.copyDrained()
      })
    }
    return tee
  }

  write(chunk: Buffer): void {
    this.#last = chunk
    if (this.#plain) this.#endsEvent = endsWithBlankLine(chunk)
    if (this.#tee === undefined) this.#observe(chunk)
    else if (!this.#tee.write(chunk)) this.behind = true
  }

  /** The piece that came last, once, when neither the client nor the copy needs it any more. */
  takeSpent({ keepsNothing }: Client): Buffer | undefined {
    if (keepsNothing !== true || this.#tee !== undefined) return undefined
    const spent = this.#last
    this.#last = undefined
    return spent
  }

  /** The body is over. */
  end(): void {
    if (this.#tee !== undefined) return this.#tee.end((readable) => this.#ended(readable))
    this.#ended(true)
  }

  #ended(readable: boolean): void {
    if (readable) this.#observeEnd()
    this.#owner.copyEnded()
  }

  /** Nothing more is wanted of it. */
  drop(): void {
    if (this.#dropped) return
    this.#dropped = true
    this.#tee?.drop()
    this.#watch?.drop()
  }

  /** A defect in watching must not harm the reply that is watched. */
  failed(error: unknown): void {
    this.#watch?.drop()
    this.#watch = undefined
    this.#tee?.drop()
    this.#tee = undefined
    logDefect(this.#stages.log, 'A reply could not be watched', error)
  }

  #observe(chunk: Buffer): void {
    if (this.#watch === undefined) return
    try {
      this.#watch.write(chunk)
      this.#owner.copyWatched()
    } catch (error) {
      this.failed(error)
    }
  }

  #observeEnd(): void {
    try {
      this.#watch?.end()
    } catch (error) {
      this.failed(error)
    }
  }
}

const LF = 10
const CR = 13

function endsWithBlankLine(bytes: Buffer): boolean {
  const { length } = bytes
  if (bytes[length - 1] !== LF) return false
  const before = bytes[length - 2]
  return before === LF || (before === CR && bytes[length - 3] === LF)
}
