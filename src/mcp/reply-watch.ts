/**
 * Watches a copy of an upstream's reply and tells, for each call of the exchange, how it ended.
 *
 * It never changes, delays or keeps the reply. A JSON body and every event of an SSE stream are
 * scanned as they pass; notifications and server requests between are not ours and are ignored.
 */

import type { JsonRpcId, Message } from '../core/message.ts'
import type { Answered } from '../core/observer.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Slot } from './json-shape.ts'
import { readId } from './read-id.ts'
import { watchBody, type Answers, type ReplyWatch } from './reply-body.ts'
import type { ReplyScanners } from './reply-scanners.ts'
import { outcomeOfReply, outcomeOfStatus, type NoAnswer } from './reply-outcome.ts'
import { REPLY } from './shapes.ts'
import { SpeechWatch, type SpeechSink } from './speech-watch.ts'
import { TextCapture, type CaptureBudget } from './text-capture.ts'

export interface ReplyHead {
  readonly status: number
  readonly contentType: string | undefined
}

/**
 * Told once per message: its place in the envelope, and how it ended. `suspended` when the server
 * closed a resumable stream before the answer: the client will fetch it with GET and Last-Event-ID
 * (2025-11-25 Streamable HTTP, "Resumability and redelivery").
 */
export type OnOutcome = (
  index: number,
  outcome: Outcome | 'suspended',
  answered: Answered | undefined,
) => void

/** Copies of results, for the calls that want one. */
export interface Captures {
  /** The longest result that each call wants a copy of, by its place; 0 for none. */
  readonly wanted: readonly number[]
  readonly budget: CaptureBudget
}

/** Watches the reply to `messages`. `lenient` scanning: a reply of any size needs constant memory. */
export function watchReply(
  head: ReplyHead,
  messages: readonly Message[],
  onOutcome: OnOutcome,
  captures?: Captures,
  speech?: SpeechSink,
  scanners?: ReplyScanners,
): ReplyWatch {
  const open = new OpenCalls(head, messages, onOutcome, captures?.wanted ?? [], speech)
  const capture =
    captures === undefined ? undefined : new TextCapture(() => open.wanted(), captures.budget)
  return watchBody(head.contentType, open, capture, scanners)
}

/** A call whose answer is looked for on a stream that is not its own. */
export interface AwaitedCall {
  readonly message: Message
  /** The longest result that it wants a copy of, in bytes; 0 for none. */
  readonly wanted: number
  readonly settle: (outcome: Outcome, answered: Answered) => void
}

/** Which calls wait on a stream. Both are asked again and again, because calls come and go. */
export interface Awaited {
  calls(): readonly AwaitedCall[]
  /** The longest result that any of them wants a copy of. */
  wanted(): number
}

/** Watches a session's stream for answers to calls that were posted elsewhere. */
export function watchStream(
  head: ReplyHead,
  awaited: Awaited,
  budget: CaptureBudget,
  speech?: SpeechSink,
): ReplyWatch {
  const answers = new StreamAnswers(head, awaited, speech)
  const capture = new TextCapture(() => awaited.wanted(), budget)
  return watchBody(head.contentType, answers, capture)
}

class StreamAnswers implements Answers {
  readonly #head: ReplyHead
  readonly #awaited: Awaited
  readonly #speech: SpeechWatch
  #found: {
    readonly call: AwaitedCall
    readonly outcome: Outcome
    readonly answered: Answered
  }[] = []

  constructor(head: ReplyHead, awaited: Awaited, speech: SpeechSink | undefined) {
    this.#head = head
    this.#awaited = awaited
    this.#speech = new SpeechWatch(speech)
  }

  message(slots: readonly Slot[], text: TextCapture | undefined): void {
    const slot = slots[REPLY.id]
    if (!isAnswer(slots)) return this.#speech.message(slots)
    const id = slot === undefined ? undefined : readId(slot)
    if (slot === undefined || typeof id === 'string') return
    const calls = this.#awaited.calls()
    const index = findCall(
      calls.map((call) => call.message),
      id,
      () => true,
    )
    const call = calls[index]
    if (call === undefined) return
    const outcome = outcomeOfReply(slots, call.message, this.#head.status)
    this.#found.push({ call, outcome, answered: answeredBy(slots, call.wanted, text) })
  }

  endText(valid: boolean): void {
    this.#speech.endText(valid)
    const found = this.#found
    if (found.length === 0) return
    this.#found = []
    if (valid) for (const { call, outcome, answered } of found) call.settle(outcome, answered)
  }

  /** An end without an answer settles nothing: the client may come back. */
  close(): void {}
}

