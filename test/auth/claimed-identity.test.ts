import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createIdentityReader } from '../../src/auth/claimed-identity.ts'

const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

const token = (claims: unknown, signature = 'sig'): string =>
  `${encode({ alg: 'ES256' })}.${encode(claims)}.${signature}`

const identityOf = (authorization: string | undefined): string | undefined =>
  createIdentityReader()(authorization)

describe('A JWT', () => {
  it('names its issuer and its subject', () => {
    const claims = { iss: 'https://as.example', sub: 'alice', exp: 1 }
    assert.equal(identityOf(`Bearer ${token(claims)}`), 'https://as.example alice')
  })

  it('is read whatever its scheme is called, and however it is signed', () => {
    const claims = { iss: 'i', sub: 'é' }
    for (const authorization of [
      `bearer ${token(claims)}`,
      `BEARER   ${token(claims)}`,
      `DPoP ${token(claims)}`,
      `Bearer ${token(claims, '')}`,
      `Bearer ${token(claims, 'other-signature')}`,
    ]) {
      assert.equal(identityOf(authorization), 'i é', authorization)
    }
  })

  it('of a subject is that of no other, though a later token says more', () => {
    const read = createIdentityReader()
    const alice = read(`Bearer ${token({ iss: 'i', sub: 'alice', iat: 1 })}`)
    assert.equal(read(`Bearer ${token({ iss: 'i', sub: 'alice', iat: 2 })}`), alice)
    for (const other of [{ iss: 'i', sub: 'bob' }, { iss: 'j', sub: 'alice' }, { sub: 'alice' }]) {
      const identity = read(`Bearer ${token(other)}`)
      assert.notEqual(identity, undefined)
      assert.notEqual(identity, alice)
    }
  })

  it('without a subject that is text names nobody', () => {
    for (const claims of [{}, { iss: 'i' }, { sub: 7 }, { sub: null }, { iss: 7, sub: 'a' }]) {
      assert.equal(identityOf(`Bearer ${token(claims)}`), undefined, JSON.stringify(claims))
    }
  })
})

describe('What is no JWT', () => {
  it('names nobody', () => {
    const others = [
      '',
      'Bearer',
      'Bearer opaque',
      'Bearer a.b',
      'Bearer a.b.c.d',
      `Basic ${token({ sub: 'a' })}`,
      `Bearer ${token('no json')}`,
      `Bearer ${token('"text"')}`,
      `Bearer ${token('null')}`,
      `Bearer ${token('["sub"]')}`,
      `Bearer a.${'!'.repeat(4)}.c`,
      token({ sub: 'a' }),
    ]
    for (const authorization of others) {
      assert.equal(identityOf(authorization), undefined, authorization)
    }
    assert.equal(identityOf(undefined), undefined)
  })

  it('names nobody when it is longer than 16 KiB, and is not looked at', () => {
    const long = `Bearer ${token({ iss: 'i', sub: 'a' }, 's'.repeat(16 * 1024))}`
    assert.equal(identityOf(long), undefined)
  })
})

describe('A reader of identities', () => {
  it('remembers 1,024 tokens and still reads right when there are more', () => {
    const read = createIdentityReader()
    for (let round = 0; round < 2; round += 1) {
      for (let i = 0; i < 2_500; i += 1) {
        assert.equal(read(`Bearer ${token({ iss: 'i', sub: `s${i}` })}`), `i s${i}`)
        assert.equal(read(`Bearer opaque-${i}`), undefined)
      }
    }
  })
})
