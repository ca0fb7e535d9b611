import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { LineSplitter } from '../../src/mcp/line-splitter.ts'

interface Seen {
  readonly lines: string[]
  /** Lines that were too long to keep, put together from their parts. */
  readonly long: string[]
}

function split(chunks: readonly Buffer[], bytesMax: number, ends = true): Seen {
  const seen: Seen = { lines: [], long: [] }
  let parts: Buffer[] = []
  const splitter = new LineSplitter(bytesMax, {
    line: (bytes) => seen.lines.push(bytes.toString('latin1')),
    longPart: (bytes) => parts.push(bytes),
    longEnd: () => {
      seen.long.push(Buffer.concat(parts).toString('latin1'))
      parts = []
    },
  })
  for (const chunk of chunks) splitter.write(chunk)
  if (ends) splitter.end()
  return seen
}

/** The lines of a text, each with its line feed. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? []
}

const splitText = (text: string, bytesMax = 100): Seen => split([Buffer.from(text)], bytesMax)

/** The text in pieces that end at the given places. */
function cut(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length]
  sorted.sort((a, b) => a - b)
  return sorted.slice(1).map((to, index) => bytes.subarray(sorted[index], to))
}

const BYTES = fc
  .array(fc.constantFrom('a', 'b', '{', '\r', '\n', '\n', '\u0000', '\u00ff'), { maxLength: 60 })
  .map((chars) => Buffer.from(chars.join(''), 'latin1'))
const CUTS = fc.array(fc.nat(1_000), { maxLength: 12 })

describe('A stream of bytes', () => {
  it('is cut behind line feeds, and what follows the last one is a line at its end', () => {
    assert.deepEqual(splitText('a\nb\nc').lines, ['a\n', 'b\n', 'c'])
    assert.deepEqual(splitText('a\n\nb\n').lines, ['a\n', '\n', 'b\n'])
    assert.deepEqual(splitText('').lines, [])
    assert.deepEqual(split([Buffer.from('a\nb')], 100, false).lines, ['a\n'])
  })

  it('keeps a carriage return, which belongs to the line', () => {
    assert.deepEqual(splitText('a\r\nb\rc\n').lines, ['a\r\n', 'b\rc\n'])
  })

  it('gives the same lines in whatever pieces it comes', () => {
    fc.assert(
      fc.property(BYTES, CUTS, (bytes, places) => {
        const expected = linesOf(bytes.toString('latin1'))
        assert.deepEqual(split(cut(bytes, places), 1_000).lines, expected)
      }),
      { numRuns: 2_000 },
    )
  })

  it('shows a line over the limit as it passes, whole and in order, and keeps the others', () => {
    fc.assert(
      fc.property(BYTES, CUTS, fc.integer({ min: 1, max: 8 }), (bytes, places, bytesMax) => {
        const all = linesOf(`${bytes.toString('latin1')}\n`)
        const seen = split(cut(Buffer.concat([bytes, Buffer.from('\n')]), places), bytesMax)
        assert.deepEqual(
          seen.lines,
          all.filter((line) => line.length <= bytesMax + 1),
        )
        assert.deepEqual(
          seen.long,
          all.filter((line) => line.length > bytesMax + 1),
        )
      }),
      { numRuns: 2_000 },
    )
  })

  it('counts the limit in bytes, the line feed not among them', () => {
    assert.deepEqual(splitText('12345\n123456\n', 5), {
      lines: ['12345\n'],
      long: ['123456\n'],
    })
  })

  it('may end in the middle of a line that is too long', () => {
    assert.deepEqual(splitText('a\n1234567', 5), { lines: ['a\n'], long: ['1234567'] })
  })

  it('needs no listener for lines that are too long', () => {
    const lines: string[] = []
    const splitter = new LineSplitter(2, { line: (bytes) => lines.push(bytes.toString()) })
    splitter.write(Buffer.from('long\nok\n'))
    assert.deepEqual(lines, ['ok\n'])
  })

  it('keeps nothing of a line that is too long', () => {
    let shown = 0
    const splitter = new LineSplitter(1_000, {
      line: () => assert.fail('no line is short enough'),
      longPart: (bytes) => {
        shown += bytes.length
      },
    })
    const chunk = Buffer.alloc(1_000, 'x')
    for (let i = 1; i <= 100; i += 1) {
      splitter.write(chunk)
      assert.equal(shown, i === 1 ? 0 : i * 1_000, 'all that came has been shown')
    }
  })
})

describe('A long line', () => {
  it('costs its bytes and not their square', () => {
    const millisecondsFor = (pieces: number): number => {
      const chunk = Buffer.alloc(256, 'x')
      let lines = 0
      const splitter = new LineSplitter(Number.MAX_SAFE_INTEGER, {
        line: (bytes) => {
          assert.equal(bytes.length, pieces * chunk.length + 1)
          lines += 1
        },
      })
      const before = performance.now()
      for (let i = 0; i < pieces; i += 1) splitter.write(chunk)
      splitter.write(Buffer.from('\n'))
      assert.equal(lines, 1)
      return performance.now() - before
    }
    millisecondsFor(1_000)
    // Joined anew at each piece, 20,000 pieces would be 50 GB of copies: many seconds.
    assert.ok(millisecondsFor(20_000) < 2_000)
  })

  it('that comes in one piece is not copied', () => {
    const chunk = Buffer.from('one\ntwo\n')
    const lines: Buffer[] = []
    const splitter = new LineSplitter(100, { line: (bytes) => lines.push(bytes) })
    splitter.write(chunk)
    assert.equal(lines[0]?.buffer, chunk.buffer)
    assert.equal(lines[1]?.buffer, chunk.buffer)
  })
})
