import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KnownHeads } from '../../../src/http/fast/known-heads.ts'

const head = (more: string): string =>
  `POST /up/mcp HTTP/1.1\r\nHost: a\r\n${more}Content-Length: 2\r\n`

const APP = {}

describe('Heads of requests', () => {
  it('are known, by all of their text, from the second time on', () => {
    const heads = new KnownHeads()
    const once = heads.read(head('X: 1\r\n'), APP)
    assert.equal(once?.shared, undefined)
    const one = heads.read(head('X: 1\r\n'), APP)
    assert.notEqual(one, once)
    assert.deepEqual(one?.shared, { onward: undefined, credential: undefined, session: undefined })
    assert.equal(heads.read(head('X: 1\r\n'), APP), one)
    const other = heads.read(head('X: 2\r\n'), APP)
    assert.equal(other?.headers['x'], '2')
    assert.equal(other.shared, undefined)
    assert.equal(heads.read(head('X: 1\r\n'), APP), one)
    assert.equal(one.headers['x'], '1')
  })

  it('are forgotten when 512 others came since', () => {
    const heads = new KnownHeads()
    const twice = (text: string): unknown => [heads.read(text, APP), heads.read(text, APP)][1]
    const first = twice(head('X: first\r\n'))
    const second = twice(head('X: second\r\n'))
    for (let i = 0; i < 511; i += 1) heads.read(head(`X: ${i}\r\n`), APP)
    assert.equal(heads.read(head('X: second\r\n'), APP), second)
    assert.equal(heads.read(head('X: first\r\n'), APP)?.shared, undefined)
    assert.notEqual(heads.read(head('X: first\r\n'), APP), first)
  })

  it('are forgotten when another app serves, and hold nothing of the one before', () => {
    const heads = new KnownHeads()
    const known = [APP, APP].map((app) => heads.read(head('X: 1\r\n'), app))[1]
    assert.equal(heads.read(head('X: 1\r\n'), APP), known)
    const next = {}
    assert.equal(heads.read(head('X: 1\r\n'), next)?.shared, undefined)
    assert.notEqual(heads.read(head('X: 1\r\n'), next), known)
  })

  it('of more than 4,096 characters are read every time', () => {
    const heads = new KnownHeads()
    const large = head(`X: ${'x'.repeat(4_096)}\r\n`)
    assert.equal(heads.read(large, APP)?.headers['x']?.length, 4_096)
    assert.notEqual(heads.read(large, APP), heads.read(large, APP))
    assert.equal(heads.read(large, APP)?.shared, undefined)
  })

  it('that are not ordinary are refused every time', () => {
    const heads = new KnownHeads()
    for (const text of [head('X: 1\r\nX: 1\r\n'), head('Te: trailers\r\n')]) {
      assert.deepEqual([heads.read(text, APP), heads.read(text, APP)], [undefined, undefined])
    }
  })
})
