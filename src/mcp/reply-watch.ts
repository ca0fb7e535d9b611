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
import { REPLY, REPLY_SHAPE } from './shapes.ts'
import { SseScanner } from './sse-scanner.ts'

export interface ReplyHead {
  readonly status: number
  readonly contentType: string | undefined
}

export interface ReplyWatch {
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

/** Why a body that ended holds no answer. */
type NoAnswer = 'bad_message' | 'closed' | 'suspended'

const MESSAGE_BYTES_MAX = 256

/** Watches the reply to `messages`. `lenient` scanning: a reply of any size needs constant memory. */
export function watchReply(
  head: ReplyHead,
  messages: readonly Message[],
  onOutcome: OnOutcome,
): ReplyWatch {
  const open = new OpenCalls(head, messages, onOutcome)
  if (isEventStream(head.contentType)) return new SseWatch(open)
  if (isJson(head.contentType)) return new JsonWatch(open)
  return { write: () => {}, end: () => open.close('bad_message') }
}

export function isEventStream(contentType: string | undefined): boolean {
  return contentType !== undefined && /^text\/event-stream\b/i.test(contentType.trimStart())
}

function isJson(contentType: string | undefined): boolean {
  return (
    contentType !== undefined && /^application\/([\w.-]+\+)?json\b/i.test(contentType.trimStart())
  )
}

/** The calls of one exchange that have no outcome yet. */
class OpenCalls {
  readonly #head: ReplyHead
  readonly #messages: readonly Message[]
  readonly #onOutcome: OnOutcome
  readonly #done: boolean[]
  #held: (() => void)[] | undefined

  constructor(head: ReplyHead, messages: readonly Message[], onOutcome: OnOutcome) {
    this.#head = head
    this.#messages = messages
    this.#onOutcome = onOutcome
    this.#done = messages.map(() => false)
  }

  /** A message of the upstream has passed. */
  message(slots: readonly Slot[]): void {
    const id = slots[REPLY.id]
    const isReply = slots[REPLY.result]?.type !== 'none' || slots[REPLY.error]?.type !== 'none'
    if (!isReply || slots[REPLY.method]?.type !== 'none' || id === undefined) return
    const index = this.#find(id)
    if (index < 0) return
    const message = this.#messages[index]
    if (message !== undefined) this.#settle(index, outcomeOf(slots, message, this.#head.status))
  }

  /** Outcomes found from now on wait until it is certain that the whole body was JSON. */
  hold(): void {
    this.#held = []
  }

  /** Tells the outcomes that waited, or forgets them. */
  release(valid: boolean): void {
    const held = this.#held ?? []
    this.#held = undefined
    if (valid) for (const tell of held) tell()
    else this.#done.fill(false)
  }

  /** The body is over without an answer for some calls; `why` is what that means for a request. */
  close(why: NoAnswer): void {
    for (const [index, message] of this.#messages.entries()) {
      if (this.#done[index]) continue
      const suspended = why === 'suspended' && message.kind === 'request' && !message.claimsModern
      this.#settle(
        index,
        suspended ? 'suspended' : outcomeOfStatus(this.#head.status, message, why),
      )
    }
  }

  #find(slot: Slot): number {
    const id = readId(slot)
    if (typeof id === 'string') return -1
    const key = id?.key
    const exact = this.#messages.findIndex(
      (message, index) =>
        !this.#done[index] && message.kind === 'request' && message.id?.key === key,
    )
    if (exact >= 0) return exact
    // JSON-RPC 2.0 §5: an error that could not be tied to an id has id null.
    const lone =
      this.#messages.length === 1 && !this.#done[0] && (key === undefined || key === 'null')
    return lone ? 0 : -1
  }

  #settle(index: number, outcome: Outcome | 'suspended'): void {
    this.#done[index] = true
    if (this.#held === undefined) this.#onOutcome(index, outcome)
    else this.#held.push(() => this.#onOutcome(index, outcome))
  }
}

class JsonWatch implements ReplyWatch {
  readonly #open: OpenCalls
  readonly #scanner: JsonScanner

  constructor(open: OpenCalls) {
    this.#open = open
    this.#open.hold()
    this.#scanner = new JsonScanner(REPLY_SHAPE, {
      strict: false,
      depthMax: Number.MAX_SAFE_INTEGER,
      onMessage: (slots) => open.message(slots),
    })
  }

  write(chunk: Buffer): void {
    this.#scanner.write(chunk)
  }

  end(): void {
    this.#open.release(this.#scanner.end() === 'complete')
    this.#open.close('bad_message')
  }
}

class SseWatch implements ReplyWatch {
  readonly #open: OpenCalls
  readonly #sse: SseScanner
  #found: readonly Slot[] | undefined
  #resumable = false

  constructor(open: OpenCalls) {
    this.#open = open
    const scanner = new JsonScanner(REPLY_SHAPE, {
      strict: false,
      depthMax: Number.MAX_SAFE_INTEGER,
      onMessage: (slots) => {
        this.#found = slots
      },
    })
    this.#sse = new SseScanner({
      data: (chunk, from, to) => scanner.write(chunk, from, to),
      dataLine: () => scanner.write(NEW_LINE),
      event: (hasData, named, hasId) => {
        if (hasId) this.#resumable = true
        if (hasData && !named && this.#found !== undefined && scanner.end() === 'complete') {
          open.message(this.#found)
        }
        this.#found = undefined
        scanner.reset()
      },
    })
  }

  write(chunk: Buffer): void {
    this.#sse.write(chunk)
  }

  end(): void {
    this.#open.close(this.#resumable ? 'suspended' : 'closed')
  }
}

const NEW_LINE = Buffer.from('\n')

/** What a reply that carries the call's id says about the call. */
function outcomeOf(slots: readonly Slot[], message: Message, status: number): Outcome {
  if (status >= 500) return { kind: 'upstream_failed', reason: 'http_5xx', sent: true, status }
  if (slots[REPLY.error]?.type !== 'none') return rpcError(slots)
  if (status >= 300) return { kind: 'upstream_status', status }
  return outcomeOfResult(slots, message)
}

function outcomeOfResult(slots: readonly Slot[], message: Message): Outcome {
  const resultType = slots[REPLY.resultType]?.text()
  if (resultType === 'input_required') return { kind: 'input_required' }
  if (resultType === 'task') return { kind: 'task' }
  if (message.asksTask && slots[REPLY.task]?.type === 'object') return { kind: 'task' }
  const failed = message.method === 'tools/call' && slots[REPLY.isError]?.type === 'true'
  return failed ? { kind: 'tool_error' } : { kind: 'ok' }
}

function rpcError(slots: readonly Slot[]): Outcome {
  const raw = slots[REPLY.errorCode]?.raw
  const code = Number(raw)
  if (raw === undefined || !Number.isInteger(code)) {
    return { kind: 'upstream_failed', reason: 'bad_message', sent: true }
  }
  const message = slots[REPLY.errorMessage]?.text()?.slice(0, MESSAGE_BYTES_MAX)
  return message === undefined ? { kind: 'rpc_error', code } : { kind: 'rpc_error', code, message }
}

/** What the status alone says, when the body held no answer to this message. */
function outcomeOfStatus(status: number, message: Message, why: NoAnswer): Outcome {
  if (status >= 500) return { kind: 'upstream_failed', reason: 'http_5xx', sent: true, status }
  if (status >= 300) return { kind: 'upstream_status', status }
  if (message.kind !== 'request') return { kind: 'ok' }
  return { kind: 'upstream_failed', reason: why === 'bad_message' ? why : 'closed', sent: true }
}
