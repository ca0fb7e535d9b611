import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KnownHeads } from '../../../src/http/fast/known-heads.ts'

const head = (more: string): string =>
  `POST /up/mcp HTTP/1.1\r\nHost: a\r\n${more}Content-Length: 2\r\n`

describe('Heads of requests', () => {
  it('are known, by all of their text, from the second time on', () => {
    const heads = new KnownHeads()
    const once = heads.read(head('X: 1\r\n'))
    assert.equal(once?.shared, undefined)
    const one = heads.read(head('X: 1\r\n'))
    assert.notEqual(one, once)
    assert.deepEqual(one?.shared, { onward: undefined, credential: undefined, session: undefined })
    assert.equal(heads.read(head('X: 1\r\n')), one)
    const other = heads.read(head('X: 2\r\n'))
    assert.equal(other?.headers['x'], '2')
    assert.equal(other.shared, undefined)
    assert.equal(heads.read(head('X: 1\r\n')), one)
    assert.equal(one.headers['x'], '1')
  })

  it('are forgotten when 512 others came since', () => {
    const heads = new KnownHeads()
    const twice = (text: string): unknown => [heads.read(text), heads.read(text)][1]
    const first = twice(head('X: first\r\n'))
    const second = twice(head('X: second\r\n'))
    for (let i = 0; i < 511; i += 1) heads.read(head(`X: ${i}\r\n`))
    assert.equal(heads.read(head('X: second\r\n')), second)
    assert.equal(heads.read(head('X: first\r\n'))?.shared, undefined)
    assert.notEqual(heads.read(head('X: first\r\n')), first)
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
