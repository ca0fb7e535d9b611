/**
 * Watches a copy of an upstream's reply and tells, for each call of the exchange, how it ended.
 *
 * It never changes, delays or keeps the reply. A JSON body and every event of an SSE stream are
 * scanned as they pass; notifications and server requests between are not ours and are ignored.
 */

import type { Message } from '../core/message.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Slot } from './json-shape.ts'
import { JsonScanner } from './json-scanner.ts'
import { readId } from './read-envelope.ts'
import { outcomeOfReply, outcomeOfStatus, type NoAnswer } from './reply-outcome.ts'
import { REPLY, REPLY_SHAPE } from './shapes.ts'
import { SseScanner } from './sse-scanner.ts'

export interface ReplyHead {
  readonly status: number
  readonly contentType: string | undefined
}

export interface ReplyWatch {
  /** True when an event with an id has passed: a client that lost the stream can come back to it. */
  readonly resumable: boolean
  /** The next bytes of the body, decoded. May tell outcomes. */
  write(chunk: Buffer): void
  /** The body ended as it should. Tells the outcomes that are still open. */
  end(): void
}

/**
 * Told once per message: its place in the envelope, and how it ended. `suspended` when the server
 * closed a resumable stream before the answer: the client will fetch it with GET and Last-Event-ID
 * (2025-11-25 Streamable HTTP, "Resumability and redelivery").
 */
export type OnOutcome = (index: number, outcome: Outcome | 'suspended') => void

/** Watches the reply to `messages`. `lenient` scanning: a reply of any size needs constant memory. */
export function watchReply(
  head: ReplyHead,
  messages: readonly Message[],
  onOutcome: OnOutcome,
): ReplyWatch {
  const open = new OpenCalls(head, messages, onOutcome)
  if (isEventStream(head.contentType)) return new SseWatch(open)
  if (isJson(head.contentType)) return new JsonWatch(open)
  return { resumable: false, write: () => {}, end: () => open.close('bad_message') }
}

export function isEventStream(contentType: string | undefined): boolean {
  return contentType !== undefined && /^\s*text\/event-stream\s*(;|$)/i.test(contentType)
}

function isJson(contentType: string | undefined): boolean {
  return contentType !== undefined && /^\s*application\/([\w.-]+\+)?json\s*(;|$)/i.test(contentType)
}

/** A call whose answer is looked for on a stream that is not its own. */
export interface AwaitedCall {
  readonly message: Message
  readonly settle: (outcome: Outcome) => void
}

/**
 * Watches a session's stream for answers to calls that were posted elsewhere. `awaited` is asked at
 * each answer, because calls come and go while the stream is open.
 */
export function watchStream(head: ReplyHead, awaited: () => readonly AwaitedCall[]): ReplyWatch {
  const answers = new StreamAnswers(head, awaited)
  if (isEventStream(head.contentType)) return new SseWatch(answers)
  if (isJson(head.contentType)) return new JsonWatch(answers)
  return { resumable: false, write: () => {}, end: () => {} }
}

/** What a reader of a body tells of what it finds. */
interface Answers {
  /** A message of the upstream has passed; the JSON text that holds it may still prove broken. */
  message(slots: readonly Slot[]): void
  /** The JSON text has ended: what was found in it holds, or is forgotten. */
  endText(valid: boolean): void
  /** The body is over. */
  close(why: NoAnswer): void
}

class StreamAnswers implements Answers {
  readonly #head: ReplyHead
  readonly #awaited: () => readonly AwaitedCall[]
  #found: { readonly call: AwaitedCall; readonly outcome: Outcome }[] = []

  constructor(head: ReplyHead, awaited: () => readonly AwaitedCall[]) {
    this.#head = head
    this.#awaited = awaited
  }

  message(slots: readonly Slot[]): void {
    const id = slots[REPLY.id]
    if (!isAnswer(slots) || id === undefined) return
    const calls = this.#awaited()
    const index = findCall(
      calls.map((call) => call.message),
      id,
      () => true,
    )
    const call = calls[index]
    if (call === undefined) return
    this.#found.push({ call, outcome: outcomeOfReply(slots, call.message, this.#head.status) })
  }

  endText(valid: boolean): void {
    const found = this.#found
    this.#found = []
    if (valid) for (const { call, outcome } of found) call.settle(outcome)
  }

  /** An end without an answer settles nothing: the client may come back. */
  close(): void {}
}

function isAnswer(slots: readonly Slot[]): boolean {
  if (slots[REPLY.method]?.type !== 'none') return false
  return slots[REPLY.error]?.type === 'object' || slots[REPLY.result]?.type !== 'none'
}

