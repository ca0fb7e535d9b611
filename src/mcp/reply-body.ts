/** Reads the body of a reply, JSON or a stream of events, and tells what messages pass in it. */

import { isEventStream, isJson } from '../core/content-type.ts'
import type { Slot } from './json-shape.ts'
import type { NoAnswer } from './reply-outcome.ts'
import { ReplyScanners, type MessageSink, type ReplyScanner } from './reply-scanners.ts'
import { SseScanner } from './sse-scanner.ts'
import type { TextCapture } from './text-capture.ts'

export interface ReplyWatch {
  /** True when an event with an id has passed: a client that lost the stream can come back to it. */
  readonly resumable: boolean
  /** How many events, or lines, with a message in them have passed; 0 when the body is JSON. */
  readonly events: number
  /** The next bytes of the body, decoded. May tell outcomes. */
  write(chunk: Buffer): void
  /** The body ended as it should. Tells the outcomes that are still open. */
  end(): void
  /** Nothing more will be told: what is held is let go. */
  drop(): void
}

/** What a reader of a body tells of what it finds. */
export interface Answers extends MessageSink {
  /** A message of the upstream has passed; the JSON text that holds it may still prove broken. */
  message(slots: readonly Slot[], text: TextCapture | undefined): void
  /** The JSON text has ended: what was found in it holds, or is forgotten. */
  endText(valid: boolean): void
  /** The body is over. */
  close(why: NoAnswer): void
}

/** Content type of replies that are lines as a server over pipes wrote them. */
export const LINES_TYPE = 'application/x-ndjson'

/** The watch for a body of this type; `capture` keeps a copy of what passes where that is wanted. */
export function watchBody(
  contentType: string | undefined,
  answers: Answers,
  capture: TextCapture | undefined,
  scanners = new ReplyScanners(),
): ReplyWatch {
  if (isEventStream(contentType)) return new SseWatch(answers, capture, scanners)
  if (isJson(contentType)) return new JsonWatch(answers, capture, scanners)
  if (contentType === LINES_TYPE) return new LinesWatch(answers, capture, scanners)
  return {
    resumable: false,
    events: 0,
    write: () => {},
    end: () => answers.close('bad_message'),
    drop: () => {},
  }
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])

class JsonWatch implements ReplyWatch {
  readonly resumable = false
  readonly events = 0
  /** How much of a byte order mark has come; all of it when there is none. */
  #markBytes = 0
  readonly #open: Answers
  readonly #capture: TextCapture | undefined
  readonly #scanners: ReplyScanners
  /** Undefined when it has been given back. */
  #scanner: ReplyScanner | undefined

  constructor(open: Answers, capture: TextCapture | undefined, scanners: ReplyScanners) {
    this.#open = open
    this.#capture = capture
    this.#scanners = scanners
    this.#scanner = scanners.take(open, capture)
  }

  write(chunk: Buffer): void {
    this.#take(chunk, this.#skipMark(chunk), chunk.length)
  }

  /** Copied first: the scanner may find the end of a message in these bytes. */
  #take(chunk: Buffer, from: number, to: number): void {
    this.#capture?.write(chunk, from, to)
    this.#scanner?.write(chunk, from, to)
  }

  /** Clients that read a reply as text drop a byte order mark; it may come in pieces. */
  #skipMark(chunk: Buffer): number {
    let at = 0
    while (this.#markBytes < BYTE_ORDER_MARK.length && at < chunk.length) {
      if (chunk[at] !== BYTE_ORDER_MARK[this.#markBytes]) {
        if (this.#markBytes > 0) this.#take(BYTE_ORDER_MARK, 0, this.#markBytes)
        this.#markBytes = BYTE_ORDER_MARK.length
        return at
      }
      this.#markBytes += 1
      at += 1
    }
    return at
  }

  end(): void {
    this.#open.endText(this.#scanner?.end() === 'complete')
    this.#open.close('bad_message')
    this.drop()
  }

  drop(): void {
    this.#capture?.reset()
    const scanner = this.#scanner
    this.#scanner = undefined
    if (scanner !== undefined) this.#scanners.give(scanner)
  }
}

class SseWatch implements ReplyWatch {
  readonly #open: Answers
  readonly #capture: TextCapture | undefined
  readonly #sse: SseScanner
  readonly #scanners: ReplyScanners
  /** Undefined when it has been given back. */
  #scanner: ReplyScanner | undefined
  resumable = false
  events = 0

  constructor(open: Answers, capture: TextCapture | undefined, scanners: ReplyScanners) {
    this.#open = open
    this.#capture = capture
    this.#scanners = scanners
    this.#scanner = scanners.take(open, capture)
    this.#sse = new SseScanner({
      data: (chunk, from, to) => this.#take(chunk, from, to),
      dataLine: () => this.#take(NEW_LINE, 0, NEW_LINE.length),
      event: (hasData, named, hasId) => {
        if (hasId) this.resumable = true
        if (hasData) this.#endEvent(named)
      },
    })
  }

  write(chunk: Buffer): void {
    this.#sse.write(chunk)
  }

  #take(chunk: Buffer, from: number, to: number): void {
    this.#capture?.write(chunk, from, to)
    this.#scanner?.write(chunk, from, to)
  }

  #endEvent(named: boolean): void {
    const whole = !named && this.#scanner?.end() === 'complete'
    if (whole) this.events += 1
    // Who hears of an answer may end everything.
    this.#scanner?.reset()
    this.#capture?.reset()
    this.#open.endText(whole)
  }

  end(): void {
    // An event that no blank line ended was never dispatched.
    this.#open.endText(false)
    this.#open.close(this.resumable ? 'suspended' : 'closed')
    this.drop()
  }

  drop(): void {
    this.#capture?.reset()
    const scanner = this.#scanner
    this.#scanner = undefined
    if (scanner !== undefined) this.#scanners.give(scanner)
  }
}

const NEW_LINE = Buffer.from('\n')

/** Lines, each handed over whole. */
class LinesWatch implements ReplyWatch {
  readonly resumable = false
  events = 0
  readonly #answers: Answers
  readonly #capture: TextCapture | undefined
  readonly #scanner: ReplyScanner

  constructor(answers: Answers, capture: TextCapture | undefined, scanners: ReplyScanners) {
    this.#answers = answers
    this.#capture = capture
    this.#scanner = scanners.take(answers, capture)
  }

  write(line: Buffer): void {
    this.#capture?.write(line, 0, line.length)
    this.#scanner.write(line, 0, line.length)
    const whole = this.#scanner.end() === 'complete'
    if (whole) this.events += 1
    this.#answers.endText(whole)
    this.#scanner.reset()
    this.#capture?.reset()
  }

  end(): void {
    this.drop()
  }

  drop(): void {
    this.#capture?.reset()
  }
}
