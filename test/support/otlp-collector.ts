/** Takes OTLP exports and decodes them. */

import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { decodeRequest } from './otlp-decode.ts'
import type { ResourceLogs, ResourceMetrics, ResourceSpans } from './otlp-types.ts'

export interface Received {
  readonly path: string
  readonly contentType: string
  readonly headers: IncomingHttpHeaders
  /** As it was before compression. */
  readonly body: Buffer
}

const decoded = new WeakMap<Received, unknown>()

/** The request that was sent to this path, decoded once. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- as parseJson: the path says which it is
function requestOf<T>(item: Received): T {
  const known = decoded.get(item) ?? decodeRequest(item.path, item.contentType, item.body)
  decoded.set(item, known)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema of the decoder is this type
  return known as T
}

const at = (received: readonly Received[], path: string): readonly Received[] =>
  received.filter((item) => item.path === path)

export function resourceSpansOf(received: readonly Received[]): ResourceSpans[] {
  return at(received, '/v1/traces').flatMap(
    (item) => requestOf<{ resourceSpans: ResourceSpans[] }>(item).resourceSpans,
  )
}

/** Export by export. */
export function resourceMetricsOf(received: readonly Received[]): ResourceMetrics[] {
  return at(received, '/v1/metrics').flatMap(
    (item) => requestOf<{ resourceMetrics: ResourceMetrics[] }>(item).resourceMetrics,
  )
}

export function resourceLogsOf(received: readonly Received[]): ResourceLogs[] {
  return at(received, '/v1/logs').flatMap(
    (item) => requestOf<{ resourceLogs: ResourceLogs[] }>(item).resourceLogs,
  )
}

/** A server that takes exports; every signal on its path. */
export function createCollector(received: Received[], answer: boolean): Server {
  // Without a timer over idle connections: tests look at which timers the sidecar keeps.
  return createServer({ keepAliveTimeout: 0 }, (request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (chunk: Buffer) => pieces.push(chunk))
    request.on('end', () => {
      const { headers, url: path = '' } = request
      const contentType = headers['content-type'] ?? ''
      const bytes = Buffer.concat(pieces)
      const body = headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes
      received.push({ path, contentType, headers, body })
      if (!answer) return
      response.writeHead(200, { 'Content-Type': contentType })
      response.end(contentType.includes('json') ? '{}' : '')
    })
  })
}

export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.address()
  return `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`
}