/** The place of the request with this id, or -1. */
function findCall(
  messages: readonly Message[],
  slot: Slot,
  isOpen: (index: number) => boolean,
): number {
  const id = readId(slot)
  if (typeof id === 'string') return -1
  const asks = (message: Message, index: number): boolean =>
    message.kind === 'request' && isOpen(index)
  // The same text first: numbers above 2^53 may be told apart by nothing else.
  const same = messages.findIndex((one, index) => asks(one, index) && one.id?.raw === id?.raw)
  if (same >= 0) return same
  return messages.findIndex((one, index) => asks(one, index) && one.id?.key === id?.key)
}

/** The calls of one exchange that have no outcome yet. */
class OpenCalls implements Answers {
  readonly #head: ReplyHead
  readonly #messages: readonly Message[]
  readonly #onOutcome: OnOutcome
  readonly #done: boolean[]
  /** Found in the JSON text under way: told when it proves to be whole. */
  #found: { readonly index: number; readonly outcome: Outcome }[] = []

  constructor(head: ReplyHead, messages: readonly Message[], onOutcome: OnOutcome) {
    this.#head = head
    this.#messages = messages
    this.#onOutcome = onOutcome
    this.#done = messages.map(() => false)
  }

  message(slots: readonly Slot[]): void {
    const id = slots[REPLY.id]
    if (!isAnswer(slots) || id === undefined) return
    const index = this.#find(id, slots[REPLY.error]?.type === 'object')
    const message = this.#messages[index]
    if (message === undefined) return
    this.#done[index] = true
    this.#found.push({ index, outcome: outcomeOfReply(slots, message, this.#head.status) })
  }

  endText(valid: boolean): void {
    const found = this.#found
    if (found.length === 0) return
    this.#found = []
    for (const { index, outcome } of found) {
      if (valid) this.#onOutcome(index, outcome)
      else this.#done[index] = false
    }
  }

  /** Some calls have no answer; `why` is what that means for a request. */
  close(why: NoAnswer): void {
    const { status } = this.#head
    for (const [index, message] of this.#messages.entries()) {
      if (this.#done[index]) continue
      this.#done[index] = true
      const resumes = message.kind === 'request' && !message.claimsModern && status < 300
      const suspended = why === 'suspended' && resumes
      this.#onOutcome(index, suspended ? 'suspended' : outcomeOfStatus(status, message, why))
    }
  }

  #find(slot: Slot, isError: boolean): number {
    const found = findCall(this.#messages, slot, (index) => this.#done[index] !== true)
    if (found >= 0 || !isError) return found
    const id = readId(slot)
    if (typeof id === 'string') return -1
    // JSON-RPC 2.0 §5: an error that could not be tied to an id has id null.
    const lone = this.#messages.length === 1 && this.#done[0] === false
    return lone && (id === undefined || id.key === 'null') ? 0 : -1
  }
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])

class JsonWatch implements ReplyWatch {
  readonly resumable = false
  /** How much of a byte order mark has come; all of it when there is none. */
  #markBytes = 0
  readonly #open: Answers
  readonly #scanner: JsonScanner

  constructor(open: Answers) {
    this.#open = open
    this.#scanner = new JsonScanner(REPLY_SHAPE, {
      strict: false,
      depthMax: Number.MAX_SAFE_INTEGER,
      onMessage: (slots) => open.message(slots),
    })
  }

  write(chunk: Buffer): void {
    this.#scanner.write(chunk, this.#skipMark(chunk))
  }

  /** Clients that read a reply as text drop a byte order mark; it may come in pieces. */
  #skipMark(chunk: Buffer): number {
    let at = 0
    while (this.#markBytes < BYTE_ORDER_MARK.length && at < chunk.length) {
      if (chunk[at] !== BYTE_ORDER_MARK[this.#markBytes]) {
        this.#scanner.write(BYTE_ORDER_MARK, 0, this.#markBytes)
        this.#markBytes = BYTE_ORDER_MARK.length
        return at
      }
      this.#markBytes += 1
      at += 1
    }
    return at
  }

  end(): void {
    this.#open.endText(this.#scanner.end() === 'complete')
    this.#open.close('bad_message')
  }
}

class SseWatch implements ReplyWatch {
  readonly #open: Answers
  readonly #sse: SseScanner
  resumable = false

  constructor(open: Answers) {
    this.#open = open
    const scanner = new JsonScanner(REPLY_SHAPE, {
      strict: false,
      depthMax: Number.MAX_SAFE_INTEGER,
      onMessage: (slots) => open.message(slots),
    })
    this.#sse = new SseScanner({
      data: (chunk, from, to) => scanner.write(chunk, from, to),
      dataLine: () => scanner.write(NEW_LINE),
      event: (hasData, named, hasId) => {
        if (hasId) this.resumable = true
        if (!hasData) return
        open.endText(!named && scanner.end() === 'complete')
        scanner.reset()
      },
    })
  }

  write(chunk: Buffer): void {
    this.#sse.write(chunk)
  }

  end(): void {
    // An event that no blank line ended was never dispatched.
    this.#open.endText(false)
    this.#open.close(this.resumable ? 'suspended' : 'closed')
  }
}

const NEW_LINE = Buffer.from('\n')
