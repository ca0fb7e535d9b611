/** What people have tried to pass off as a token. */

import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { describe, it } from 'node:test'
import { exportSPKI, importJWK } from 'jose'
import { makeSigner } from '../support/signer.ts'
import { claimsText, createRig, documentOf, ISSUER, NOW_MS, signHmac, signRaw } from './rig.ts'

const HEADER = '{"alg":"ES256","typ":"at+jwt","kid":"first"}'

const encode = (text: string): string => Buffer.from(text, 'utf8').toString('base64url')

describe('The algorithm', () => {
  it('none, in any spelling, is refused', async () => {
    const rig = await createRig()
    for (const alg of ['none', 'None', 'nOnE', 'NONE', '']) {
      const parts = `${encode(JSON.stringify({ alg, typ: 'at+jwt' }))}.${encode(claimsText())}`
      assert.equal(await rig.ask(`${parts}.`), 'malformed', alg)
      assert.equal(await rig.ask(`${parts}.AA`), 'algorithm', alg)
    }
  })

  it('HS256 with a public key as its secret is refused, in every form of the key', async () => {
    for (const algorithm of ['RS256', 'ES256']) {
      const rig = await createRig({ signer: await makeSigner(algorithm, 'first') })
      const key = await importJWK(rig.signer.jwk, algorithm)
      assert.ok(!(key instanceof Uint8Array))
      const pem = await exportSPKI(key)
      const der = createPublicKey(pem).export({ format: 'der', type: 'spki' })
      const jwk = JSON.stringify(rig.signer.jwk)
      for (const secret of [pem, pem.trim(), der, jwk, rig.signer.jwk.n ?? 'x']) {
        for (const alg of ['HS256', 'HS384', 'HS512', 'hs256']) {
          const header = JSON.stringify({ alg, typ: 'at+jwt', kid: 'first' })
          assert.equal(await rig.ask(signHmac(secret, header, claimsText())), 'algorithm', alg)
        }
      }
    }
  })

  it('of a good signature is refused when the issuer is not to use it', async () => {
    for (const algorithm of ['RS512', 'PS384', 'ES384', 'ES512']) {
      const rig = await createRig({ signer: await makeSigner(algorithm, 'first') })
      assert.equal(await rig.ask(await rig.token()), 'algorithm', algorithm)
    }
  })

  it('ES256 with a key of another curve is refused', async () => {
    const other = await makeSigner('ES384', 'first')
    const rig = await createRig()
    rig.load = () => Promise.resolve(documentOf([{ ...other.jwk, alg: undefined }]))
    assert.equal(await rig.ask(await rig.token()), 'key')
    const lying = { ...other.jwk, alg: 'ES256' }
    const second = await createRig()
    second.load = () => Promise.resolve(documentOf([lying]))
    assert.equal(await second.ask(await second.token()), 'key')
  })

  it('is one that the key is for: an RS256 signature by a key for PS256 is refused', async () => {
    const rig = await createRig({ signer: await makeSigner('RS256', 'first') })
    const { jwk } = rig.signer
    rig.load = () => Promise.resolve(documentOf([{ ...jwk, alg: 'PS256' }]))
    assert.equal(await rig.ask(await rig.token()), 'key')
  })

  for (const algorithm of ['RS256', 'PS256', 'ES256', 'EdDSA']) {
    it(`${algorithm} is accepted, also from a key that names none`, async () => {
      const rig = await createRig({ signer: await makeSigner(algorithm, 'first') })
      assert.equal(await rig.ask(await rig.token()), 'alice')
      const second = await createRig({ signer: rig.signer })
      second.load = () => Promise.resolve(documentOf([{ ...rig.signer.jwk, alg: undefined }]))
      assert.equal(await second.ask(await second.token()), 'alice')
    })
  }
})

