/** A process and readers of replies for tests of stdio upstreams; both write down what they are told. */

import assert from 'node:assert/strict'
import type { Exchange } from '../../../src/core/exchange.ts'
import { WireReader, type WireMessage } from '../../../src/mcp/wire-message.ts'
import type { ReplySink, TransportFailure } from '../../../src/upstream/transport.ts'
import type { SessionProcess } from '../../../src/upstream/stdio/stdio-session.ts'
import { readEnvelope } from '../../mcp/messages.ts'
import { post } from '../../pipeline/fakes.ts'

/** One event of a stream. */
export interface SeenEvent {
  readonly id: string | undefined
  /** JSON text; empty for the event that opens a stream. */
  readonly data: string
}

export class FakeSink implements ReplySink {
  status: number | undefined
  headers: readonly string[] = []
  text = ''
  ended = false
  failure: TransportFailure | undefined
  /** True when it was told that its client has taken the request back. */
  takenBack = false
  /** False: the reader cannot keep up. */
  keepsUp = true

  head(status: number, _message: string, rawHeaders: readonly string[]): void {
    assert.equal(this.status, undefined, 'one head')
    assert.ok(!this.over, 'no head after the end')
    this.status = status
    this.headers = rawHeaders
  }

  data(chunk: Buffer): boolean {
    assert.notEqual(this.status, undefined, 'a head comes first')
    assert.ok(!this.over, 'no data after the end')
    this.text += chunk.toString()
    return this.keepsUp
  }

  end(): void {
    assert.notEqual(this.status, undefined, 'a head comes first')
    assert.ok(!this.over, 'one end')
    this.ended = true
  }

  failed(failure: TransportFailure): void {
    assert.ok(!this.over, 'one end')
    this.failure = failure
  }

  cancelled(): void {
    assert.ok(!this.over, 'one end')
    this.takenBack = true
  }

  get over(): boolean {
    return this.ended || this.takenBack || this.failure !== undefined
  }

  /** The value of a header, by lower-case name. */
  header(name: string): string | undefined {
    const index = this.headers.findIndex((one, at) => at % 2 === 0 && one.toLowerCase() === name)
    return index < 0 ? undefined : this.headers[index + 1]
  }

  get streams(): boolean {
    return this.header('content-type') === 'text/event-stream'
  }

  /** The events of a stream so far. */
  get events(): readonly SeenEvent[] {
    assert.ok(this.streams, 'the reply is a stream')
    const whole = this.text.split('\n\n').slice(0, -1)
    return whole
      .map((event) => event.split('\n'))
      .filter((lines) => lines.some((line) => /^(id|data):/.test(line)))
      .map((lines) => ({
        id: lines.find((line) => line.startsWith('id: '))?.slice(4),
        data: lines.find((line) => line.startsWith('data: '))?.slice(6) ?? '',
      }))
  }

  /** The messages on a stream, or the one body. */
  get messages(): readonly string[] {
    if (this.status === undefined) return []
    if (!this.streams) return this.text === '' ? [] : [this.text]
    return this.events.map(({ data }) => data).filter((data) => data !== '')
  }
}

export class FakeProcess implements SessionProcess {
  /** Lines that were written to it. */
  readonly lines: string[] = []
  paused = false
  /** True: what was written is not taken until `takeAll`. */
  slow = false
  backlogBytes = 0
  #waiting: (() => void)[] = []

  write(line: Buffer, written?: () => void): void {
    assert.ok(!line.includes('\n'), 'a line holds no line feed')
    this.lines.push(line.toString())
    if (written === undefined) return
    if (this.slow) this.#waiting.push(written)
    else written()
  }

  takeAll(): void {
    for (const written of this.#waiting.splice(0)) written()
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  /** The newest line. */
  get last(): string {
    return this.lines.at(-1) ?? ''
  }
}

const reader = new WireReader()

/** What a line holds. */
export function wireOf(line: string): readonly WireMessage[] {
  return reader.read(Buffer.from(line)) ?? assert.fail(`no message: ${line}`)
}

/** Hands a line of the server to whoever receives its messages. */
export function say(
  line: string,
  receiver: { received(line: Buffer, message: WireMessage): void },
): void {
  const bytes = Buffer.from(line)
  for (const message of wireOf(line)) receiver.received(bytes, message)
}

/** An exchange whose calls have been read. */
export function exchangeFor(
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Exchange {
  const exchange = post(body, headers)
  const envelope = readEnvelope(body)
  exchange.batch = envelope.batch
  exchange.calls = envelope.messages.map((message) => ({
    exchange,
    message,
    trace: undefined,
    outcome: undefined,
  }))
  return exchange
}

export const EXITED: TransportFailure = {
  reason: 'process_exit',
  sent: true,
  stale: false,
  detail: 'exit 1',
}
