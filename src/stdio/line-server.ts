/** A client over pipes in front of a server over pipes: each line runs through the pipeline. */

import type { Readable, Writable } from 'node:stream'
import type { Exchange } from '../core/exchange.ts'
import { logDefect } from '../core/log.ts'
import { rejectOver } from '../core/outcome.ts'
import { handle, refuseUnread } from '../pipeline/handle.ts'
import type { Stages } from '../pipeline/stages.ts'
import { LineClient } from './line-client.ts'
import { lineExchange } from './line-exchange.ts'
import { LineInput } from './line-input.ts'
import { LineOutput } from './line-output.ts'

export interface LineServerOptions {
  readonly stages: Stages
  readonly upstream: string
  readonly input: Readable
  readonly output: Writable
  readonly lineBytesMax: number
  /** The client has closed its end. */
  readonly onEnd: () => void
  /** Bytes that wait for the server to read them. */
  readonly waitingBytes: () => number
}

const HEADERS = ['content-type', 'application/json']
const EMPTY = Buffer.alloc(0)

export class LineServer {
  readonly #options: LineServerOptions
  readonly #input: LineInput
  readonly #output: LineOutput
  readonly #running = new Set<LineClient>()

  constructor(options: LineServerOptions) {
    this.#options = options
    this.#output = new LineOutput(options.output, options.onEnd)
    this.#input = new LineInput({
      ...options,
      onLine: (line) => this.#message(line),
      onTooLong: () => this.#tooLong(),
    })
  }

  start(): void {
    // What the server says of its own accord comes on a stream, as it does over HTTP.
    this.#run(this.#exchange('stream', EMPTY))
    this.#input.start()
  }

  /** The server decides what it still answers when its input ends, so nothing is waited for here. */
  async drained(): Promise<void> {}

  async close(): Promise<void> {}

  /** The client is gone, and the server after it: what has no answer yet was given up by the client. */
  leave(): void {
    for (const client of this.#running) client.leave()
  }

  flushed(): Promise<void> {
    return this.#output.flushed()
  }

  /** The server has read what waited for it. */
  relieved(): void {
    this.#input.relieved()
  }

  #message(line: Buffer): void {
    this.#run(this.#exchange('message', line))
  }

  #run(exchange: Exchange): void {
    const { stages } = this.#options
    const client: LineClient = new LineClient(exchange, this.#output, () => {
      this.#running.delete(client)
    })
    this.#running.add(client)
    try {
      handle(exchange, client, stages)
    } catch (error) {
      logDefect(stages.log, 'A defect of the sidecar ended an exchange', error)
      refuseUnread(exchange, client, { kind: 'internal' }, stages)
    }
  }

  #tooLong(): void {
    const exchange = this.#exchange('message', EMPTY)
    const client = new LineClient(exchange, this.#output, () => {})
    const rejection = rejectOver(
      'line',
      'too_large',
      `the line is longer than limits.line allows (${this.#options.lineBytesMax} bytes)`,
    )
    refuseUnread(exchange, client, rejection, this.#options.stages)
  }

  #exchange(kind: 'message' | 'stream', body: Buffer): Exchange {
    const { upstream, stages } = this.#options
    return lineExchange({
      upstream,
      kind,
      body,
      headers: HEADERS,
      sessionId: undefined,
      nowMs: stages.clock.monotonicMs(),
    })
  }
}
