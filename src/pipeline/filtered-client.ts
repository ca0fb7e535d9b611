/**
 * A client that sees lists without the entries that it may not use. It stands in the way of replies to
 * lists and of streams on which lists may come, so everybody else still sees what the upstream sent.
 *
 * What cannot be filtered is not passed on: the client gets an error, or its stream ends.
 */

import type { Exchange } from '../core/exchange.ts'
import type { Outcome } from '../core/outcome.ts'
import { findHeader } from '../core/raw-headers.ts'
import type { Answer, Client } from '../core/reply.ts'
import { logUpstreamFailure } from './log-failure.ts'
import { answerRefusal } from './refuse.ts'
import type { DecodeTee, EventFiltering, ReplyFilter, Stages } from './stages.ts'

export interface FilteredClientOptions {
  readonly exchange: Exchange
  readonly client: Client
  readonly filter: ReplyFilter
  readonly stages: Pick<Stages, 'decodeTee' | 'rejections' | 'observer' | 'log'>
  /** The reply could not be passed on; told before the calls in it are known to have been answered. */
  readonly onFailure: (outcome: Outcome) => void
}

interface Head {
  readonly status: number
  readonly message: string
  readonly rawHeaders: readonly string[]
}

/** What is being passed on. */
type Body =
  | { readonly kind: 'as_it_is' }
  | { readonly kind: 'json'; readonly head: Head; readonly pieces: Buffer[]; bytes: number }
  | { readonly kind: 'events'; readonly filtering: EventFiltering }
  /** Nothing more is passed on. */
  | { readonly kind: 'over' }

export class FilteredClient implements Client {
  readonly #options: FilteredClientOptions
  readonly #client: Client
  #body: Body = { kind: 'as_it_is' }
  #tee: DecodeTee | undefined
  /** Bytes that are waited with. */
  #held = 0
  #keepsUp = true
  #resume: (() => void) | undefined

  constructor(options: FilteredClientOptions) {
    this.#options = options
    this.#client = options.client
  }

  head(status: number, message: string, rawHeaders: readonly string[]): void {
    const kind = kindOf(
      status,
      findHeader(rawHeaders, 'content-type'),
      findHeader(rawHeaders, 'content-length'),
    )
    if (kind === 'as_it_is') return this.#client.head(status, message, rawHeaders)
    if (kind === 'accepted') return this.#acknowledge(status, message, rawHeaders)
    const encoding = findHeader(rawHeaders, 'content-encoding')
    const tee = this.#options.stages.decodeTee(encoding, (chunk) => this.#read(chunk))
    const head = { status, message, rawHeaders: withoutBodyHeaders(rawHeaders) }
    if (kind === 'events') {
      this.#body = { kind, filtering: this.#options.filter.events() }
      if (tee !== 'unreadable') this.#client.head(status, message, head.rawHeaders)
    } else this.#body = { kind: 'json', head, pieces: [], bytes: 0 }
    if (tee === 'unreadable' || kind === 'unknown') return this.#fail('unreadable')
    this.#tee = tee
    tee?.onDrain(() => this.#resume?.())
  }

  write(chunk: Buffer): boolean {
    if (this.#body.kind === 'as_it_is') return this.#client.write(chunk)
    if (this.#body.kind === 'over') return true
    if (this.#tee !== undefined) return this.#tee.write(chunk) && this.#keepsUp
    this.#read(chunk)
    return this.#keepsUp
  }

  end(): void {
    if (this.#tee === undefined) this.#finish()
    else this.#tee.end((readable) => (readable ? this.#finish() : this.#fail('too_large')))
  }

  abort(): void {
    this.#close()
    this.#tee?.drop()
    this.#client.abort()
  }

  answer(answer: Answer): void {
    this.#client.answer(answer)
  }

  onDrain(resume: () => void): void {
    this.#resume = resume
    this.#client.onDrain(() => {
      this.#keepsUp = true
      resume()
    })
  }

  onGone(gone: () => void): void {
    this.#client.onGone(() => {
      this.#close()
      this.#tee?.drop()
      gone()
    })
  }

  /** The answer comes on another stream; what stands here is nothing that a client needs. */
  #acknowledge(status: number, message: string, rawHeaders: readonly string[]): void {
    this.#close()
    this.#client.head(status, message, [...withoutBodyHeaders(rawHeaders), 'Content-Length', '0'])
    this.#client.end()
  }

