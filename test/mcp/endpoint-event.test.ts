import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { EndpointRewriter } from '../../src/mcp/endpoint-event.ts'

interface Rewritten {
  /** The addresses that the stream named. */
  readonly asked: readonly string[]
  readonly out: string
}

function rewrite(
  chunks: readonly (string | Buffer)[],
  ours: (address: string) => string | undefined = () => '/ours',
): Rewritten {
  const asked: string[] = []
  const rewriter = new EndpointRewriter((address) => {
    asked.push(address)
    return ours(address)
  })
  const out = chunks.map((chunk) => rewriter.write(Buffer.from(chunk)))
  return { asked, out: Buffer.concat([...out, rewriter.end()]).toString() }
}

const OURS = 'event: endpoint\ndata: /ours\n\n'
const REST = 'event: message\ndata: {"a":1}\n\n: x\n\nevent: endpoint\ndata: /again\n\n'

/** Further blank lines end no event: a CRLF that is cut in two may become two line ends. */
const withoutSpareLines = (text: string): string => text.replaceAll(/(?:\r\n|\r|\n){2,}/g, '\n\n')

const LINE_ENDS = [
  ['LF', '\n'],
  ['CRLF', '\r\n'],
  ['CR', '\r'],
] as const

describe('The endpoint event', () => {
  for (const [name, end] of LINE_ENDS) {
    const event = ['event: endpoint', 'data: /messages?id=1&x=y', '', ''].join(end)

    it(`is rewritten and nothing after it, with ${name} at the ends of lines`, () => {
      assert.deepEqual(rewrite([event + REST]), {
        asked: ['/messages?id=1&x=y'],
        out: OURS + REST,
      })
    })

    it(`is found in any cut, with ${name} at the ends of lines`, () => {
      const bytes = Buffer.from(`: hello${end}${end}${event}${REST}`)
      fc.assert(
        fc.property(fc.array(fc.nat(bytes.length), { maxLength: 9 }), (places) => {
          const cuts = [0, ...places, bytes.length].toSorted((a, b) => a - b)
          const chunks = cuts.slice(1).map((to, index) => bytes.subarray(cuts[index], to))
          const { asked, out } = rewrite(chunks)
          assert.deepEqual(asked, ['/messages?id=1&x=y'])
          assert.equal(withoutSpareLines(out), `: hello\n\n${OURS}${REST}`)
        }),
      )
    })

    it(`goes on at once when the stream is silent after it, with ${name} at the ends of lines`, () => {
      const rewriter = new EndpointRewriter(() => '/ours')
      assert.equal(rewriter.write(Buffer.from(event)).toString(), OURS)
    })
  }

  it('is found though a line end is cut in two', () => {
    const rewriter = new EndpointRewriter(() => '/ours')
    const event = 'event: endpoint\r\ndata: /m\r\n\r\n'
    const out = event
      .split('')
      .map((char) => rewriter.write(Buffer.from(char)).toString())
      .join('')
    // Where a lone CR could have been the end, the LF of a CRLF is one more blank line.
    assert.equal(out.trimEnd(), OURS.trimEnd())
  })

  it('may stand behind comments and other events, which pass as they are', () => {
    const before = ': hi\n\nid: 1\n\nevent: ping\ndata: x\n\nretry: 5\n\ndata: {"m":"é"}\n\n'
    const event = 'event: endpoint\ndata: /m\n\n'
    assert.deepEqual(rewrite([before + event]), { asked: ['/m'], out: before + OURS })
  })

  it('may have its fields in any order, with or without a space, and further ones', () => {
    const rows = [
      ['data:/m\nevent:endpoint\n\n', '/m'],
      [': c\nid: 3\ndata: /m\nevent: endpoint\nretry: 1\n\n', '/m'],
      ['event: endpoint\ndata:  /m\n\n', ' /m'],
      ['event: endpoint\ndata: /a\ndata: b\n\n', '/a\nb'],
      ['event: endpoint\ndata: https://h.example:1/p?q=é\n\n', 'https://h.example:1/p?q=é'],
    ] as const
    for (const [event, address] of rows) {
      assert.deepEqual(rewrite([event]), { asked: [address], out: OURS }, event)
    }
  })

  it('may stand behind a byte order mark, which is no part of it', () => {
    const { asked, out } = rewrite(['\ufeffevent: endpoint\ndata: /m\n\n'])
    assert.deepEqual(asked, ['/m'])
    assert.equal(out.replace('\ufeff', ''), OURS)
  })

  it('with an address that must not be used goes to nobody, and the stream goes on', () => {
    const foreign = 'event: endpoint\ndata: https://evil.example/m\n\n'
    const { asked, out } = rewrite([foreign, REST], () => undefined)
    assert.deepEqual(asked, ['https://evil.example/m'])
    assert.equal(out, REST)
  })
})

describe('A stream without an endpoint event', () => {
  it('passes as it is', () => {
    for (const text of [
      '',
      ': c\n\n',
      'data: x\n\ndata: endpoint\n\n',
      'event: endpoints\ndata: /m\n\n',
    ]) {
      assert.deepEqual(rewrite([text]), { asked: [], out: text })
    }
  })

  it('passes what an end cut off, which no client dispatches', () => {
    const half = 'event: endpoint\ndata: /m\n'
    assert.deepEqual(rewrite([half]), { asked: [], out: half })
  })

  it('is searched no further than 64 KiB of one event', () => {
    const rewriter = new EndpointRewriter(() => assert.fail('it was found'))
    const long = `data: ${'x'.repeat(64 * 1024)}`
    assert.equal(rewriter.write(Buffer.from(long)).toString(), long)
    const late = '\n\nevent: endpoint\ndata: /m\n\n'
    assert.equal(rewriter.write(Buffer.from(late)).toString(), late)
  })

  it('is held back no longer than its event lasts', () => {
    const rewriter = new EndpointRewriter(() => '/ours')
    assert.equal(rewriter.write(Buffer.from('data: a\n')).toString(), '')
    assert.equal(rewriter.write(Buffer.from('\ndata: b')).toString(), 'data: a\n\n')
    assert.equal(rewriter.end().toString(), 'data: b')
  })
})
