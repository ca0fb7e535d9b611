/**
 * HTTP+SSE (2024-11-05): a server that opens a stream and names its endpoint is well. The stream is
 * the session, so closing it leaves nothing behind.
 */

import { isEventStream } from '../../core/content-type.ts'
import { findHeader } from '../../core/raw-headers.ts'
import type { Flight, ReplySink, TransportFailure } from '../transport.ts'
import { down, UP, type Verdict } from './health-check.ts'
import { outboundOf, probeExchange, type HttpLinkOptions } from './http-link.ts'

/** The endpoint event is the first, and short. */
const FIRST_EVENT_BYTES_MAX = 16 * 1024

export function checkSse(options: HttpLinkOptions, signal: AbortSignal): Promise<Verdict> {
  const { url, http, version } = options
  const exchange = probeExchange(
    options,
    'stream',
    {
      host: url.host,
      accept: 'text/event-stream',
      'user-agent': `sidelight/${version} (health check)`,
    },
    Buffer.alloc(0),
  )
  return new Promise((resolve) => {
    const abort = (): void => sink.tell(down('timeout'))
    const sink = new EndpointSink((verdict) => {
      signal.removeEventListener('abort', abort)
      resolve(verdict)
    })
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort)
    sink.started(http.send(outboundOf(exchange), sink))
  })
}

class EndpointSink implements ReplySink {
  readonly #done: (verdict: Verdict) => void
  #flight: Flight | undefined
  #text = ''
  #told = false

  constructor(done: (verdict: Verdict) => void) {
    this.#done = done
  }

  started(flight: Flight): void {
    this.#flight = flight
    if (this.#told) flight.abort()
  }

  tell(verdict: Verdict): void {
    if (this.#told) return
    this.#told = true
    this.#flight?.abort()
    this.#done(verdict)
  }

  head(status: number, _statusMessage: string, rawHeaders: readonly string[]): void {
    if (status === 401 || status === 403) return this.tell(UP)
    if (status !== 200) return this.tell(down(String(status)))
    if (!isEventStream(findHeader(rawHeaders, 'content-type'))) this.tell(down('bad_message'))
  }

  data(chunk: Buffer): boolean {
    this.#text += chunk.toString('latin1')
    if (/^event: ?endpoint\r?$/m.test(this.#text)) this.tell(UP)
    else if (this.#text.length > FIRST_EVENT_BYTES_MAX) this.tell(down('bad_message'))
    return true
  }

  end(): void {
    this.tell(down('closed'))
  }

  failed({ reason }: TransportFailure): void {
    this.tell(down(reason))
  }

  cancelled(): void {
    this.tell(down('closed'))
  }
}
