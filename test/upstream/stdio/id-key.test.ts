import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { idKeyOf } from '../../../src/upstream/stdio/id-key.ts'

describe('the key that a request under way is found by', () => {
  it('is the number, for whole numbers that a number of JavaScript holds', () => {
    assert.equal(idKeyOf('n0'), 0)
    assert.equal(idKeyOf('n1000000001'), 1_000_000_001)
    assert.equal(idKeyOf('n999999999999999'), 999_999_999_999_999)
  })

  it('is the key as it is, for all other ids, so that no two of them become one', () => {
    for (const key of [
      '',
      'n',
      's1',
      'sn1',
      'null',
      'n-1',
      'n1.5',
      'n1e+21',
      'nNaN',
      'n9007199254740992',
      'n9007199254740993',
    ]) {
      assert.equal(idKeyOf(key), key)
    }
  })
})