describe('The name of the key', () => {
  it('leads nowhere but to a key of that name', async () => {
    const rig = await createRig()
    const names: readonly unknown[] = [
      '../../../../dev/null',
      "' OR '1'='1",
      'first\u0000',
      '__proto__',
      'constructor',
      'First',
      '',
      'x'.repeat(257),
      'x'.repeat(4_000),
      0,
      null,
      true,
      ['first'],
      { kid: 'first' },
    ]
    for (const kid of names) {
      const header = JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid })
      const token = await signRaw(rig.signer, header, claimsText())
      assert.equal(await rig.ask(token), 'key', JSON.stringify(kid).slice(0, 40))
    }
    // One look for a key that may have come since, however many are invented.
    assert.equal(rig.loads, 2)
  })

  it('and a key in the header itself mean nothing', async () => {
    const rig = await createRig()
    const attacker = await makeSigner('ES256', 'evil')
    const headers: readonly object[] = [
      { jwk: attacker.jwk },
      { jwk: attacker.jwk, kid: 'first' },
      { jku: 'https://evil.example/keys', kid: 'evil' },
      { x5u: 'https://evil.example/cert', kid: 'evil' },
      { x5c: ['MIIB'], kid: 'first' },
      { x5t: 'AAAA', kid: 'first' },
    ]
    for (const header of headers) {
      const text = JSON.stringify({ alg: 'ES256', typ: 'at+jwt', ...header })
      const why = await rig.ask(await signRaw(attacker, text, claimsText()))
      assert.ok(why === 'signature' || why === 'key', `${text}: ${why}`)
    }
  })
})

describe('The form', () => {
  it('of something else than three parts is refused', async () => {
    const rig = await createRig()
    const [head = '', body = '', signature = ''] = (await rig.token()).split('.')
    const forms = [
      'x',
      '..',
      '...',
      `${head}.${body}`,
      `${head}.${body}.${signature}.${signature}`,
      `${head}.${body}.${body}.${body}.${signature}`,
      `${head}.${body}.${signature}.${head}.${body}.${signature}.x`,
      `${head}..${signature}`,
      `.${body}.${signature}`,
      `${head}.${body}.`,
    ]
    for (const form of forms) assert.equal(await rig.ask(form), 'malformed', form.slice(0, 30))
  })

  it('of another alphabet, with padding or with spaces in it is refused', async () => {
    const rig = await createRig()
    const good = await rig.token()
    const [head = '', body = '', signature = ''] = good.split('.')
    const forms = [
      `${good}=`,
      `${good}==`,
      `${head}=.${body}.${signature}`,
      `${head}.${body}.+/${signature}`,
      `${head}.${body}.${signature}\t`.replace('\t', ' x'),
      `${head}. ${body}.${signature}`,
      `${head}.${body}.${signature}, Bearer ${good}`,
      `${head}.${body}.${signature}é`,
      `"${good}"`,
    ]
    for (const form of forms) assert.equal(await rig.ask(form), 'malformed', form.slice(-30))
  })

  it('that has to be understood otherwise is refused: crit, b64', async () => {
    const rig = await createRig()
    const headers: readonly object[] = [
      { crit: ['exp'] },
      { crit: [] },
      { crit: ['b64'], b64: false },
      { b64: false },
      { b64: true },
    ]
    for (const header of headers) {
      const text = JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: 'first', ...header })
      assert.equal(await rig.ask(await signRaw(rig.signer, text, claimsText())), 'malformed', text)
    }
  })

  it('of claims that are no JSON object is refused: compressed, nested, a list, nothing', async () => {
    const rig = await createRig()
    const nested = await rig.token()
    for (const claims of ['\u0078\u009c\u0001', nested, '[]', '"x"', '1', 'null', '{', '{}{}']) {
      const header = '{"alg":"ES256","typ":"at+jwt","kid":"first","zip":"DEF","cty":"JWT"}'
      assert.equal(await rig.ask(await signRaw(rig.signer, header, claims)), 'malformed', claims)
    }
    for (const header of ['[]', '"ES256"', 'null', '{"alg":"ES256"', '']) {
      const why = await rig.ask(await signRaw(rig.signer, header, claimsText()))
      assert.equal(why, 'malformed', header)
    }
  })

  it('with a member twice counts with its last value, as RFC 7515 and RFC 7519 allow', async () => {
    const rig = await createRig()
    const twice = claimsText().replace('{', '{"sub":"mallory","aud":"somebody-else",')
    assert.equal(await rig.ask(await signRaw(rig.signer, HEADER, twice)), 'alice')
    const wrong = claimsText().replace(/\}$/, ',"aud":"somebody-else"}')
    assert.equal(await rig.ask(await signRaw(rig.signer, HEADER, wrong)), 'audience')
    const none = HEADER.replace(/\}$/, ',"alg":"none"}')
    assert.equal(await rig.ask(await signRaw(rig.signer, none, claimsText())), 'algorithm')
  })

  it('larger than is allowed is refused before anything of it is read', async () => {
    const rig = await createRig()
    assert.equal(await rig.ask('x'.repeat(8_193)), 'too_large')
    assert.equal(await rig.ask('x'.repeat(10_000_000)), 'too_large')
    const padded = await rig.token({ claims: { pad: 'x'.repeat(9_000) } })
    assert.equal(await rig.ask(padded), 'too_large')
    assert.equal(rig.loads, 0)
    const large = await rig.token({ claims: { pad: 'x'.repeat(5_000) } })
    assert.equal(await rig.ask(large), 'alice')
  })

  it('with deep nesting harms nobody', async () => {
    const rig = await createRig()
    const deep = claimsText().replace('{', `{"x":${'['.repeat(2_500)}${']'.repeat(2_500)},`)
    assert.equal(await rig.ask(await signRaw(rig.signer, HEADER, deep)), 'alice')
  })
})

