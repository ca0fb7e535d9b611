/** Tokens that are bound to a key (RFC 9449). */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { calculateJwkThumbprint, SignJWT, UnsecuredJWT } from 'jose'
import { makeSigner, type Signer } from '../support/signer.ts'
import { createRig, type Rig, type RigOptions } from './rig.ts'

interface Proved {
  readonly claims?: Readonly<Record<string, unknown>>
  readonly header?: Readonly<Record<string, unknown>>
  readonly by?: Signer
}

class Holder {
  readonly rig: Rig
  readonly key: Signer
  readonly token: string
  #count = 0

  private constructor(rig: Rig, key: Signer, token: string) {
    this.rig = rig
    this.key = key
    this.token = token
  }

  static async create(options: RigOptions = {}): Promise<Holder> {
    const rig = await createRig(options)
    const key = await makeSigner('ES256', undefined)
    const jkt = await calculateJwkThumbprint(key.jwk)
    return new Holder(rig, key, await rig.token({ claims: { cnf: { jkt } } }))
  }

  proof({ claims = {}, header = {}, by = this.key }: Proved = {}): Promise<string> {
    this.#count += 1
    const { kty = 'EC', crv = '', x = '', y = '' } = by.jwk
    const payload = {
      jti: `proof-${this.#count}`,
      htm: 'POST',
      htu: 'https://mcp.example/a/mcp',
      iat: this.rig.clock.nowMs / 1_000,
      ath: createHash('sha256').update(this.token).digest('base64url'),
      ...claims,
    }
    return new SignJWT(payload)
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: { kty, crv, x, y }, ...header })
      .sign(by.privateKey)
  }

  ask(proof: string, scheme = 'DPoP'): Promise<string> {
    return this.rig.askWith(['Authorization', `${scheme} ${this.token}`, 'DPoP', proof])
  }
}

describe('A bound token', () => {
  it('is good with a fresh proof each time, also when it is known', async () => {
    const holder = await Holder.create()
    for (let i = 0; i < 3; i += 1) assert.equal(await holder.ask(await holder.proof()), 'alice')
    assert.deepEqual(holder.rig.cached, [false, true, true])
    const query = { query: '?a=b' }
    const headers = ['Authorization', `dpop ${holder.token}`, 'dpop', await holder.proof()]
    assert.equal(await holder.rig.askWith(headers, query), 'alice')
  })

  it('is worth nothing to whoever finds it', async () => {
    const holder = await Holder.create()
    const { rig, token } = holder
    assert.equal(await rig.ask(token), 'proof')
    assert.equal(await rig.askWith(['Authorization', `DPoP ${token}`]), 'proof')
    assert.equal(await holder.ask(await holder.proof(), 'Bearer'), 'proof')
    const thief = await makeSigner('ES256', undefined)
    assert.equal(await holder.ask(await holder.proof({ by: thief })), 'proof')
    const { jwk } = holder.key
    assert.equal(await holder.ask(await holder.proof({ by: thief, header: { jwk } })), 'proof')
  })

  it('needs a proof that was not used before', async () => {
    const holder = await Holder.create()
    const proof = await holder.proof()
    assert.equal(await holder.ask(proof), 'alice')
    assert.equal(await holder.ask(proof), 'proof')
    holder.rig.clock.advance(60_000)
    assert.equal(await holder.ask(proof), 'proof')
    const again = await holder.proof({ claims: { jti: 'proof-1' } })
    assert.equal(await holder.ask(again), 'proof')
  })

  it('needs one proof, for this request and this token, of now', async () => {
    const holder = await Holder.create()
    const now = holder.rig.clock.nowMs / 1_000
    const wrong: readonly Proved[] = [
      { claims: { htm: 'GET' } },
      { claims: { htm: 'post' } },
      { claims: { htu: 'https://mcp.example/b/mcp' } },
      { claims: { htu: 'https://evil.example/a/mcp' } },
      { claims: { htu: 'http://mcp.example/a/mcp' } },
      { claims: { htu: '/a/mcp' } },
      { claims: { ath: createHash('sha256').update('x').digest('base64url') } },
      { claims: { iat: now - 91 } },
      { claims: { iat: now + 31 } },
      { claims: { iat: String(now) } },
      { claims: { jti: '' } },
      { claims: { jti: 7 } },
      { header: { typ: 'JWT' } },
      { header: { typ: undefined } },
      { header: { jwk: undefined } },
      ...['jti', 'htm', 'htu', 'iat', 'ath'].map((name) => ({ claims: { [name]: undefined } })),
    ]
    for (const one of wrong) {
      assert.equal(await holder.ask(await holder.proof(one)), 'proof', JSON.stringify(one))
    }
    const unsigned = new UnsecuredJWT({ jti: 'x', htm: 'POST' }).encode()
    for (const proof of ['', 'x', unsigned, 'x'.repeat(9_000)]) {
      assert.equal(await holder.ask(proof), 'proof')
    }
    const { token } = holder
    const two = ['DPoP', await holder.proof(), 'dpop', await holder.proof()]
    assert.equal(await holder.rig.askWith(['Authorization', `DPoP ${token}`, ...two]), 'proof')
    const same = await holder.proof({ claims: { htu: 'https://MCP.example:443/a/mcp?x=y#z' } })
    assert.equal(await holder.ask(same), 'alice')
  })

  it('is told to come again when there is no room to remember its proof', async () => {
    const holder = await Holder.create({ proofsMax: 2 })
    assert.equal(await holder.ask(await holder.proof()), 'alice')
    assert.equal(await holder.ask(await holder.proof()), 'alice')
    assert.equal(await holder.ask(await holder.proof()), 'busy')
    holder.rig.clock.advance(120_000)
    assert.equal(await holder.ask(await holder.proof()), 'alice')
  })
})

describe('A token that is not bound', () => {
  it('is not good with a proof, which would prove nothing', async () => {
    const holder = await Holder.create()
    const { rig } = holder
    const headers = ['Authorization', `DPoP ${await rig.token()}`, 'DPoP', await holder.proof()]
    assert.equal(await rig.askWith(headers), 'proof')
  })

  it('is refused where tokens have to be bound', async () => {
    const rig = await createRig({ rules: { requireProof: true } })
    assert.equal(await rig.ask(await rig.token()), 'proof')
  })
})
