import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { applyEdits, type Edit } from '../../src/mcp/edit-bytes.ts'

const edited = (text: string, edits: readonly Edit[]): string =>
  applyEdits(Buffer.from(text), edits).toString()

describe('Edits of bytes', () => {
  it('replace spans and leave every other byte as it is', () => {
    assert.equal(
      edited('{"id": 1.0 ,"x":1}', [{ start: 7, end: 10, text: '77' }]),
      '{"id": 77 ,"x":1}',
    )
  })

  it('may be given in any order, and may insert and delete', () => {
    const edits = [
      { start: 4, end: 6, text: '' },
      { start: 0, end: 0, text: '<' },
      { start: 6, end: 6, text: '>' },
    ]
    assert.equal(edited('abcdef', edits), '<abcd>')
  })

  it('count bytes, not characters', () => {
    assert.equal(edited('é1é', [{ start: 2, end: 3, text: 'ü' }]), 'éüé')
  })

  it('that are none give the same buffer back, and others leave it alone', () => {
    const bytes = Buffer.from('abc')
    assert.equal(applyEdits(bytes, []), bytes)
    applyEdits(bytes, [{ start: 0, end: 3, text: 'x' }])
    assert.equal(bytes.toString(), 'abc')
  })

  it('undo each other when what was replaced is put back where it stands now', () => {
    const text = fc.string({ maxLength: 40, unit: fc.constantFrom('a', '"', '1', ' ', '{') })
    fc.assert(
      fc.property(text, fc.nat(40), fc.nat(40), fc.string({ maxLength: 9 }), (all, a, b, put) => {
        const start = Math.min(a, b, all.length)
        const end = Math.min(Math.max(a, b), all.length)
        const there = applyEdits(Buffer.from(all), [{ start, end, text: put }])
        const back = { start, end: start + Buffer.byteLength(put), text: all.slice(start, end) }
        assert.equal(applyEdits(there, [back]).toString(), all)
      }),
    )
  })
})
