/** Reads the requests on a bare socket, with every byte they were made of. */

import type { Socket } from 'node:net'
import { readBody, readHead, valuesOf, type Head } from './http-message.ts'
import { parseJson } from './json.ts'

export interface UpstreamRequest extends Head {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly body: Buffer
  /** Head and body, exactly as they came. */
  readonly whole: Buffer
  /** The connection it came on; the first is 0. */
  readonly connection: number
  values(name: string): readonly string[]
  /** The body as JSON; an empty object when there is none. */
  json(): Record<string, unknown>
}

/** Calls `onRequest` for each request that has come whole. */
export function readRequests(
  socket: Socket,
  connection: number,
  onRequest: (request: UpstreamRequest) => void,
): void {
  let received: Buffer = Buffer.alloc(0)
  let pieces: Buffer[] = []
  let missing = 0
  socket.on('data', (chunk: Buffer) => {
    pieces.push(chunk)
    missing -= chunk.length
    // A large body is joined once, when it is all there.
    if (missing > 0) return
    received = Buffer.concat([received, ...pieces])
    pieces = []
    for (;;) {
      const head = readHead(received)
      if (head === undefined) return
      const body = readBody(head, received.subarray(head.bytes.length), 'none')
      const length = Number(valuesOf(head.rawHeaders, 'content-length')[0] ?? 0)
      missing = length - body.consumed
      if (!body.complete) return
      const whole = received.subarray(0, head.bytes.length + body.consumed)
      received = received.subarray(whole.length)
      const [method = '', target = ''] = head.startLine.split(' ')
      onRequest({
        ...head,
        method,
        target,
        body: body.bytes,
        whole,
        connection,
        values: (name) => valuesOf(head.rawHeaders, name),
        json: () => parseJson(body.bytes.length === 0 ? '{}' : body.bytes),
      })
    }
  })
}
