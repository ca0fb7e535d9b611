import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import {
  acceptsStream,
  jsonHeaders,
  KEEP_ALIVE,
  primingEvent,
  STREAM_HEADERS,
  toEvent,
} from '../../../src/upstream/stdio/framing.ts'
import { SseScanner } from '../../../src/mcp/sse-scanner.ts'
import { parseJson } from '../../support/json.ts'
import { post } from '../../pipeline/fakes.ts'

/** The data of the events that a client would dispatch. */
function dataOf(stream: Buffer): string[] {
  const events: string[] = []
  let data: Buffer[] = []
  const scanner = new SseScanner({
    data: (chunk, from, to) => data.push(Buffer.from(chunk.subarray(from, to))),
    dataLine: () => data.push(Buffer.from('\n')),
    event: (hasData) => {
      if (hasData) events.push(Buffer.concat(data).toString())
      data = []
    },
  })
  scanner.write(stream)
  return events
}

describe('A message as an event', () => {
  it('is named message and holds the message as it is', () => {
    assert.equal(
      toEvent(Buffer.from('{"a":1.0}'), undefined).toString(),
      'event: message\ndata: {"a":1.0}\n\n',
    )
  })

  it('has an id when its stream can be resumed', () => {
    assert.equal(
      toEvent(Buffer.from('{}'), 'g.7').toString(),
      'event: message\nid: g.7\ndata: {}\n\n',
    )
  })

  it('is one event with the same value, whatever white space stands in it', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom('\n', '\r', '\r\n', '\n\n', ' \t'), (json, space) => {
        const message = `${space}[${space}${json}${space}]${space}`
        const [data, ...more] = dataOf(toEvent(Buffer.from(message), 'g.1'))
        assert.deepEqual(more, [])
        assert.equal(JSON.stringify(parseJson(data ?? '')), JSON.stringify(parseJson(message)))
      }),
    )
  })
})

describe('The other parts of a stream', () => {
  it('are an event without data that opens it, and a comment when it is silent', () => {
    const opening = primingEvent('p1.0')
    assert.equal(opening.toString(), 'id: p1.0\nretry: 1000\ndata: \n\n')
    assert.equal(KEEP_ALIVE.toString(), ': keepalive\n\n')
    assert.deepEqual(dataOf(KEEP_ALIVE), [])
  })

  it('are these headers, which keep others from storing and changing it', () => {
    assert.deepEqual(STREAM_HEADERS, [
      'Content-Type',
      'text/event-stream',
      'Cache-Control',
      'no-cache, no-transform',
      'X-Accel-Buffering',
      'no',
    ])
    assert.deepEqual(jsonHeaders(12), ['Content-Type', 'application/json', 'Content-Length', '12'])
  })
})

describe('A client', () => {
  it('takes event streams unless it says otherwise', () => {
    const takes = (accept?: string): boolean =>
      acceptsStream(post('', accept === undefined ? {} : { accept }))
    const yes = ['text/event-stream', 'application/json, TEXT/event-stream;q=0.9', '*/*', 'text/*']
    for (const accept of [undefined, ...yes]) assert.equal(takes(accept), true, String(accept))
    for (const accept of ['application/json', '', 'text/html']) {
      assert.equal(takes(accept), false, accept)
    }
  })
})