/** The sizes of an answer, with a copy of its result when that is wanted. */
function answeredBy(
  slots: readonly Slot[],
  wanted: number,
  text: TextCapture | undefined,
): Answered {
  const message = slots[REPLY.message]
  const result = slots[REPLY.result]
  const start = result?.start ?? 0
  const end = result?.end ?? 0
  return {
    bytes: (message?.end ?? 0) - (message?.start ?? 0),
    resultBytes: end - start,
    result: end - start <= wanted ? text?.slice(start, end) : undefined,
  }
}

function isAnswer(slots: readonly Slot[]): boolean {
  if (slots[REPLY.method]?.type !== 'none') return false
  return slots[REPLY.error]?.type === 'object' || slots[REPLY.result]?.type !== 'none'
}

/** The place of the request with this id, or -1. */
function findCall(
  messages: readonly Message[],
  id: JsonRpcId | undefined,
  isOpen: (index: number) => boolean,
): number {
  let alike = -1
  for (let index = 0; index < messages.length; index += 1) {
    const one = messages[index]
    if (one?.kind !== 'request' || !isOpen(index)) continue
    // The same text first: numbers above 2^53 may be told apart by nothing else.
    if (one.id?.raw === id?.raw) return index
    if (alike < 0 && one.id?.key === id?.key) alike = index
  }
  return alike
}

/** The calls of one exchange that have no outcome yet. */
class OpenCalls implements Answers {
  readonly #head: ReplyHead
  readonly #messages: readonly Message[]
  readonly #onOutcome: OnOutcome
  readonly #wanted: readonly number[]
  readonly #done: boolean[] = []
  readonly #speech: SpeechWatch
  /** Found in the JSON text under way: told when it proves to be whole. */
  #found: {
    readonly index: number
    readonly outcome: Outcome
    readonly answered: Answered
  }[] = []

  constructor(
    head: ReplyHead,
    messages: readonly Message[],
    onOutcome: OnOutcome,
    wanted: readonly number[],
    speech: SpeechSink | undefined,
  ) {
    this.#head = head
    this.#messages = messages
    this.#onOutcome = onOutcome
    this.#wanted = wanted
    this.#speech = new SpeechWatch(speech)
    for (let index = 0; index < messages.length; index += 1) this.#done.push(false)
  }

  /** The longest result that a call without an answer wants a copy of. */
  wanted(): number {
    let most = 0
    for (const [index, bytes] of this.#wanted.entries()) {
      if (bytes > most && this.#done[index] !== true) most = bytes
    }
    return most
  }

  message(slots: readonly Slot[], text: TextCapture | undefined): void {
    const id = slots[REPLY.id]
    if (!isAnswer(slots)) return this.#speech.message(slots)
    if (id === undefined) return
    const index = this.#find(id, slots[REPLY.error]?.type === 'object')
    const message = this.#messages[index]
    if (message === undefined) return
    this.#done[index] = true
    const outcome = outcomeOfReply(slots, message, this.#head.status)
    const answered = answeredBy(slots, this.#wanted[index] ?? 0, text)
    this.#found.push({ index, outcome, answered })
  }

  endText(valid: boolean): void {
    this.#speech.endText(valid)
    const found = this.#found
    if (found.length === 0) return
    this.#found = []
    for (const { index, outcome, answered } of found) {
      if (valid) this.#onOutcome(index, outcome, answered)
      else this.#done[index] = false
    }
  }

  /** Some calls have no answer; `why` is what that means for a request. */
  close(why: NoAnswer): void {
    const { status } = this.#head
    for (let index = 0; index < this.#messages.length; index += 1) {
      const message = this.#messages[index]
      if (message === undefined || this.#done[index] === true) continue
      this.#done[index] = true
      const resumes = message.kind === 'request' && !message.claimsModern && status < 300
      const suspended = why === 'suspended' && resumes
      const outcome = suspended ? 'suspended' : outcomeOfStatus(status, message, why)
      this.#onOutcome(index, outcome, undefined)
    }
  }

  #find(slot: Slot, isError: boolean): number {
    if (this.#isOfOnly(slot)) return 0
    const id = readId(slot)
    if (typeof id === 'string') return -1
    const found = findCall(this.#messages, id, (index) => this.#done[index] !== true)
    if (found >= 0 || !isError) return found
    // JSON-RPC 2.0 §5: an error that could not be tied to an id has id null.
    const lone = this.#messages.length === 1 && this.#done[0] === false
    return lone && (id === undefined || id.key === 'null') ? 0 : -1
  }

  /** Nearly always there is one request, whose id comes back as it was spelled. */
  #isOfOnly({ raw }: Slot): boolean {
    const only = this.#messages[0]
    if (only?.kind !== 'request' || this.#messages.length > 1 || this.#done[0] === true)
      return false
    return raw !== undefined && only.id?.raw === raw
  }
}
