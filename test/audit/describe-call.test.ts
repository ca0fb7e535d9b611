import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { showAddress } from '../../src/audit/describe-call.ts'
import { HmacKey } from '../../src/audit/digests.ts'
import { hashArguments, hashSession } from '../../src/audit/hash-arguments.ts'
import { createAuditRules } from '../../src/audit/levels.ts'
import { argumentsKey } from '../../src/audit/subject-keys.ts'

describe('An address in the audit log', () => {
  it('is the network alone unless it is asked for whole', () => {
    const rows: readonly (readonly [string, string])[] = [
      ['192.0.2.77', '192.0.2.0/24'],
      ['::ffff:192.0.2.77', '192.0.2.0/24'],
      ['2001:db8:abcd:12::7', '2001:db8:abcd::/48'],
      ['2001:db8::7', '2001:db8:0::/48'],
      ['fe80::1%eth0', 'fe80:0:0::/48'],
      ['::1', '::1'],
    ]
    for (const [given, shown] of rows) assert.equal(showAddress(given, 'masked'), shown, given)
    assert.equal(showAddress('192.0.2.77', 'full'), '192.0.2.77')
    assert.equal(showAddress('192.0.2.77', 'none'), undefined)
  })
})

describe('The hash of arguments', () => {
  const hash = (text: string): string => hashArguments(Buffer.from(text)).hash

  it('is the same however they are spelled, and another for others', () => {
    assert.equal(hash('{"a":1,"b":"x"}'), hash('{ "b":"\\u0078", "a":1.0 }'))
    assert.notEqual(hash('{"a":1}'), hash('{"a":"1"}'))
  })

  it('is that of the bytes when they are large, or no JSON', () => {
    const large = Buffer.from(JSON.stringify({ a: 'x'.repeat(70_000) }))
    assert.equal(hashArguments(large).form, 'raw')
    assert.equal(hashArguments(Buffer.from('{')).form, 'raw')
    assert.equal(hashArguments(Buffer.from('{}')).form, 'canonical')
  })

  it('needs the key of the log and that of the person', () => {
    const shown = (person: number, log: number): string =>
      argumentsKey(Buffer.alloc(32, person), { hashes: Buffer.alloc(32, log) }).digestOfHash(
        hash('{}'),
        'base64url',
      )
    assert.equal(shown(1, 2), shown(1, 2))
    assert.notEqual(shown(1, 2), shown(1, 3))
    assert.notEqual(shown(1, 2), shown(3, 2))
  })

  it('of a session is another for another kind of session, or with another key', () => {
    const sessionHash = (byte: number, kind: 'mcp' | 'token'): string =>
      hashSession(new HmacKey(Buffer.alloc(32, byte)), kind, 'x')
    assert.notEqual(sessionHash(1, 'mcp'), sessionHash(1, 'token'))
    assert.notEqual(sessionHash(1, 'mcp'), sessionHash(2, 'mcp'))
  })
})

describe('The level of a call', () => {
  it('is that of the first rule that fits, and what a rule leaves open is as otherwise', () => {
    const ruleOf = createAuditRules(
      [
        { upstream: 'files', tool: 'delete_*', mode: 'strict' },
        { upstream: 'files', tool: '*', level: 'none' },
        { upstream: '*', tool: 'search', level: 'request' },
      ],
      { level: 'metadata', mode: 'batch' },
    )
    assert.deepEqual(ruleOf('files', 'delete_all'), { level: 'metadata', mode: 'strict' })
    assert.deepEqual(ruleOf('files', 'read'), { level: 'none', mode: 'batch' })
    assert.deepEqual(ruleOf('files', undefined), { level: 'none', mode: 'batch' })
    assert.deepEqual(ruleOf('web', 'search'), { level: 'request', mode: 'batch' })
    assert.deepEqual(ruleOf('web', undefined), { level: 'metadata', mode: 'batch' })
  })
})