describe('The signature', () => {
  it('is made by the issuer, over these very bytes', async () => {
    const rig = await createRig()
    const good = await rig.token()
    const [head = '', body = '', signature = ''] = good.split('.')
    const stranger = await makeSigner('ES256', 'first')
    assert.equal(await rig.ask(await rig.token({}, stranger)), 'signature')
    const other = encode(claimsText({ sub: 'mallory' }))
    assert.equal(await rig.ask(`${head}.${other}.${signature}`), 'signature')
    const bytes = Buffer.from(signature, 'base64url')
    const flipped = Buffer.from(bytes)
    flipped[10] = (flipped[10] ?? 0) ^ 1
    for (const wrong of [
      flipped,
      Buffer.alloc(64),
      bytes.subarray(1),
      Buffer.concat([bytes, bytes]),
    ]) {
      const why = await rig.ask(`${head}.${body}.${wrong.toString('base64url')}`)
      assert.equal(why, 'signature', `${wrong.length} bytes`)
    }
    assert.equal(await rig.ask(good), 'alice')
  })

  it('in its other form is the same token, and revoked with it', async () => {
    const rig = await createRig()
    const good = await rig.token({ claims: { jti: 'one' } })
    const [head = '', body = '', signature = ''] = good.split('.')
    const bytes = Buffer.from(signature, 'base64url')
    const order = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
    const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`)
    const mirrored = Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex')
    const twin = Buffer.concat([bytes.subarray(0, 32), mirrored]).toString('base64url')
    assert.equal(await rig.ask(`${head}.${body}.${twin}`), 'alice')
    rig.revoked = { has: (issuer, { jti }) => issuer === ISSUER && jti === 'one' }
    rig.revocationVersion += 1
    assert.equal(await rig.ask(good), 'revoked')
    assert.equal(await rig.ask(`${head}.${body}.${twin}`), 'revoked')
  })
})

describe('The type', () => {
  it('is that of an access token', async () => {
    const rig = await createRig()
    for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/At+JWT']) {
      assert.equal(await rig.ask(await rig.token({ header: { typ } })), 'alice', typ)
    }
    for (const typ of ['JWT', 'id_token', 'dpop+jwt', 'logout+jwt', 'at+jwt2', '', ' at+jwt']) {
      assert.equal(await rig.ask(await rig.token({ header: { typ } })), 'type', typ)
    }
    for (const typ of [1, null, ['at+jwt'], {}]) {
      const header = JSON.stringify({ alg: 'ES256', kid: 'first', typ })
      assert.equal(await rig.ask(await signRaw(rig.signer, header, claimsText())), 'type')
    }
    const none = '{"alg":"ES256","kid":"first"}'
    assert.equal(await rig.ask(await signRaw(rig.signer, none, claimsText())), 'type')
  })

  it('may be absent where the issuer’s rules say so', async () => {
    const rig = await createRig({ rules: { types: new Set(['', 'jwt']) } })
    const none = '{"alg":"ES256","kid":"first"}'
    assert.equal(await rig.ask(await signRaw(rig.signer, none, claimsText())), 'alice')
    assert.equal(await rig.ask(await rig.token({ header: { typ: 'JWT' } })), 'alice')
    assert.equal(await rig.ask(await rig.token()), 'type')
  })
})

const NOW = NOW_MS / 1_000

/** Claims, and what becomes of a token with them. */
const CLAIMS: readonly (readonly [string, Readonly<Record<string, unknown>>, string])[] = [
  ['exp is missing', { exp: undefined }, 'claims'],
  ['sub is missing', { sub: undefined }, 'claims'],
  ['iat is missing', { iat: undefined }, 'claims'],
  ['iss is missing', { iss: undefined }, 'issuer'],
  ['aud is missing', { aud: undefined }, 'audience'],
  ['exp is a text', { exp: String(NOW + 600) }, 'claims'],
  ['exp is null', { exp: null }, 'claims'],
  ['exp is true', { exp: true }, 'claims'],
  ['exp is negative', { exp: -1 }, 'expired'],
  ['exp is zero', { exp: 0 }, 'expired'],
  ['exp is over', { exp: NOW - 31, iat: NOW - 600 }, 'expired'],
  ['exp is over by less than the tolerance', { exp: NOW - 29, iat: NOW - 600 }, 'alice'],
  ['exp is in a thousand years', { exp: NOW + 31_536_000_000 }, 'lifetime'],
  ['exp is in more than a day', { exp: NOW + 86_401 }, 'lifetime'],
  ['exp is in a day', { exp: NOW + 86_400 }, 'alice'],
  ['exp is 1e308', { exp: 1e308 }, 'lifetime'],
  ['nbf is a text', { nbf: String(NOW) }, 'claims'],
  ['nbf is in the future', { nbf: NOW + 31 }, 'not_yet_valid'],
  ['nbf is in the future by less than the tolerance', { nbf: NOW + 29 }, 'alice'],
  ['nbf is negative', { nbf: -1 }, 'alice'],
  ['iat is a text', { iat: String(NOW) }, 'claims'],
  ['iat is in the future', { iat: NOW + 31 }, 'not_yet_valid'],
  ['iat is negative', { iat: -1 }, 'lifetime'],
  ['iat is long ago', { iat: NOW - 86_400 }, 'lifetime'],
  ['aud is a list with ours in it', { aud: ['x', 'sidelight-test'] }, 'alice'],
  ['aud is our other name', { aud: 'https://mcp.example/mcp' }, 'alice'],
  ['aud is a list without ours', { aud: ['x', 'y'] }, 'audience'],
  ['aud is an empty list', { aud: [] }, 'audience'],
  ['aud is an empty text', { aud: '' }, 'audience'],
  ['aud differs by case', { aud: 'Sidelight-Test' }, 'audience'],
  ['aud differs by a slash', { aud: 'https://mcp.example/mcp/' }, 'audience'],
  ['aud only begins like ours', { aud: 'sidelight-test.evil' }, 'audience'],
  ['aud is an object', { aud: { 'sidelight-test': true } }, 'audience'],
  ['aud is a list of lists', { aud: [['sidelight-test']] }, 'audience'],
  ['iss differs by a slash', { iss: `${ISSUER}/` }, 'issuer'],
  ['iss differs by case', { iss: 'https://IDP.example' }, 'issuer'],
  ['iss is a list', { iss: [ISSUER] }, 'issuer'],
  ['iss is a name that every object has', { iss: '__proto__' }, 'issuer'],
  ['sub is a number', { sub: 7 }, 'claims'],
  ['sub is an object', { sub: { id: 'alice' } }, 'claims'],
  ['sub is empty', { sub: '' }, 'claims'],
  ['sub has a line break', { sub: 'alice\n{"forged":true}' }, 'claims'],
  ['sub has an escape', { sub: 'alice\u001b[31m' }, 'claims'],
  ['sub has a line separator', { sub: 'alice\u2028' }, 'claims'],
  ['sub has half a character', { sub: 'alice\ud800' }, 'claims'],
  ['sub is very long', { sub: 'a'.repeat(1_025) }, 'claims'],
  ['jti is a number', { jti: 7 }, 'claims'],
  ['roles are a text', { roles: 'admin' }, 'claims'],
  ['roles are an object', { roles: { admin: true } }, 'claims'],
  ['roles are numbers', { roles: [1, 2] }, 'claims'],
  ['roles are lists', { roles: [['admin']] }, 'claims'],
  ['roles are null', { roles: null }, 'claims'],
  ['roles are true', { roles: true }, 'claims'],
  ['roles are too many', { roles: Array.from({ length: 257 }, (_, i) => `r${i}`) }, 'claims'],
  ['roles are missing', { roles: undefined }, 'alice'],
  ['scope is a number', { scope: 7 }, 'claims'],
  ['org_id is a list', { org_id: ['acme'] }, 'claims'],
  ['session_id is a number', { session_id: 1 }, 'claims'],
  ['act is a text', { act: 'bob' }, 'claims'],
  ['act has no subject', { act: {} }, 'claims'],
  ['cnf names a certificate', { cnf: { 'x5t#S256': 'abc' } }, 'binding'],
  ['cnf is a text', { cnf: 'abc' }, 'binding'],
  ['cnf is empty', { cnf: {} }, 'binding'],
  ['cnf names a key and more', { cnf: { jkt: 'abc', kid: 'x' } }, 'binding'],
]

describe('A signed token', () => {
  for (const [name, claims, expected] of CLAIMS) {
    it(`in which ${name}: ${expected}`, async () => {
      const rig = await createRig()
      const token = await signRaw(rig.signer, HEADER, claimsText(claims))
      assert.equal(await rig.ask(token), expected)
      assert.equal(rig.principal === undefined, expected !== 'alice')
    })
  }

  it('in which a number is no number that can be counted with is refused', async () => {
    const rig = await createRig()
    for (const [name, why] of [
      ['exp', 'claims'],
      ['iat', 'claims'],
    ] as const) {
      const text = claimsText().replace(new RegExp(`"${name}":\\d+`), `"${name}":1e400`)
      assert.equal(await rig.ask(await signRaw(rig.signer, HEADER, text)), why, name)
    }
    const nbf = claimsText().replace('{', '{"nbf":1e400,')
    assert.equal(await rig.ask(await signRaw(rig.signer, HEADER, nbf)), 'not_yet_valid')
  })

  it('with more actors than anybody follows is refused', async () => {
    const chain = (length: number): unknown =>
      length === 0 ? undefined : { sub: `actor-${length}`, act: chain(length - 1) }
    const rig = await createRig()
    assert.equal(await rig.ask(await rig.token({ claims: { act: chain(10) } })), 'alice')
    assert.equal(rig.principal?.actors.length, 10)
    assert.equal(await rig.ask(await rig.token({ claims: { act: chain(11) } })), 'claims')
  })

  it('with names that every object has gives its sender nothing', async () => {
    const rig = await createRig()
    const text = claimsText().replace('{', '{"__proto__":{"roles":["admin"],"org_id":"acme"},')
    assert.equal(await rig.ask(await signRaw(rig.signer, HEADER, text)), 'alice')
    assert.deepEqual(rig.principal?.roles, [])
    assert.equal(rig.principal?.organization, undefined)
  })
})
