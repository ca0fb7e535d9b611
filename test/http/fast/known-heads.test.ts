import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KnownHeads } from '../../../src/http/fast/known-heads.ts'

const head = (more: string): string =>
  `POST /up/mcp HTTP/1.1\r\nHost: a\r\n${more}Content-Length: 2\r\n`

describe('Heads of requests', () => {
  it('are read once, and known by all of their text', () => {
    const heads = new KnownHeads()
    const one = heads.read(head('X: 1\r\n'))
    assert.equal(one?.shared, undefined)
    assert.equal(heads.read(head('X: 1\r\n')), one)
    assert.deepEqual(one?.shared, { onward: undefined, credential: undefined, session: undefined })
    const other = heads.read(head('X: 2\r\n'))
    assert.equal(other?.headers['x'], '2')
    assert.equal(other.shared, undefined)
    assert.equal(one.headers['x'], '1')
  })

  it('are forgotten when 512 others were used since', () => {
    const heads = new KnownHeads()
    const first = heads.read(head('X: first\r\n'))
    const second = heads.read(head('X: second\r\n'))
    for (let i = 0; i < 511; i += 1) heads.read(head(`X: ${i}\r\n`))
    assert.notEqual(heads.read(head('X: first\r\n')), first)
    assert.notEqual(heads.read(head('X: second\r\n')), second)
    const again = heads.read(head('X: 510\r\n'))
    assert.deepEqual(again?.shared, {
      onward: undefined,
      credential: undefined,
      session: undefined,
    })
  })

  it('of more than 4,096 characters are read every time', () => {
    const heads = new KnownHeads()
    const large = head(`X: ${'x'.repeat(4_096)}\r\n`)
    assert.equal(heads.read(large)?.headers['x']?.length, 4_096)
    assert.notEqual(heads.read(large), heads.read(large))
    assert.equal(heads.read(large)?.shared, undefined)
  })

  it('that are not ordinary are refused every time', () => {
    const heads = new KnownHeads()
    for (const text of [head('X: 1\r\nX: 1\r\n'), head('Te: trailers\r\n')]) {
      assert.deepEqual([heads.read(text), heads.read(text)], [undefined, undefined])
    }
  })
})
