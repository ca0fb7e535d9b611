/** Stand-ins for everything around the pipeline, which write down what they are told. */

import assert from 'node:assert/strict'
import { headerOf, type Exchange, type ExchangeKind } from '../../src/core/exchange.ts'
import type { LogFields } from '../../src/core/log.ts'
import type { Answered, CallFollower, Injection } from '../../src/core/observer.ts'
import { reasonOf, type Outcome, type Rejection } from '../../src/core/outcome.ts'
import type { Answer, Client } from '../../src/core/reply.ts'
import { createEnvelopeReader } from '../../src/mcp/read-envelope.ts'
import { isLongLived } from '../../src/mcp/methods.ts'
import { watchReply, watchStream } from '../../src/mcp/reply-watch.ts'
import { spliceMeta } from '../../src/mcp/splice-meta.ts'
import { CaptureBudget } from '../../src/mcp/text-capture.ts'
import type { Timeouts } from '../../src/pipeline/deadline.ts'
import { handle } from '../../src/pipeline/handle.ts'
import { InFlight } from '../../src/pipeline/in-flight.ts'
import { Resumptions } from '../../src/pipeline/resumptions.ts'
import { ServerRequests } from '../../src/pipeline/server-requests.ts'
import type { Stages, Upstream } from '../../src/pipeline/stages.ts'
import type { Outbound, ReplySink, TransportFailure } from '../../src/upstream/transport.ts'

export class FakeClock {
  now = 1_000

  wallMs(): number {
    return 1_700_000_000_000 + this.now
  }

  monotonicMs(): number {
    return this.now
  }
}

export const nameOf = (outcome: Outcome): string =>
  [outcome.kind, reasonOf(outcome)].filter((part) => part !== undefined).join(' ')

export class FakeClient implements Client {
  /** Everything sent, in order: `head 200`, `write …`, `end`, `abort`, `answer 503`. */
  readonly sent: string[] = []
  answered: Answer | undefined
  rawHeaders: readonly string[] = []
  keepsUp = true
  keepsNothing = false
  #resume: () => void = () => assert.fail('nobody listens for a drain')
  #gone: () => void = () => assert.fail('nobody listens for the client to go')

  head(status: number, statusMessage: string, rawHeaders: readonly string[]): void {
    this.sent.push(`head ${status} ${statusMessage}`)
    this.rawHeaders = rawHeaders
  }

  write(chunk: Buffer): boolean {
    this.sent.push(`write ${chunk.toString('latin1')}`)
    return this.keepsUp
  }

  end(): void {
    this.sent.push('end')
  }

  abort(): void {
    this.sent.push('abort')
  }

  answer(answer: Answer): void {
    this.answered = answer
    this.sent.push(`answer ${answer.status}`)
  }

  onDrain(resume: () => void): void {
    this.#resume = resume
  }

  onGone(gone: () => void): void {
    this.#gone = gone
  }

  drain(): void {
    this.keepsUp = true
    this.#resume()
  }

  hangUp(): void {
    this.#gone()
  }
}

/** One message under way, driven by the test. */
export interface FakeFlight {
  readonly outbound: Outbound
  readonly sink: ReplySink
  aborted: number
  resumed: number
  /** Chunks whose bytes nobody needs any more. */
  readonly spent: Buffer[]
}

export const STALE: TransportFailure = {
  reason: 'reset',
  sent: false,
  stale: true,
  detail: 'ECONNRESET',
}

const NO_TIMEOUTS: Timeouts = {
  callMs: Infinity,
  callMaxMs: Infinity,
  firstByteMs: Infinity,
  idleMs: Infinity,
}

export interface WorldOptions {
  readonly rejections?: 'mcp' | 'http'
  readonly stages?: Partial<Stages>
  /** What the observer injects; none when undefined. */
  readonly injection?: Injection
  readonly timeouts?: Timeouts
  readonly propagate?: { readonly meta: boolean; readonly headers: boolean }
  readonly admit?: Rejection
  /** The longest result that the observer wants a copy of. */
  readonly wanted?: number
  /** How many retries the permit allows. */
  readonly retries?: number
  /** Whether it allows a second attempt beside the first. */
  readonly hedges?: boolean
}

