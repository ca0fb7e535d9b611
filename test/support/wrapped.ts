/** `sidelight wrap` inside the test's process, with streams of the test's own as standard streams. */

import assert from 'node:assert/strict'
import { PassThrough, Writable } from 'node:stream'
import { wrapCommand } from '../../src/cli/wrap.ts'
import { systemClock } from '../../src/core/clock.ts'
import { checkedExports } from './checked-collector.ts'
import { closeAfterTest } from './scope.ts'
import { bounded, signal, SOON, waitFor } from './wait-for.ts'

/** Longer than a server gets to end by itself. */
const END_WITHIN = 10_000

export interface WrappedOptions {
  /** The server's command, or the URL of one over HTTP. */
  readonly server: readonly string[] | string
  readonly flags?: Readonly<Record<string, string | readonly string[]>>
  /** The whole environment, besides what exports telemetry to the collector that checks it. */
  readonly env?: Readonly<Record<string, string>>
}

export class Wrapped {
  /** Whole lines of standard output, in order. */
  readonly lines: string[] = []
  /** Everything on standard error. */
  errors = ''
  /** The exit code; undefined while it runs. */
  code: number | undefined
  readonly #input = new PassThrough()
  readonly #stop = signal<NodeJS.Signals>()
  readonly #ended: Promise<number>
  #partial = ''

  constructor(options: WrappedOptions) {
    const { server, flags = {}, env = {} } = options
    const output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#read(chunk)
        done()
      },
    })
    const command = typeof server === 'string' ? [] : server
    this.#ended = wrapCommand(
      typeof server === 'string' ? { ...flags, upstream: server } : flags,
      command,
      {
        env: { ...checkedExports(), PATH: process.env['PATH'], ...env },
        version: '0.0.0-test',
        clock: systemClock,
        out: () => assert.fail('standard output belongs to the protocol'),
        err: (text) => (this.errors += text),
        stdin: () => this.#input,
        stdout: () => output,
        stopped: this.#stop.promise,
        onHangup: () => {},
        terminal: undefined,
        program: () => assert.fail('nothing is copied'),
      },
    )
    void this.#ended.then((code) => (this.code = code))
  }

  /** Bytes on its standard input. */
  write(bytes: string | Buffer): void {
    this.#input.write(bytes)
  }

  /** Closes its standard input. */
  end(): void {
    this.#input.end()
  }

  /** As SIGTERM does. */
  stop(): void {
    this.#stop.resolve('SIGTERM')
  }

  /** The exit code, once it has ended. */
  ended(within = END_WITHIN): Promise<number> {
    return bounded(this.#ended, { within, what: `the end of wrap (said: ${this.errors})` })
  }

  /** The line with this index. */
  line(index: number): Promise<string> {
    return waitFor(() => this.lines[index], {
      within: SOON,
      what: `line ${index} at the client (have ${this.lines.length}; said: ${this.errors})`,
    })
  }

  #read(chunk: Buffer): void {
    // Pieces are joined as Latin-1, so that a character may be cut anywhere.
    const pieces = (this.#partial + chunk.toString('latin1')).split('\n')
    this.#partial = pieces.pop() ?? ''
    for (const line of pieces) this.lines.push(Buffer.from(line, 'latin1').toString('utf8'))
  }
}

export function startWrapped(options: WrappedOptions): Wrapped {
  const wrapped = new Wrapped(options)
  closeAfterTest(async () => {
    wrapped.end()
    wrapped.stop()
    await wrapped.ended()
  })
  return wrapped
}
