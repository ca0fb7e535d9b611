/**
 * Scanners of replies that are used again: one takes longer to make than a short reply takes to scan.
 */

import { JsonScanner, type ScanEnd } from './json-scanner.ts'
import type { Slot } from './json-shape.ts'
import { REPLY_SHAPE } from './shapes.ts'
import type { TextCapture } from './text-capture.ts'

/** Told of each message, while `slots` still hold it; `text` is the copy that is kept of it. */
export interface MessageSink {
  message(slots: readonly Slot[], text: TextCapture | undefined): void
}

/** More than so many are in use only for a moment. */
const IDLE_MAX = 256

/** A lenient scanner: a reply of any size needs constant memory. */
export class ReplyScanner {
  sink: MessageSink | undefined
  capture: TextCapture | undefined
  readonly #json: JsonScanner

  constructor() {
    this.#json = new JsonScanner(REPLY_SHAPE, {
      strict: false,
      depthMax: Number.MAX_SAFE_INTEGER,
      onMessage: (slots) => this.sink?.message(slots, this.capture),
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

  take(sink: MessageSink, capture: TextCapture | undefined): ReplyScanner {
    const scanner = this.#idle.pop() ?? new ReplyScanner()
    scanner.sink = sink
    scanner.capture = capture
    return scanner
  }

  /** Nobody else holds it any more. */
  give(scanner: ReplyScanner): void {
    scanner.sink = undefined
    scanner.capture = undefined
    scanner.reset()
    if (this.#idle.length < IDLE_MAX) this.#idle.push(scanner)
  }
}