  #read(chunk: Buffer): void {
    const body = this.#body
    if (body.kind === 'json') {
      body.bytes += chunk.length
      body.pieces.push(chunk)
      const { bytesMax } = this.#options.filter
      if (body.bytes > bytesMax || !this.#hold(body.bytes)) this.#fail('too_large')
    } else if (body.kind === 'events') {
      const passed = body.filtering.write(chunk)
      if (typeof passed === 'string') return this.#fail(passed)
      if (!this.#hold(body.filtering.held)) return this.#fail('too_large')
      for (const one of passed) if (one.length > 0) this.#keepsUp = this.#client.write(one)
    }
  }

  #finish(): void {
    const body = this.#body
    switch (body.kind) {
      case 'as_it_is':
        return this.#client.end()
      case 'over':
        return
      case 'events': {
        const last = body.filtering.end()
        if (typeof last === 'string') return this.#fail(last)
        if (last.length > 0) this.#client.write(last)
        this.#close()
        return this.#client.end()
      }
      case 'json': {
        const whole = Buffer.concat(body.pieces)
        // An error may have the type of a body and none.
        const bytes = whole.length === 0 ? whole : this.#options.filter.json(whole)
        if (bytes === undefined) return this.#fail('unreadable')
        this.#close()
        const { status, message, rawHeaders } = body.head
        this.#client.head(status, message, [...rawHeaders, 'Content-Length', String(bytes.length)])
        if (bytes.length > 0) this.#client.write(bytes)
        this.#client.end()
      }
    }
  }

  /** Takes or gives back room for what is waited with; false when there is none. */
  #hold(bytes: number): boolean {
    const { budget } = this.#options.filter
    const more = bytes - this.#held
    if (more > 0 && !budget.take(more)) return false
    if (more < 0) budget.give(-more)
    this.#held = bytes
    return true
  }

  #close(): void {
    this.#body = { kind: 'over' }
    this.#hold(0)
  }

  #fail(why: 'too_large' | 'unreadable'): void {
    const { exchange, stages, onFailure } = this.#options
    const { kind } = this.#body
    this.#close()
    this.#tee?.drop()
    if (why === 'too_large') stages.observer.limitHit('lists')
    logUpstreamFailure(stages.log, exchange, { ...UNREADABLE, stale: false, detail: DETAILS[why] })
    onFailure(UNREADABLE)
    if (kind === 'json') this.#client.answer(answerRefusal(exchange, UNREADABLE, stages.rejections))
    else this.#client.abort()
  }
}

const UNREADABLE = { kind: 'upstream_failed', reason: 'bad_message', sent: true } as const

const DETAILS = {
  too_large: 'larger than policy.listBytes or than there is room for, so it cannot be filtered',
  unreadable: 'no list that can be filtered',
} as const

function kindOf(
  status: number,
  contentType: string | undefined,
  contentLength: string | undefined,
): 'as_it_is' | 'accepted' | 'json' | 'events' | 'unknown' {
  const essence = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (essence === 'text/event-stream') return 'events'
  if (essence === 'application/json' || essence.endsWith('+json')) return 'json'
  // Some clients read whatever comes with success.
  const empty = contentLength === '0' || status === 204
  if (status >= 300 || empty) return 'as_it_is'
  return status === 202 && contentType === undefined ? 'accepted' : 'unknown'
}

const BODY_HEADERS: ReadonlySet<string> = new Set([
  'content-length',
  'content-encoding',
  'content-digest',
  'digest',
  'content-md5',
  'etag',
])

/** Without what describes a body that is not the one that is sent. */
function withoutBodyHeaders(raw: readonly string[]): string[] {
  return raw.filter((_, index) => !BODY_HEADERS.has((raw[index - (index % 2)] ?? '').toLowerCase()))
}
