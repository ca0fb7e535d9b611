/** How an issuer's keys are kept while it changes them, is slow, or is down. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { exportJWK } from 'jose'
import { readKeyDocument } from '../../src/auth/key-document.ts'
import { makeSigner } from '../support/signer.ts'
import { createRig, documentOf, DOWN, type Rig } from './rig.ts'

const MINUTE = 60_000

/** Time passes, with the looks at the clock that a sidecar takes. */
async function pass(rig: Rig, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 10_000) {
    rig.clock.advance(10_000)
    rig.keys.tick(rig.clock.nowMs)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('Keys', () => {
  it('are read again in the background, every five minutes', async () => {
    const rig = await createRig()
    rig.keys.tick(rig.clock.nowMs)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(rig.loads, 1)
    await pass(rig, 4 * MINUTE + 50_000)
    assert.equal(rig.loads, 1)
    await pass(rig, 10_000)
    assert.equal(rig.loads, 2)
    await pass(rig, 60 * MINUTE)
    assert.equal(rig.loads, 14)
    assert.equal(await rig.ask(await rig.token()), 'alice')
    assert.equal(rig.loads, 14)
  })

  it('stay in use while their issuer is down for half an hour, but not for two', async () => {
    const rig = await createRig()
    assert.equal(await rig.ask(await rig.token()), 'alice')
    rig.load = () => Promise.resolve(DOWN)
    await pass(rig, 30 * MINUTE)
    assert.equal(await rig.ask(await rig.token()), 'alice')
    const known = await rig.token({ claims: { exp: rig.clock.nowMs / 1_000 + 43_200 } })
    await pass(rig, 29 * MINUTE + 40_000)
    assert.equal(await rig.ask(known), 'alice')
    await pass(rig, 30_000)
    // Not even a token that is known: the key may have been withdrawn for an hour.
    assert.equal(await rig.ask(known), 'keys_unavailable')
    assert.equal(await rig.ask(await rig.token()), 'keys_unavailable')
    await pass(rig, 60 * MINUTE)
    assert.equal(await rig.ask(await rig.token()), 'keys_unavailable')
    rig.load = () => Promise.resolve(documentOf([rig.signer.jwk]))
    await pass(rig, MINUTE)
    assert.equal(await rig.ask(await rig.token()), 'alice')
  })

  it('are asked for twice a minute at most while their issuer is down', async () => {
    const rig = await createRig()
    rig.load = () => Promise.resolve(DOWN)
    for (let i = 0; i < 200; i += 1) {
      assert.equal(await rig.ask(await rig.token({ header: { kid: `k${i}` } })), 'keys_unavailable')
    }
    assert.equal(rig.loads, 1)
    await pass(rig, 10 * MINUTE)
    assert.ok(rig.loads <= 21, `${rig.loads} loads`)
  })

  it('with new names are looked for at once, and found', async () => {
    const rig = await createRig()
    assert.equal(await rig.ask(await rig.token()), 'alice')
    for (let round = 0; round < 5; round += 1) {
      const next = await makeSigner('ES256', `round-${round}`)
      rig.load = () => Promise.resolve(documentOf([next.jwk, rig.signer.jwk]))
      const tokens = await Promise.all(
        Array.from({ length: 20 }, (_, i) => rig.token({ claims: { sub: `u${i}` } }, next)),
      )
      const found = await Promise.all(tokens.map((token) => rig.ask(token)))
      assert.deepEqual(
        found,
        tokens.map((_, i) => `u${i}`),
      )
      assert.equal(rig.loads, round + 2)
    }
  })

  it('with invented names are looked for once in half a minute', async () => {
    const rig = await createRig()
    assert.equal(await rig.ask(await rig.token()), 'alice')
    for (let i = 0; i < 1_000; i += 1) {
      assert.equal(await rig.ask(await rig.token({ header: { kid: `invented-${i}` } })), 'key')
    }
    assert.equal(rig.loads, 2)
    rig.clock.advance(30_000)
    assert.equal(await rig.ask(await rig.token({ header: { kid: 'invented' } })), 'key')
    assert.equal(rig.loads, 3)
    assert.equal(await rig.ask(await rig.token()), 'alice')
  })

  it('are not asked for again for a name that is there, with another algorithm', async () => {
    const rig = await createRig({ rules: { algorithms: ['ES256', 'RS256'] } })
    const other = await makeSigner('RS256', 'first')
    for (let i = 0; i < 20; i += 1) assert.equal(await rig.ask(await rig.token({}, other)), 'key')
    assert.equal(rig.loads, 2)
  })

  it('without names are tried one after the other, and looked for again when none fits', async () => {
    const [a, b, c] = await Promise.all([1, 2, 3].map(() => makeSigner('ES256', undefined)))
    assert.ok(a !== undefined && b !== undefined && c !== undefined)
    const rig = await createRig({ signer: a })
    rig.load = () => Promise.resolve(documentOf([a.jwk, b.jwk]))
    assert.equal(await rig.ask(await rig.token({}, b)), 'alice')
    assert.equal(rig.loads, 1)
    rig.load = () => Promise.resolve(documentOf([b.jwk, c.jwk]))
    assert.equal(await rig.ask(await rig.token({}, c)), 'alice')
    assert.equal(rig.loads, 2)
    for (let i = 0; i < 20; i += 1) assert.equal(await rig.ask(await rig.token({}, a)), 'signature')
    assert.equal(rig.loads, 3)
  })

  it('of one name are tried one after the other', async () => {
    const rig = await createRig()
    const twin = await makeSigner('ES256', 'first')
    rig.load = () => Promise.resolve(documentOf([twin.jwk, rig.signer.jwk]))
    assert.equal(await rig.ask(await rig.token()), 'alice')
    assert.equal(await rig.ask(await rig.token({ claims: { sub: 'bob' } }, twin)), 'bob')
  })

  it('that all go leave nobody in', async () => {
    const rig = await createRig()
    assert.equal(await rig.ask(await rig.token()), 'alice')
    rig.load = () => Promise.resolve(documentOf([]))
    await rig.keys.refresh()
    assert.equal(await rig.ask(await rig.token()), 'key')
  })

  it('stay when what comes in their place is no key set', async () => {
    const rig = await createRig()
    assert.equal(await rig.ask(await rig.token()), 'alice')
    for (const text of ['<html>', '{}', '[]', '{"keys":{}}', '{"keys":"x"}', '']) {
      rig.load = () => Promise.resolve({ kind: 'document', text })
      await rig.keys.refresh()
      assert.equal(await rig.ask(await rig.token({ claims: { jti: text || 'x' } })), 'alice', text)
    }
  })
})

describe('A key set', () => {
  it('gives no key that everybody knows, or that is for something else', async () => {
    const signer = await makeSigner('ES256', 'k')
    const { jwk } = signer
    const secret = {
      kty: 'oct',
      k: Buffer.from('0123456789abcdef'.repeat(2)).toString('base64url'),
    }
    const keys: readonly unknown[] = [
      await exportJWK(signer.privateKey),
      secret,
      { ...jwk, use: 'enc' },
      { ...jwk, key_ops: ['encrypt'] },
      { ...jwk, kid: 7 },
      { ...jwk, kid: 'x'.repeat(257) },
      { ...jwk, crv: 'secp256k1' },
      { ...jwk, alg: 'HS256' },
      { ...jwk, alg: 'RS256' },
      { ...jwk, kty: 'EVIL' },
      { kty: 'RSA', n: 'AQAB', e: 'AQAB' },
      null,
      'x',
      [jwk],
      {},
    ]
    assert.deepEqual(readKeyDocument(JSON.stringify({ keys })), [])
    assert.equal(readKeyDocument(JSON.stringify({ keys: [...keys, jwk] }))?.length, 1)
  })

  it('of more than a hundred keys is none', async () => {
    const { jwk } = await makeSigner('ES256', 'k')
    const of = (count: number) =>
      readKeyDocument(JSON.stringify({ keys: Array.from({ length: count }, () => jwk) }))
    assert.equal(of(100)?.length, 100)
    assert.equal(of(101), undefined)
    assert.equal(of(10_000), undefined)
  })

  it('with a point that lies on no curve lets nobody in', async () => {
    const rig = await createRig()
    const bad = { ...rig.signer.jwk, x: rig.signer.jwk.y, y: rig.signer.jwk.x }
    rig.load = () => Promise.resolve(documentOf([bad]))
    assert.equal(await rig.ask(await rig.token()), 'key')
  })
})
