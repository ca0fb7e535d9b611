import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { canonicalJson } from '../../src/core/canonical-json.ts'

describe('Canonical JSON', () => {
  it('is that of the example of RFC 8785', () => {
    const text = String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`
    assert.equal(
      canonicalJson(JSON.parse(text)),
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    )
  })

  it('orders names by their UTF-16 code units, as RFC 8785 §3.2.3 shows', () => {
    const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, ö: 7 }
    assert.equal(
      canonicalJson(value),
      '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"\u{1f600}":5,"\ufb33":3}',
    )
  })

  it('means what the value means, whatever the order of its members was', () => {
    const shuffled = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(shuffled)
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(
        Object.entries(value)
          .toReversed()
          .map(([key, member]) => [key, shuffled(member)]),
      )
    }
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        const value: unknown = JSON.parse(text)
        const canonical = canonicalJson(value) ?? ''
        assert.deepEqual(JSON.parse(canonical), value)
        assert.equal(canonicalJson(shuffled(value)), canonical)
      }),
    )
  })

  it('is none of what nests deeper than 100 levels', () => {
    const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth))
    assert.equal(canonicalJson(nested(100))?.length, 200)
    assert.equal(canonicalJson(nested(101)), undefined)
    assert.equal(canonicalJson(nested(100_000)), undefined)
  })
})
