/**
 * What is read of a reply is what Node's own parser reads of it. Replies are put together from parts that
 * are right, odd or wrong; whatever we accept, Node must read with the same status, headers and body.
 * The converse need not be true: some of what Node accepts is refused here.
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { createServer, type Server } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { ReplyReader } from '../../../src/upstream/http1/reply-reader.ts'

const REPLIES = 5_000

const STATUS = [
  'HTTP/1.1 200 OK',
  'HTTP/1.1 200 OK',
  'HTTP/1.1 404 Not Found',
  'HTTP/1.0 200 OK',
  'HTTP/1.1 204 No Content',
  'HTTP/1.1 299 ',
  'HTTP/1.1 500',
  'HTTP/1.1  200 OK',
  'HTTP/2.0 200 OK',
  'HTTP/1.1 20 OK',
  'HTTP/1.1 200 caf\u00e9',
  'http/1.1 200 OK',
  'HTTP/1.1 100 Continue',
]
const HEADERS = [
  'X: 1',
  'x-a:  b\t',
  'Empty:',
  'L: caf\u00e9',
  'Connection: keep-alive',
  'Connection: close',
  'X : 1',
  'Content-Length: 5',
  'Content-Length: 5',
  'content-length: 0',
  'Content-Length: +5',
  'Content-Length: 5, 5',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: chunked',
  'transfer-encoding: Chunked',
  ' folded',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: identity',
  'X: a\0b',
  'X: a\x7fb',
  'X\u00e9: 1',
  ': 1',
]
const ENDS = ['\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\r\n']
const BODIES = [
  'hello',
  'hello',
  '',
  '5\r\nhello\r\n0\r\n\r\n',
  '5\r\nhello\r\n0\r\n\r\n',
  '5;a=b\r\nhello\r\n0\r\nT: x\r\n\r\n',
  '5\nhello\r\n0\r\n\r\n',
  '5 \r\nhello\r\n0\r\n\r\n',
  '0x5\r\nhello\r\n0\r\n\r\n',
  '05\r\nhello\r\n0\r\n\r\n',
  '5\r\nhello0\r\n\r\n',
  '5\r\nhello\r\n0\r\n',
  '-5\r\nhello\r\n',
  '5\r\nhello\r\n0\r\nT\r\n\r\n',
  '5;\r\nhello\r\n0\r\n\r\n',
]
const DROPPED = /^(connection|transfer-encoding|keep-alive)$/i

interface Read {
  readonly status: number
  readonly message: string
  readonly headers: readonly string[]
  readonly body: string
}

/** Numbers below `limit` that are the same in every run. */
function numbers(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * limit)
  }
}

function makeReply(next: (limit: number) => number): string {
  const one = (parts: readonly string[]): string => parts[next(parts.length)] ?? ''
  const headers = Array.from({ length: next(4) }, () => one(HEADERS) + one(ENDS))
  return one(STATUS) + one(ENDS) + headers.join('') + one(ENDS) + one(BODIES)
}

/** Undefined for what is refused, is not whole, or has something behind its end. */
function readHere(bytes: Buffer): Read | undefined {
  let read: Read | undefined
  let body = ''
  let whole = false
  const reader = new ReplyReader(
    {
      replyHead: ({ status, statusMessage, rawHeaders }) => {
        read = { status, message: statusMessage, headers: rawHeaders, body: '' }
        return true
      },
      replyData: (part, from, to) => {
        body += part.toString('latin1', from, to)
        return true
      },
      replyEnd: (extra) => void (whole = extra === 0),
    },
    16_384,
  )
  reader.expect(false)
  const refused = reader.read(bytes) !== undefined
  if (!refused && !whole) reader.endsWithConnection()
  return refused || !whole || read === undefined ? undefined : { ...read, body }
}

describe('A reply that is accepted', () => {
  let server: Server
  let port = 0
  let reply = Buffer.alloc(0)

  before(async () => {
    server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(reply))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    port = typeof address === 'object' && address !== null ? address.port : 0
  })

  after(() => void server.close())

  function readByNode(): Promise<Read | string> {
    return new Promise((resolve) => {
      const asked = request({ port, host: '127.0.0.1', agent: false }, (response) => {
        let body = ''
        response.setEncoding('latin1')
        response.on('data', (text: string) => (body += text))
        response.on('error', (error) => resolve(error.message))
        response.on('end', () => {
          const { statusCode: status = 0, statusMessage: message = '', rawHeaders } = response
          const kept = rawHeaders.filter((_, at) => !DROPPED.test(rawHeaders[at - (at % 2)] ?? ''))
          resolve({ status, message, headers: kept, body })
        })
      })
      asked.on('error', (error) => resolve(error.message))
      asked.end()
    })
  }

  it('is read by Node with the same status, headers and body', async (t) => {
    const next = numbers(20_261_130)
    let accepted = 0
    for (let count = 0; count < REPLIES; count += 1) {
      const text = makeReply(next)
      reply = Buffer.from(text, 'latin1')
      const here = readHere(reply)
      if (here === undefined) continue
      accepted += 1
      assert.deepEqual(await readByNode(), here, JSON.stringify(text))
    }
    t.diagnostic(`${accepted} of ${REPLIES} replies were accepted`)
    assert.ok(accepted > 300, `${accepted} were accepted`)
  })
})