/** A pipeline between a fake client and a fake upstream. */
export class World {
  readonly clock = new FakeClock()
  readonly flights: FakeFlight[] = []
  /** What observers were told: `begin ping`, `attempt 1`, `attempt ok`, `ended ok`, `exchange ok`. */
  readonly told: string[] = []
  readonly settled: string[] = []
  /** Statuses of the replies that the upstream was told of. */
  readonly replies: number[] = []
  readonly logged: { readonly event: string; readonly fields: LogFields | undefined }[] = []
  readonly resumptions: Resumptions
  readonly inFlight = new InFlight((error) => assert.fail(String(error)))
  readonly captures = new CaptureBudget({
    bytesMax: 64 * 1024,
    onFull: () => this.told.push('limit captures'),
  })
  readonly stages: Stages
  /** What followers were told of answers. */
  readonly answers: Answered[] = []
  readonly #wanted: number
  permits = 0
  /** Ends the wait for a second attempt. */
  hedge: () => void = () => assert.fail('nobody asked for a second attempt')
  /** Ends the wait for a retry. */
  again: (mayGo: boolean) => void = () => assert.fail('nobody waits for a retry')

  constructor(options: WorldOptions = {}) {
    this.#wanted = options.wanted ?? 0
    this.resumptions = new Resumptions(this.clock, {
      callsMax: 2,
      waitMs: 60_000,
      onOverflow: () => this.told.push('limit suspended_calls'),
    })
    const upstream = this.#upstream(options)
    this.stages = {
      clock: this.clock,
      log: {
        enabled: () => true,
        write: (_level, event, _body, fields) => this.logged.push({ event, fields }),
      },
      observer: {
        begin: (call) => {
          this.told.push(`begin ${call.message.method}`)
          return this.#follower(options)
        },
        exchangeEnded: (_exchange, outcome) => this.told.push(`exchange ${nameOf(outcome)}`),
        limitHit: (limit) => this.told.push(`limit ${limit}`),
      },
      resumptions: this.resumptions,
      serverRequests: new ServerRequests({
        clock: this.clock,
        onOverflow: () => this.told.push('limit server_requests'),
      }),
      inFlight: this.inFlight,
      rejections: options.rejections ?? 'mcp',
      drainRejection: () => undefined,
      readEnvelope: createEnvelopeReader({ depthMax: 50, batchMax: 10 }),
      findUpstream: (name) => (name === 'up' ? upstream : undefined),
      authorize: () => undefined,
      recordAttempt: (_exchange, permit) => permit,
      replyFilter: () => undefined,
      upstreamNames: () => ['up'],
      checkPins: () => undefined,
      isLongLived,
      watchReply: (head, messages, onOutcome, wanted, speech) =>
        watchReply(
          head,
          messages,
          onOutcome,
          wanted === undefined ? undefined : { wanted, budget: this.captures },
          speech,
        ),
      watchStream: (head, awaited, speech) => watchStream(head, awaited, this.captures, speech),
      decodeTee: () => undefined,
      spliceMeta,
      ...options.stages,
    }
  }

