/**
 * `GET /metrics`: text for Prometheus or OpenMetrics, whichever the scraper prefers, gzip when it takes
 * it. It is rendered slice by slice as the scraper reads, with the event loop in between, so that a
 * large or slow scrape stops no call; a scraper that vanished ends it.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import { constants, createGzip } from 'node:zlib'
import type { LimitName } from '../core/limits.ts'

export type MetricsFormat = 'text' | 'openmetrics'

/** Scrapes at once; each holds a slice of text and what zlib needs, about 0.5 MB. */
export const SCRAPES_MAX = 4

/** A scrape that takes longer is ended; Prometheus' own default is 10 s. */
export const SCRAPE_TIMEOUT_MS = 60_000

const CONTENT_TYPES: Readonly<Record<MetricsFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

export interface MetricsEndpointOptions {
  /** All metrics as text, in slices. */
  renderMetrics(format: MetricsFormat): Iterable<string>
  onLimit(limit: LimitName): void
  readonly scrapeTimeoutMs?: number
}

export class MetricsEndpoint {
  readonly #options: MetricsEndpointOptions
  #active = 0

  constructor(options: MetricsEndpointOptions) {
    this.#options = options
  }

  async serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    if (this.#active >= SCRAPES_MAX) {
      this.#options.onLimit('scrapes')
      outgoing.writeHead(503, { 'Content-Type': 'text/plain; charset=utf-8', 'Retry-After': '1' })
      outgoing.end(`${SCRAPES_MAX} scrapes are under way; try again in a second\n`)
      return
    }
    this.#active += 1
    try {
      await this.#send(incoming, outgoing)
    } finally {
      this.#active -= 1
    }
  }

  async #send(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const options = this.#options
    const format = negotiateFormat(incoming.headers.accept)
    const zipped = takesGzip(incoming.headers['accept-encoding'])
    outgoing.writeHead(200, {
      'Content-Type': CONTENT_TYPES[format],
      Vary: 'Accept, Accept-Encoding',
      ...(zipped ? { 'Content-Encoding': 'gzip' } : {}),
    })
    if (incoming.method === 'HEAD') return void outgoing.end()
    const signal = AbortSignal.timeout(options.scrapeTimeoutMs ?? SCRAPE_TIMEOUT_MS)
    const text = Readable.from(withTurns(options.renderMetrics(format)), { highWaterMark: 1 })
    try {
      // Level 1: labels repeat so much that more effort gains little.
      await (zipped
        ? pipeline(text, createGzip({ level: constants.Z_BEST_SPEED }), outgoing, { signal })
        : pipeline(text, outgoing, { signal }))
    } catch {
      // The scraper is gone, or was too slow; `pipeline` has closed everything.
      if (signal.aborted) options.onLimit('scrapes')
    }
  }
}

/** Lets the event loop turn after every slice. */
async function* withTurns(slices: Iterable<string>): AsyncIterable<string> {
  for (const slice of slices) {
    yield slice
    await setImmediate()
  }
}

/** The format that the `Accept` header prefers; Prometheus text when it likes neither. */
export function negotiateFormat(accept: string | undefined): MetricsFormat {
  let best: MetricsFormat = 'text'
  let bestQuality = 0
  for (const range of (accept ?? '').split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    const format = formatOf(type, parameters)
    const quality = qualityOf(parameters)
    if (format === undefined || quality <= bestQuality) continue
    best = format
    bestQuality = quality
  }
  return best
}

function formatOf(type: string, parameters: readonly string[]): MetricsFormat | undefined {
  const version = valueOf(parameters, 'version')
  if (type === 'application/openmetrics-text') {
    return version === undefined || version === '1.0.0' ? 'openmetrics' : undefined
  }
  if (type === '*/*' || type === 'text/*') return 'text'
  return type === 'text/plain' && (version === undefined || version === '0.0.4')
    ? 'text'
    : undefined
}

export function takesGzip(acceptEncoding: string | string[] | undefined): boolean {
  return String(acceptEncoding ?? '')
    .split(',')
    .map((part) => part.split(';').map((piece) => piece.trim().toLowerCase()))
    .some(([coding, ...parameters]) => coding === 'gzip' && qualityOf(parameters) > 0)
}

/** RFC 9110 §12.4.2; what is no number counts as 0. */
function qualityOf(parameters: readonly string[]): number {
  const quality = Number(valueOf(parameters, 'q') ?? 1)
  return quality >= 0 && quality <= 1 ? quality : 0
}

function valueOf(parameters: readonly string[], name: string): string | undefined {
  const found = parameters.find((parameter) => parameter.startsWith(`${name}=`))
  return found?.slice(name.length + 1).replaceAll('"', '')
}
