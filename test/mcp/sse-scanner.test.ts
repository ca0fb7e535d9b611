import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { SseScanner } from '../../src/mcp/sse-scanner.ts'

interface SeenEvent {
  readonly data: string
  readonly hasData: boolean
  readonly named: boolean
  readonly hasId: boolean
}

function scan(chunks: readonly Buffer[]): SeenEvent[] {
  const events: SeenEvent[] = []
  let data: Buffer[] = []
  const scanner = new SseScanner({
    data: (chunk, from, to) => data.push(Buffer.from(chunk.subarray(from, to))),
    dataLine: () => data.push(Buffer.from('\n')),
    event: (hasData, named, hasId) => {
      events.push({ data: Buffer.concat(data).toString('utf8'), hasData, named, hasId })
      data = []
    },
  })
  for (const chunk of chunks) scanner.write(chunk)
  return events
}

const scanText = (text: string): SeenEvent[] => scan([Buffer.from(text)])

/** WHATWG HTML §9.2.6, "Interpreting an event stream", word for word. */
function reference(stream: string): SeenEvent[] {
  const text = stream.startsWith('\ufeff') ? stream.slice(1) : stream
  const lines = text.split(/\r\n|\r|\n/)
  // What follows the last line end is no line.
  lines.pop()
  const events: SeenEvent[] = []
  let data = ''
  let eventType = ''
  let hasId = false
  for (const line of lines) {
    if (line === '') {
      const dispatched = data !== ''
      events.push({
        data: dispatched ? data.slice(0, -1) : '',
        hasData: dispatched,
        named: eventType !== '' && eventType !== 'message',
        hasId,
      })
      data = ''
      eventType = ''
      hasId = false
      continue
    }
    const [field, value] = fieldOf(line)
    if (field === 'data') data += `${value}\n`
    else if (field === 'event') eventType = value
    else if (field === 'id' && !value.includes('\u0000')) hasId = value !== ''
  }
  return events
}

function fieldOf(line: string): [field: string, value: string] {
  const colon = line.indexOf(':')
  if (colon < 0) return [line, '']
  const value = line.slice(colon + 1)
  return [line.slice(0, colon), value.startsWith(' ') ? value.slice(1) : value]
}

const lineEnd = fc.constantFrom('\n', '\r', '\r\n')
const value = fc.constantFrom(
  '',
  'x',
  ' x',
  '  ',
  'message',
  'message ',
  'ping',
  'é😀',
  'a:b',
  ':',
  '{"id":1}',
  'messagemessagemessage',
)
const field = fc.constantFrom(
  'data',
  'event',
  'id',
  'retry',
  'Data',
  'dat',
  'dataX',
  'eventX',
  'data ',
  'ids',
  '',
  'é',
  'a-name-that-is-longer-than-any-field',
)
const line = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(field, value).map(([name, text]) => `${name}: ${text}`) },
  { weight: 3, arbitrary: fc.tuple(field, value).map(([name, text]) => `${name}:${text}`) },
  { weight: 2, arbitrary: field },
  { weight: 1, arbitrary: value.map((text) => `: ${text}`) },
  { weight: 5, arbitrary: fc.constant('') },
)
const stream = fc
  .tuple(
    fc.constantFrom('', '\ufeff', '\ufeff\ufeff'),
    fc.array(
      fc.tuple(line, lineEnd).map((parts) => parts.join('')),
      { maxLength: 14 },
    ),
    fc.constantFrom('', 'data: cut off', 'id: 9', 'data'),
  )
  .map(([mark, lines, rest]) => mark + lines.join('') + rest)
const cuts = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 80 })

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  let at = 0
  for (const size of sizes) {
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  chunks.push(bytes.subarray(at))
  return chunks
}

describe('An event stream', () => {
  it('is read as WHATWG says, however its bytes are cut', () => {
    fc.assert(
      fc.property(stream, cuts, (text, sizes) => {
        assert.deepEqual(scan(cut(Buffer.from(text), sizes)), reference(text))
      }),
      { numRuns: 4_000 },
    )
  })

  it('is read the same when it comes byte by byte', () => {
    fc.assert(
      fc.property(stream, (text) => {
        const bytes = Buffer.from(text)
        const each = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1))
        assert.deepEqual(scan(each), reference(text))
      }),
      { numRuns: 500 },
    )
  })

  it('may end its lines with LF, CR or CRLF', () => {
    const expected = [{ data: 'a\nb', hasData: true, named: false, hasId: true }]
    for (const end of ['\n', '\r', '\r\n']) {
      assert.deepEqual(scanText(['id: 1', 'data: a', 'data:b', '', ''].join(end)), expected)
    }
  })

  it('has one line end in a CRLF that two chunks share', () => {
    const chunks = ['data: a\r', '\ndata: b\r', '\n\r', '\n'].map((text) => Buffer.from(text))
    assert.deepEqual(scan(chunks), [{ data: 'a\nb', hasData: true, named: false, hasId: false }])
  })

  it('loses only the first space after the colon', () => {
    assert.equal(scanText('data:  a \n\n')[0]?.data, ' a ')
    assert.equal(scanText('data:a\n\n')[0]?.data, 'a')
  })

  it('has an event for empty data, and none for a comment', () => {
    assert.deepEqual(scanText('id: 7\nretry: 10\ndata:\n\n'), [
      { data: '', hasData: true, named: false, hasId: true },
    ])
    assert.deepEqual(scanText('data\n\n')[0]?.hasData, true)
    assert.deepEqual(scanText(': keepalive\n\n')[0]?.hasData, false)
  })

  it('ignores a byte order mark at its start and nowhere else', () => {
    assert.equal(scanText('\ufeffdata: a\n\n')[0]?.data, 'a')
    assert.equal(scanText('\ufeffevent: ping\ndata: a\n\n')[0]?.named, true)
    assert.equal(scanText('\n\ufeffdata: a\n\n')[1]?.hasData, false)
  })

  it('takes no longer field name for a known one after a byte order mark', () => {
    assert.equal(scanText('\ufeffeventually: ping\ndata: a\n\n')[0]?.named, false)
  })

  it('drops an event that no blank line ended', () => {
    assert.deepEqual(scanText('data: a\n'), [])
    assert.deepEqual(scanText('data: a'), [])
  })

  it('lets the last of several names count', () => {
    assert.equal(scanText('event: ping\nevent: message\ndata: a\n\n')[0]?.named, false)
    assert.equal(scanText('event: message\nevent: ping\ndata: a\n\n')[0]?.named, true)
    assert.equal(scanText('event: ping\nevent\ndata: a\n\n')[0]?.named, false)
  })

  it('has no id to resume from when the id is empty', () => {
    assert.equal(scanText('id:\ndata: a\n\n')[0]?.hasId, false)
    assert.equal(scanText('id: \ndata: a\n\n')[0]?.hasId, false)
  })
})