  #upstream(options: WorldOptions): Upstream {
    return {
      name: 'up',
      target: { upstreamName: 'up', carrier: 'tcp', address: 'host', port: 80 },
      timeouts: options.timeouts ?? NO_TIMEOUTS,
      propagate: options.propagate ?? { meta: true, headers: true },
      admit: () => {
        if (options.admit !== undefined) return options.admit
        this.permits += 1
        return {
          kind: 'permit',
          head: () => {},
          failedIn: () => {},
          retry: ({ number, outcome }, again) => {
            if (number > (options.retries ?? 0)) return undefined
            this.told.push(`retry after ${nameOf(outcome)}`)
            this.again = again
            return () => this.told.push('retry taken back')
          },
          hedges: options.hedges ?? false,
          hedge: (begin) => {
            this.hedge = () =>
              begin({
                failed: (outcome) => void this.told.push(`one failed ${nameOf(outcome)}`),
                ended: (result) => void this.told.push(`hedge ${result}`),
              })
            return () => void this.told.push('hedge taken back')
          },
          callEnded: () => undefined,
          settle: (outcome) => this.settled.push(nameOf(outcome)),
        }
      },
      replied: (_exchange, status) => this.replies.push(status),
      transport: {
        sessions: 0,
        check: () => undefined,
        tick: () => {},
        send: (outbound, sink) => {
          const flight: FakeFlight = { outbound, sink, aborted: 0, resumed: 0, spent: [] }
          this.flights.push(flight)
          return {
            abort: () => {
              flight.aborted += 1
            },
            resume: () => {
              flight.resumed += 1
            },
            spent: (chunk) => flight.spent.push(chunk),
          }
        },
        close: () => Promise.resolve(),
      },
    }
  }

  #follower(options: WorldOptions): CallFollower {
    return {
      attemptStarted: (_target, attempt) => {
        this.told.push(`attempt ${attempt}`)
        return options.injection
      },
      resultBytesWanted: this.#wanted,
      answered: (answer) => this.answers.push(answer),
      attemptEnded: (outcome, _atMs, attempt) => {
        // Which one matters only when two were under way.
        const which = options.hedges === true ? `${attempt?.number ?? 0} ` : ''
        this.told.push(`attempt ${which}${nameOf(outcome)}`)
      },
      ended: (outcome) => this.told.push(`ended ${nameOf(outcome)}`),
    }
  }

  /** Sends one exchange through the pipeline. */
  send(exchange: Exchange): FakeClient {
    const client = new FakeClient()
    handle(exchange, client, this.stages)
    return client
  }

  flight(index = 0): FakeFlight {
    const flight = this.flights[index]
    assert.ok(flight, `no attempt ${index + 1} was made`)
    return flight
  }

  /** Asserts that one exchange ended as it must: everything told once, the permit given back. */
  endedWith(outcome: string, calls: readonly string[] = [outcome]): void {
    const kinds = this.told.filter((what) => what.startsWith('ended '))
    assert.deepEqual(
      kinds,
      calls.map((call) => `ended ${call}`),
    )
    assert.deepEqual(
      this.told.filter((what) => what.startsWith('exchange ')),
      [`exchange ${outcome}`],
    )
    assert.deepEqual(this.settled, this.permits === 0 ? [] : [outcome])
    assert.equal(this.inFlight.size, 0)
  }
}

export function post(body: unknown, headers: Readonly<Record<string, string>> = {}): Exchange {
  const all = { 'content-type': 'application/json', ...headers }
  return exchangeOf('message', {
    headers: all,
    rawHeaders: Object.entries(all).flat(),
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  })
}

export function get(headers: Readonly<Record<string, string>> = {}): Exchange {
  return exchangeOf('stream', { httpMethod: 'GET', headers })
}

export function exchangeOf(kind: ExchangeKind, given: Partial<Exchange> = {}): Exchange {
  return {
    kind,
    httpMethod: 'POST',
    httpVersion: '1.1',
    carrier: 'tcp',
    upstreamName: 'up',
    path: '/up/mcp',
    endpoint: 'mcp',
    query: '',
    rawHeaders: [],
    headers: {},
    body: Buffer.alloc(0),
    clientAddress: '127.0.0.1',
    clientPort: 5_000,
    receivedAtMs: 1_000,
    readAtMs: 1_000,
    sessionId: headerOf(given.headers ?? {}, 'mcp-session-id'),
    ownerKey: undefined,
    calls: [],
    turnMs: 0,
    batch: false,
    ...given,
  }
}

export const CALL = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'add' } }
export const RESULT = '{"jsonrpc":"2.0","id":1,"result":{}}'
export const JSON_REPLY = ['Content-Type', 'application/json']
export const STREAM_REPLY = ['Content-Type', 'text/event-stream']
