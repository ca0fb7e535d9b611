/** Whatever is sent as a token: it is the principal’s own words, or it is nobody. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { createRig, claimsText, signRaw } from './rig.ts'

const HEADER = '{"alg":"ES256","typ":"at+jwt","kid":"first"}'

/** What a header can hold as Node reads it. */
const latin1 = fc
  .uint8Array({ maxLength: 200 })
  .map((bytes) => Buffer.from(bytes).toString('latin1'))

describe('Any text', () => {
  it('as a header, a credential or a token ends in a refusal', async () => {
    const rig = await createRig()
    await fc.assert(
      fc.asyncProperty(latin1, async (text) => {
        await rig.askWith(['Authorization', text])
        await rig.ask(text)
        await rig.ask(`${text}.${text}.${text}`)
        assert.equal(rig.principal, undefined)
      }),
      { numRuns: 150 },
    )
  })
})

describe('A good token', () => {
  it('with any one character changed is nobody’s, or still its owner’s', async () => {
    const rig = await createRig()
    const good = await rig.token()
    const alphabet = 'ABCXYZabcxyz0189-_.+/= '
    await fc.assert(
      fc.asyncProperty(
        fc.nat(good.length - 1),
        fc.constantFrom(...alphabet.split('')),
        async (at, character) => {
          rig.forget()
          await rig.ask(good.slice(0, at) + character + good.slice(at + 1))
          // The last bits of the last character of a signature mean nothing.
          assert.ok(rig.principal === undefined || rig.principal.subject === 'alice')
          const inSignature = at > good.lastIndexOf('.')
          if (!inSignature && character !== good[at]) assert.equal(rig.principal, undefined)
        },
      ),
      { numRuns: 150 },
    )
  })
})

describe('Signed claims of any shape', () => {
  it('make a principal of texts and lists of texts, or none', async () => {
    const rig = await createRig()
    const member = fc.constantFrom(
      'sub',
      'roles',
      'scope',
      'scp',
      'org_id',
      'session_id',
      'act',
      'exp',
      'iat',
      'nbf',
      'aud',
      'jti',
      'cnf',
      '__proto__',
      'constructor',
      'toString',
    )
    await fc.assert(
      fc.asyncProperty(fc.dictionary(member, fc.jsonValue({ maxDepth: 3 })), async (claims) => {
        rig.forget()
        await rig.ask(await signRaw(rig.signer, HEADER, claimsText(claims)))
        const { principal } = rig
        if (principal === undefined) return
        const { subject, roles, scopes, organization, sessionId, expiresAtMs } = principal
        assert.ok(typeof subject === 'string' && subject !== '')
        for (const one of [...roles, ...scopes]) assert.equal(typeof one, 'string')
        for (const one of [organization, sessionId]) {
          assert.ok(one === undefined || typeof one === 'string')
        }
        assert.ok(Number.isFinite(expiresAtMs))
        assert.ok(expiresAtMs <= rig.clock.nowMs + 24 * 3_600_000 + 30_000)
        assert.equal(Object.getPrototypeOf(principal), Object.prototype)
      }),
      { numRuns: 150 },
    )
  })
})
