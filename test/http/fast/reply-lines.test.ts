import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ReplyLines } from '../../../src/http/fast/reply-lines.ts'

it('makes the lines of a reply anew unless they are the same, also when a list is changed in place', () => {
  const lines = new ReplyLines()
  lines.make(['Content-Length', '3', 'X', 'a'])
  assert.deepEqual([lines.text, lines.length], ['Content-Length: 3\r\nX: a\r\n', 3])
  const headers = ['Content-Length', '3', 'X', 'a']
  lines.make(headers)
  assert.deepEqual([lines.text, lines.length], ['Content-Length: 3\r\nX: a\r\n', 3])
  headers[1] = '44'
  lines.make(headers)
  assert.deepEqual([lines.text, lines.length], ['Content-Length: 44\r\nX: a\r\n', 44])
  headers.push('Y', 'b')
  headers[1] = '5'
  lines.make(headers)
  assert.deepEqual([lines.text, lines.length], ['Content-Length: 5\r\nX: a\r\nY: b\r\n', 5])
  headers.splice(0, 4)
  lines.make(headers)
  assert.deepEqual([lines.text, lines.length], ['Y: b\r\n', -1])
  lines.make([])
  assert.deepEqual([lines.text, lines.length], ['', -1])
})

it('keeps nothing of a head that it refuses', () => {
  const lines = new ReplyLines()
  lines.make(['X', 'a'])
  assert.throws(() => lines.make(['Y', 'b', 'Content-Length', 'many']))
  lines.make(['X', 'a'])
  assert.deepEqual([lines.text, lines.length], ['X: a\r\n', -1])
  assert.throws(() => lines.make(['Y', 'b', 'Content-Length', 'many']))
})
