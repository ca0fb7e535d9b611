import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compileLinearPattern } from '../../src/core/linear-pattern.ts'
import { assignmentsTo, DENIED_KEYS, redactJson, redactMessage } from '../../src/core/redact.ts'

const DENY_KEYS = [...DENIED_KEYS, 'customer']

function redact(text: string, bytesMax = 64 * 1024): string | undefined {
  return redactJson(Buffer.from(text), {
    denyKeys: DENY_KEYS,
    assignments: assignmentsTo(DENY_KEYS),
    patterns: [compileLinearPattern('acct-[0-9]{8}'), compileLinearPattern('77[0-9]{6}')].filter(
      (one) => one !== undefined,
    ),
    bytesMax,
  })
}

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl'

describe('Captured JSON', () => {
  const rows: readonly (readonly [fact: string, before: unknown, after: unknown])[] = [
    [
      'keeps what is no secret',
      { city: 'Paris', n: 3, ok: true, none: null },
      { city: 'Paris', n: 3, ok: true, none: null },
    ],
    [
      'hides denied names at any depth',
      { a: [{ b: { Pass_Word: 'x', 'X-Api-Key': 1 } }] },
      { a: [{ b: { Pass_Word: '[redacted]', 'X-Api-Key': '[redacted]' } }] },
    ],
    [
      'hides whole values of denied names',
      { secrets: { a: 1 }, customer: ['x'] },
      { secrets: '[redacted]', customer: '[redacted]' },
    ],
    ['hides bearer tokens', { q: 'use Bearer abc.def-123 now' }, { q: 'use [redacted] now' }],
    ['hides JWTs', [`x ${JWT} y`], ['x [redacted] y']],
    [
      'hides keys with known prefixes',
      ['sk-abcdefghijklmnop', 'ghp_0123456789abcdef'],
      ['[redacted]', '[redacted]'],
    ],
    [
      'hides private keys',
      ['-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END'],
      ['[redacted]-----END'],
    ],
    [
      'hides card numbers, as text and as numbers',
      ['pay 4111 1111 1111 1111.', 4111111111111111],
      ['pay [redacted].', '[redacted]'],
    ],
    [
      'keeps numbers that are no cards',
      ['4111 1111 1111 1112', 1234567890123],
      ['4111 1111 1111 1112', 1234567890123],
    ],
    [
      'hides assignments',
      ['password=hunter2&x=1', 'api_key: "k1"'],
      ['password=[redacted]&x=1', 'api_key: "[redacted]"'],
    ],
    ['hides what matches the operator\u2019s patterns', ['acct-12345678'], ['[redacted]']],
    ['hides numbers that match them', [{ n: 77123456 }, 78123456], [{ n: '[redacted]' }, 78123456]],
    [
      'hides credentials of every scheme, not just the word before them',
      ['Authorization: Bearer abc.def-123\nHost: x', '-H "Authorization: Token abc def"'],
      ['Authorization: [redacted]\nHost: x', '-H "Authorization: [redacted]"'],
    ],
    [
      'hides cookies up to the end of the line',
      ['Set-Cookie: a=b; sid=xyz\nHost: x'],
      ['Set-Cookie: [redacted]\nHost: x'],
    ],
    [
      'hides the whole of a value in quotes',
      ['Got: {"password": "hunter \\"two, 2"}, n: 1', "secret='a b' c"],
      ['Got: {"password": "[redacted]"}, n: 1', "secret='[redacted]' c"],
    ],
    [
      'hides denied names in JSON that is quoted inside a text',
      ['Got "{\\"session_id\\":\\"ab cd\\"}"'],
      ['Got "{\\"session_id\\":\\"[redacted]"'],
    ],
    [
      'hides denied names in lines of JSON',
      ['{"customer":"Jane Doe"}\n{"n":1}'],
      ['{"customer":"[redacted]"}\n{"n":1}'],
    ],
    [
      'hides secrets of any length whole',
      [`token=${'x'.repeat(9_000)}`, `eyJ${'a'.repeat(9_000)}.b.c`, `Bearer ${'y'.repeat(9_000)}`],
      ['token=[redacted]', '[redacted]', '[redacted]'],
    ],
    [
      'hides private keys with headers in them',
      ['-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-128\n\nMIIE\n-----END'],
      ['[redacted]-----END'],
    ],
    ['hides secrets in names', { [JWT]: 1 }, { '[redacted]': 1 }],
    [
      'reads JSON inside a text',
      [{ text: '{"password":"x","n":1}' }],
      [{ text: '{"password":"[redacted]","n":1}' }],
    ],
  ]
  for (const [fact, before, after] of rows) {
    it(fact, () => {
      assert.deepEqual(JSON.parse(redact(JSON.stringify(before)) ?? ''), after)
    })
  }

  it('is left out whole when it is too long, before and after', () => {
    assert.equal(redact('"aaaaaaaa"', 9), undefined)
    assert.equal(redact('"aaaaaaaa"', 10), '"aaaaaaaa"')
    assert.equal(redact('{"token":1}', 11), undefined)
  })

  it('is left out when it is no JSON', () => {
    assert.equal(redact('{'), undefined)
  })

  it('is hidden where it nests too deep', () => {
    const deep = redact(`${'['.repeat(500)}"password"${']'.repeat(500)}`) ?? ''
    assert.match(deep, /^\[{64}"\[redacted\]"\]{64}$/)
  })

  it('takes no more than moments for texts made to be slow', () => {
    for (const piece of [
      'a',
      '1 ',
      'eyJ',
      'Bearer ',
      'sk-',
      'password',
      'password:"',
      'password_:',
      'p-a-s-s',
      'authorization:',
      'cookie: ',
      'Basic a',
      'eyJaaaaaa.',
      'eyJaaaaaaeyJ',
      '-----BEGIN RSA PRIVATE KEY-----',
      'acct-',
      '-----BEGIN ',
      '4',
      '[',
      '"',
    ]) {
      const text = JSON.stringify(piece.repeat(Math.floor(60_000 / piece.length)))
      const startedAt = performance.now()
      redact(text)
      const took = performance.now() - startedAt
      assert.ok(took < 2_000, `${piece}: ${took} ms`)
    }
  })
})

describe('The message of an error', () => {
  it('is shown without credentials', () => {
    assert.equal(
      redactMessage(`no access with Authorization: Bearer abc.def, ${JWT}`),
      'no access with Authorization: [redacted]',
    )
    assert.equal(redactMessage(`expired: ${JWT}`), 'expired: [redacted]')
    assert.equal(redactMessage('Unknown tool'), 'Unknown tool')
  })
})
