import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { CanonicalBytes } from '../../src/audit/canonical-bytes.ts'
import { canonicalJson } from '../../src/core/canonical-json.ts'

const canonical = new CanonicalBytes()

function of(text: string | Buffer): string | undefined {
  return canonical.of(Buffer.from(text))?.toString()
}

function parsed(text: string): unknown {
  try {
    return canonicalJson(JSON.parse(text))
  } catch {
    return undefined
  }
}

describe('Canonical JSON from bytes', () => {
  it('puts members in order at every depth, without white space, and writes numbers as ECMAScript does', () => {
    const rows: readonly (readonly [string, string])[] = [
      ['{}', '{}'],
      [' [ ] ', '[]'],
      ['{"query":"weather","limit":10}', '{"limit":10,"query":"weather"}'],
      ['{"a":1,"b":{"d":[1, 2],"c":null}}', '{"a":1,"b":{"c":null,"d":[1,2]}}'],
      ['{"ab":1,"a!":2,"a":3,"":4}', '{"":4,"a":3,"a!":2,"ab":1}'],
      ['{"10":1,"9":2,"1":3}', '{"1":3,"10":1,"9":2}'],
      [
        '[1.0,-0,-1,1e3,1E-7,0.50,123456789012345678,4.50]',
        '[1,0,-1,1000,1e-7,0.5,123456789012345680,4.5]',
      ],
      [
        '{"c":{"z":1,"y":2},"b":[{"x":1,"w":2}],"a":true}',
        '{"a":true,"b":[{"w":2,"x":1}],"c":{"y":2,"z":1}}',
      ],
      ['"text"', '"text"'],
      ['false', 'false'],
    ]
    for (const [text, expected] of rows) assert.equal(of(text), expected, text)
  })

  it('leaves alone what is no JSON, and what would have to be decoded or decided', () => {
    const texts = [
      '',
      '{',
      '[1',
      '01',
      '1.',
      '+1',
      '.5',
      '-',
      '1e',
      '1e999',
      'tru',
      'nul',
      '{"a" 1}',
      '{"a":1,}',
      '[1,]',
      '{a:1}',
      '{"a":1}x',
      '1 2',
      '"a',
      '"a\\n"',
      '"\\u0041"',
      '"ä"',
      '"\u007f"',
      '"a\tb"',
      '{"a":1,"a":2}',
      '\ufeff{}',
      '['.repeat(17) + ']'.repeat(17),
      `"${'x'.repeat(4_096)}"`,
      `{${Array.from({ length: 65 }, (_, n) => `"${n}":0`).join()}}`,
    ]
    for (const text of texts) assert.equal(of(text), undefined, text)
    assert.equal(of(Buffer.from([0x22, 0xff, 0x22])), undefined)
  })

  it('is what canonicalJson makes of every text of which it makes anything', () => {
    const spaced = fc.constantFrom('', ' ', '\n\t')
    const text = fc
      .tuple(fc.jsonValue({ maxDepth: 5 }), spaced)
      .map(([value, space]) => JSON.stringify(value, undefined, space))
    const plainText = fc.array(fc.constantFrom(...Array.from('{}[]",:-+.eE019 atruefalsn\\')), {
      maxLength: 24,
    })
    let made = 0
    const agrees = (one: string): void => {
      const bytes = of(one)
      if (bytes === undefined) return
      made += 1
      assert.equal(bytes, parsed(one), one)
    }
    fc.assert(fc.property(text, agrees), { numRuns: 1_000 })
    fc.assert(
      fc.property(plainText, (chars) => agrees(chars.join(''))),
      { numRuns: 3_000 },
    )
    const names = fc.dictionary(
      fc.stringMatching(/^[ -~]{0,4}$/),
      fc.oneof(fc.integer(), fc.double()),
    )
    fc.assert(
      fc.property(names, (value) => agrees(JSON.stringify(value))),
      { numRuns: 1_000 },
    )
    assert.ok(made > 500, String(made))
  })

  it('has room for numbers that become longer, in members that change places', () => {
    const list = `[${Array.from({ length: 400 }, () => '1e20').join()}]`
    const text = `{"b":${list},"a":${list}}`
    assert.equal(of(text), parsed(text))
  })
})
