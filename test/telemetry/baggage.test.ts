import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { filterBaggage } from '../../src/telemetry/baggage.ts'

const ALLOWED = new Set(['tenant.id', 'region'])

describe('Baggage', () => {
  const rows: readonly (readonly [fact: string, before: string, after: string])[] = [
    ['keeps what is allowed as it was written', 'tenant.id=a%20b;ttl=3', 'tenant.id=a%20b;ttl=3'],
    [
      'is the same text when everything is allowed',
      'region=eu , tenant.id = 7',
      'region=eu , tenant.id = 7',
    ],
    ['loses what is not allowed', 'user=u1, region=eu,session=s', 'region=eu'],
    ['loses everything when nothing is allowed', 'user=u1,session=s', ''],
    ['has names in the case they are written in', 'Region=eu', ''],
    ['loses members that are none', 'region,=x,;;,region=eu', 'region=eu'],
    ['loses members with characters that no header may hold', 'region=e\r\nX: 1,region=é', ''],
    ['of 64 members is read', `${'a=1,'.repeat(63)}region=eu`, 'region=eu'],
    ['of more than 64 members goes nowhere', `${'a=1,'.repeat(64)}region=eu`, ''],
    ['of more than 8192 characters goes nowhere', `region=${'x'.repeat(8_192)}`, ''],
    ['of a megabyte goes nowhere', 'region=eu,'.repeat(100_000), ''],
  ]
  for (const [fact, before, after] of rows) {
    it(fact, () => {
      assert.equal(filterBaggage(before, ALLOWED), after)
    })
  }

  it('goes nowhere without an allow-list', () => {
    assert.equal(filterBaggage('region=eu', new Set()), '')
  })
})
