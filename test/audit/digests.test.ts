import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import { hmacSha256, sha256, type Part } from '../../src/audit/digests.ts'

const text = (length: number): string => 'x'.repeat(length)

const PARTS: readonly (readonly Part[])[] = [
  [],
  [''],
  [Buffer.from([0]), 'a record'],
  ['ä€😀', Buffer.from([0xff, 0x80])],
  ['half of a pair \ud83d'],
  ...[55, 63, 64, 65, 16_383, 16_384, 16_385, 100_000].map((length) => [
    text(length),
    Buffer.from(text(length)),
  ]),
]

test('the keyed hash is that of RFC 4231', () => {
  const vectors = [
    [
      Buffer.alloc(20, 0x0b),
      'Hi There',
      'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
    ],
    [
      Buffer.from('Jefe'),
      'what do ya want for nothing?',
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    [
      Buffer.alloc(131, 0xaa),
      'Test Using Larger Than Block-Size Key - Hash Key First',
      '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    ],
  ] as const
  for (const [key, message, expected] of vectors) {
    assert.equal(hmacSha256(key, message).toString('hex'), expected)
  }
})

test('hashes of parts of any length are those of the parts one behind the other', () => {
  const key = Buffer.from('0123456789abcdef0123456789abcdef')
  for (const parts of PARTS) {
    const plain = createHash('sha256')
    const keyed = createHmac('sha256', key)
    for (const part of parts) {
      plain.update(part)
      keyed.update(part)
    }
    assert.deepEqual(sha256(...parts), plain.digest())
    assert.deepEqual(hmacSha256(key, ...parts), keyed.digest())
  }
})

test('a shorter key after a longer one is hashed as itself', () => {
  hmacSha256(Buffer.alloc(64, 0xff), 'before')
  assert.equal(
    hmacSha256(Buffer.from('Jefe'), 'what do ya want for nothing?').toString('hex'),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  )
})
