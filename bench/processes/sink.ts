/**
 * A process that takes OTLP over HTTP and counts the spans.
 *
 * The count shows whether what was measured includes the export of every span, or whether spans
 * were dropped on the way. Only the outer layers of the protobuf are walked.
 */

import { createServer } from 'node:http'
import type { SinkStats } from '../messages.ts'
import { serve } from './serve.ts'

const BODY_BYTES_MAX = 64 * 1024 * 1024

/** ExportTraceServiceRequest.resource_spans, ResourceSpans.scope_spans, ScopeSpans.spans. */
const SPANS_AT: readonly number[] = [1, 2, 2]

const LENGTH_DELIMITED = 2

let exports = 0
let bytes = 0
let spans = 0

/** How many fields there are at a path of field numbers. */
function countAt(message: Uint8Array, path: readonly number[]): number {
  const [wanted, ...rest] = path
  if (wanted === undefined) return 1
  let count = 0
  let at = 0
  while (at < message.length) {
    const tag = readVarint(message, at)
    const length = readVarint(message, tag.next)
    // The layers that lead to spans have no other kinds of fields.
    if ((tag.value & 7) !== LENGTH_DELIMITED) return count
    const end = length.next + length.value
    if (tag.value >>> 3 === wanted) count += countAt(message.subarray(length.next, end), rest)
    at = end
  }
  return count
}

function readVarint(message: Uint8Array, start: number): { value: number; next: number } {
  let value = 0
  let scale = 1
  for (let at = start; at < message.length; at += 1) {
    const byte = message[at] ?? 0
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return { value, next: at + 1 }
    scale *= 128
  }
  return { value, next: message.length }
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const chunks: Buffer[] = []
  let size = 0
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > BODY_BYTES_MAX) request.destroy()
    else chunks.push(chunk)
  })
  request.on('end', () => {
    exports += 1
    bytes += size
    if (request.url === '/v1/traces') spans += countAt(Buffer.concat(chunks), SPANS_AT)
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  })
})

process.on('message', () => {
  const stats: SinkStats = { kind: 'stats', exports, bytes, spans }
  process.send?.(stats)
})
serve(server)
