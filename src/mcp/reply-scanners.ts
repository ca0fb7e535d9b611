/**
 * Scanners of replies that are used again: one takes longer to make than a short reply takes to scan.
 */

import { JsonScanner, type ScanEnd } from './json-scanner.ts'
import type { Slot } from './json-shape.ts'
import { REPLY_SHAPE } from './shapes.ts'

/** Told of each message, while `slots` still hold it. */
export type OnReplyMessage = (slots: readonly Slot[]) => void

/** More than so many are in use only for a moment. */
const IDLE_MAX = 256

/** A lenient scanner: a reply of any size needs constant memory. */
export class ReplyScanner {
  onMessage: OnReplyMessage | undefined
  readonly #json: JsonScanner

  constructor() {
    this.#json = new JsonScanner(REPLY_SHAPE, {
      strict: false,
      depthMax: Number.MAX_SAFE_INTEGER,
      onMessage: (slots) => this.onMessage?.(slots),
    })
  }

  write(chunk: Buffer, from: number, to: number): void {
    this.#json.write(chunk, from, to)
  }

  end(): ScanEnd {
    return this.#json.end()
  }

  reset(): void {
    this.#json.reset()
  }
}

export class ReplyScanners {
  readonly #idle: ReplyScanner[] = []

  take(onMessage: OnReplyMessage): ReplyScanner {
    const scanner = this.#idle.pop() ?? new ReplyScanner()
    scanner.onMessage = onMessage
    return scanner
  }

  /** Nobody else holds it any more. */
  give(scanner: ReplyScanner): void {
    scanner.onMessage = undefined
    scanner.reset()
    if (this.#idle.length < IDLE_MAX) this.#idle.push(scanner)
  }
}
