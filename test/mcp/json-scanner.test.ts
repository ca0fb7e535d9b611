import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { compileShape } from '../../src/mcp/json-shape.ts'
import { JsonScanner, type ScanEnd } from '../../src/mcp/json-scanner.ts'

/** Slots of the shape below. */
const ROOT = 0
const ID = 1
const METHOD = 2
const PARAMS = 3
const NAME = 4
const META = 5
const TRACE = 6
const DATA = 7
const NAMES = ['root', 'id', 'method', 'params', 'name', 'meta', 'trace', 'data']

const SHAPE = compileShape({
  slot: ROOT,
  members: {
    id: { slot: ID, bytesMax: 16 },
    method: { slot: METHOD, bytesMax: 64 },
    params: {
      slot: PARAMS,
      members: {
        name: { slot: NAME, bytesMax: 64 },
        _meta: { slot: META, members: { trace: { slot: TRACE, bytesMax: 64 } } },
      },
    },
    data: { slot: DATA },
  },
})

type Found = Readonly<Record<string, string>>

interface Scan {
  readonly end: ScanEnd
  readonly messages: readonly Found[]
}

interface Manner {
  readonly strict: boolean
  readonly depthMax?: number
}

/** Every slot as one comparable text. */
function scan(chunks: readonly Buffer[], manner: Manner): Scan {
  const messages: Found[] = []
  const scanner = new JsonScanner(SHAPE, {
    strict: manner.strict,
    depthMax: manner.depthMax ?? 200,
    onMessage: (slots) => {
      const found: Record<string, string> = {}
      for (const [index, slot] of slots.entries()) {
        if (slot.type === 'none') continue
        const end = slot.type === 'array' ? '' : slot.end
        found[NAMES[index] ?? ''] =
          `${slot.type} ${slot.start}..${end}${slot.empty ? ' empty' : ''} ${slot.raw ?? ''}`
      }
      messages.push(found)
    },
  })
  for (const chunk of chunks) scanner.write(chunk)
  return { end: scanner.end(), messages }
}

/** The decoded strings of the last message. */
function texts(source: string, strict = true): Readonly<Record<string, string | undefined>> {
  let found: Record<string, string | undefined> = {}
  const scanner = new JsonScanner(SHAPE, {
    strict,
    depthMax: 200,
    onMessage: (slots) => {
      found = {}
      for (const [index, slot] of slots.entries()) {
        if (slot.type === 'string') found[NAMES[index] ?? ''] = slot.text()
      }
    },
  })
  scanner.write(Buffer.from(source))
  assert.equal(scanner.end(), 'complete')
  return found
}

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  let at = 0
  for (const size of sizes) {
    if (at >= bytes.length) break
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  chunks.push(bytes.subarray(at))
  return chunks
}

const strictly: Manner = { strict: true }
const leniently: Manner = { strict: false }
const endOf = (text: string, manner = strictly): ScanEnd => scan([Buffer.from(text)], manner).end

/** Bytes that JSON is made of, so that mutations hit the grammar and not just the alphabet. */
const JSON_BYTES = Buffer.from('{}[]",:\\/ \t\n\r0123456789.eE+-truefalsnbu\u0001é')

const looseText = fc.array(
  fc.constantFrom(
    '"',
    '\\"',
    '\\\\',
    '\\',
    'a',
    'é',
    '😀',
    '\\u0041',
    '\\n',
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    'x'.repeat(47),
    'y'.repeat(50),
  ),
  { maxLength: 12 },
)
const looseString = looseText.map((parts) => JSON.stringify(parts.join('')))
const looseValue: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    looseString,
    fc.constantFrom('0', '-0', '1.0', '1e2', '-12.5E+3', 'true', 'false', 'null', '{}', '[]'),
    fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(' ,')}]`),
    fc
      .array(fc.tuple(looseString, tie('value')), { maxLength: 3 })
      .map((members) => `{${members.map(([key, value]) => `${key}: ${value}`).join(',')}}`),
  ),
})).value

const memberOf = (inner: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom(
        '"id"',
        '"method"',
        '"name"',
        '"data"',
        '"\\u0069d"',
        '"m\\u0065thod"',
        '"x"',
      ),
      inner,
    )
    .map(([key, value]) => `${key} : ${value}`)

const params = fc
  .array(
    fc.oneof(
      memberOf(looseValue),
      fc
        .array(
          fc.oneof(
            memberOf(looseValue),
            looseValue.map((v) => `"trace":${v}`),
          ),
          {
            maxLength: 3,
          },
        )
        .map((members) => `"_meta":{${members.join(',')}}`),
      looseValue.map((value) => `"_meta":${value}`),
    ),
    { maxLength: 4 },
  )
  .map((members) => `{ ${members.join(', ')} }`)

/** Messages with the members that are looked for, often repeated, among others. */
const message = fc
  .array(
    fc.oneof(
      memberOf(looseValue),
      params.map((value) => `"params":${value}`),
      looseValue.map((value) => `"params":${value}`),
    ),
    { maxLength: 5 },
  )
  .map((members) => `{${members.join(' ,')}}`)

const validText = fc.oneof(
  message,
  fc.array(message, { maxLength: 3 }).map((messages) => `[${messages.join(', ')}]`),
  looseValue,
  fc.json(),
)

const cuts = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 60 })

describe('A strict scan', () => {
  it('accepts every valid JSON text', () => {
    fc.assert(
      fc.property(validText, (text) => {
        assert.ok(parses(text))
        assert.equal(endOf(text), 'complete')
      }),
      { numRuns: 500 },
    )
  })

  it('accepts a damaged text exactly when JSON.parse does', () => {
    const damage = fc.array(
      fc.record({
        at: fc.nat(),
        kind: fc.constantFrom('replace', 'insert', 'delete', 'truncate'),
        byte: fc.nat({ max: JSON_BYTES.length - 1 }),
      }),
      { minLength: 1, maxLength: 3 },
    )
    let accepted = 0
    let refused = 0
    fc.assert(
      fc.property(validText, damage, (text, hits) => {
        let bytes = Buffer.from(text)
        for (const { at, kind, byte } of hits) {
          const i = bytes.length === 0 ? 0 : at % bytes.length
          const added = kind === 'replace' || kind === 'insert' ? [JSON_BYTES[byte] ?? 0] : []
          const skipped = kind === 'insert' ? 0 : kind === 'truncate' ? bytes.length : 1
          bytes = Buffer.concat([
            bytes.subarray(0, i),
            Buffer.from(added),
            bytes.subarray(Math.min(bytes.length, i + skipped)),
          ])
        }
        const damaged = bytes.toString('utf8')
        fc.pre(Buffer.from(damaged).equals(bytes))
        const expected = parses(damaged)
        if (expected) accepted += 1
        else refused += 1
        assert.equal(scan([bytes], strictly).end === 'complete', expected, damaged)
      }),
      { numRuns: 4_000 },
    )
    assert.ok(accepted > 100 && refused > 100, `${accepted} accepted, ${refused} refused`)
  })

  it('reports the same slots and the same end however the bytes are cut', () => {
    fc.assert(
      fc.property(validText, cuts, (text, sizes) => {
        const bytes = Buffer.from(text)
        assert.deepEqual(scan(cut(bytes, sizes), strictly), scan([bytes], strictly))
      }),
      { numRuns: 1_000 },
    )
  })

  it('follows the grammar of numbers', () => {
    const good = '0 -0 1 12 -12 0.5 10.25 1e2 1E2 1e+2 1e-2 0e0 0.0e0 -1.5E-10 1e400'.split(' ')
    const bad = '-,+1,01,-01,00,1.,.5,1.e2,1e,1e+,1e-,--1,1.2.3,1e2e3,0x1,1_0,Infinity,NaN'
    for (const number of good) {
      assert.equal(endOf(number), 'complete', number)
      assert.equal(endOf(`[${number}]`), 'complete', number)
    }
    for (const number of bad.split(',')) {
      assert.notEqual(endOf(number), 'complete', number)
      assert.equal(endOf(`[${number}]`), 'broken', number)
    }
  })

  it('refuses what strings may not hold', () => {
    for (const text of ['"\n"', '"\t"', '"\u0000"', '"\\x"', '"\\u12g4"', '"\\u12"', "'a'"]) {
      assert.equal(endOf(text), 'broken', JSON.stringify(text))
    }
    for (const text of ['"\\u0000"', '"\u007f"', '"\\/"', '"\\ud800"', '"\u2028"']) {
      assert.equal(endOf(text), 'complete', JSON.stringify(text))
    }
  })

  it('tells a text that ended early from a broken one', () => {
    for (const text of [
      '',
      ' ',
      '{',
      '[1,',
      '{"a"',
      '{"a":',
      '"abc',
      '"a\\',
      '"\\u00',
      'tru',
      '-',
    ]) {
      assert.equal(endOf(text), 'incomplete', JSON.stringify(text))
    }
    const broken = ['{}{}', '1 2', '[1,]', '{"a":1,}', '{,}', '{a:1}', '}', ',', ']', '\ufeff{}']
    for (const text of broken) assert.equal(endOf(text), 'broken', JSON.stringify(text))
  })

  it('accepts nesting up to the limit and calls one level more too deep', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
    const manner = { strict: true, depthMax: 5 }
    assert.equal(endOf(nested(5), manner), 'complete')
    assert.equal(endOf(nested(6), manner), 'too_deep')
    assert.equal(endOf(`{"a":{"a":{"a":{"a":{"a":1}}}}}`, manner), 'complete')
    assert.equal(endOf(`{"a":{"a":{"a":{"a":{"a":{}}}}}}`, manner), 'too_deep')
    assert.equal(endOf('[[[[[[', manner), 'too_deep')
    assert.equal(endOf(`[${nested(4)},${nested(4)}]`, manner), 'complete')
  })
})

describe('A lenient scan', () => {
  it('reports of valid texts what a strict one reports', () => {
    fc.assert(
      fc.property(validText, (text) => {
        const bytes = Buffer.from(text)
        assert.deepEqual(scan([bytes], leniently), scan([bytes], strictly))
      }),
      { numRuns: 1_500 },
    )
  })

  it('reports the same slots and the same end however the bytes are cut', () => {
    fc.assert(
      fc.property(validText, cuts, (text, sizes) => {
        const bytes = Buffer.from(text)
        assert.deepEqual(scan(cut(bytes, sizes), leniently), scan([bytes], leniently))
      }),
      { numRuns: 2_000 },
    )
  })

  it('reports the same of broken texts too however the bytes are cut', () => {
    const junk = fc
      .array(fc.constantFrom(...'{}[]",:\\ a1'.split(''), 'z'.repeat(60), '"id":', 'null'), {
        maxLength: 30,
      })
      .map((parts) => `{"x":[${parts.join('')}`)
    fc.assert(
      fc.property(junk, cuts, (text, sizes) => {
        const bytes = Buffer.from(text)
        assert.deepEqual(scan(cut(bytes, sizes), leniently), scan([bytes], leniently))
      }),
      { numRuns: 1_000 },
    )
  })

  it('finds the end of long strings with quotes and backslashes at every cut', () => {
    const runs = ['\\"', '\\\\', '\\\\\\"', '\\\\\\\\', 'ab', '\\u0022']
    for (const tail of runs) {
      for (const length of [0, 1, 46, 47, 48, 49, 50, 95, 97, 200]) {
        const string = `"${'s'.repeat(length)}${tail}${'t'.repeat(length)}${tail}"`
        const bytes = Buffer.from(`{"x":[${string}, "]"],"method":"after"}`)
        for (let at = 0; at <= bytes.length; at += 1) {
          const found = scan([bytes.subarray(0, at), bytes.subarray(at)], leniently)
          assert.equal(found.end, 'complete', `${string} cut at ${at}`)
          assert.match(found.messages[0]?.['method'] ?? '', /"after"$/)
        }
      }
    }
  })

  it('searches no further than the bytes it was given', () => {
    const bytes = Buffer.from(`{"x":["${'a'.repeat(100)}"],"method":"m"}`)
    const whole = Buffer.concat([bytes, Buffer.from('"]}"trailing"')])
    for (let at = 0; at <= bytes.length; at += 1) {
      let method: string | undefined
      const scanner = new JsonScanner(SHAPE, {
        strict: false,
        depthMax: 10,
        onMessage: (slots) => {
          method = slots[METHOD]?.text()
        },
      })
      scanner.write(whole, 0, at)
      scanner.write(whole, at, bytes.length)
      assert.equal(scanner.end(), 'complete', `cut at ${at}`)
      assert.equal(method, 'm')
    }
  })

  it('notices a break at the level that matters', () => {
    assert.equal(endOf('{"x":1', leniently), 'incomplete')
    assert.equal(endOf('{"x":[1', leniently), 'incomplete')
    assert.equal(endOf('{"x":[]]', leniently), 'broken')
    assert.equal(endOf('{"x":1}}', leniently), 'broken')
    assert.equal(endOf('<html>', leniently), 'broken')
  })
})

describe('What is reported', () => {
  it('is not taken for a known member when only the end of a long name looks like one', () => {
    const text = `{"${'k'.repeat(400)}id":7,"id":8}`
    const whole = Buffer.from(text)
    for (let at = 390; at < 410; at += 1) {
      const { messages } = scan([whole.subarray(0, at), whole.subarray(at)], { strict: false })
      assert.match(messages[0]?.['id'] ?? '', / 8$/, `cut at ${at}`)
    }
  })

  it('is the last of repeated members', () => {
    const found = texts('{"method":"a","params":{"name":"x"},"method":"b","params":{"name":"y"}}')
    assert.deepEqual({ ...found }, { method: 'b', name: 'y' })
  })

  it('forgets the members of an object that a later member of the same name replaces', () => {
    for (const last of ['{}', '1', 'null', '"s"', '[]']) {
      const text = `{"params":{"name":"x","_meta":{"trace":"t"}},"params":${last}}`
      const found = scan([Buffer.from(text)], strictly).messages[0]
      assert.deepEqual(
        Object.keys(found ?? {}).toSorted(),
        ['params', 'root'],
        `params replaced by ${last}`,
      )
    }
  })

  it('matches keys by their value and not by their spelling', () => {
    const found = texts('{"m\\u0065thod":"a","\\u0070arams":{"n\\u0061m\\u0065":"\\u0074"}}')
    assert.deepEqual({ ...found }, { method: 'a', name: 't' })
    assert.deepEqual({ ...texts('{"Method":"a","method ":"b","meth\\\\od":"c"}') }, {})
  })

  it('matches keys at their own place alone', () => {
    assert.deepEqual({ ...texts('{"x":{"method":"a"},"y":[{"method":"b"}],"name":"c"}') }, {})
  })

  it('is no member of Object.prototype', () => {
    assert.deepEqual({ ...texts('{"__proto__":{"method":"a"},"constructor":"b"}') }, {})
  })

  it('leaves out the text of a scalar over its limit but keeps its place', () => {
    const at = (id: string): string | undefined =>
      scan([Buffer.from(`{"id":${id}}`)], strictly).messages[0]?.['id']
    assert.equal(at('"12345678901234"'), 'string 6..22 "12345678901234"')
    assert.equal(at('"123456789012345"'), 'string 6..23 ')
    assert.equal(at('1234567890123456'), 'number 6..22 1234567890123456')
    assert.equal(at('12345678901234567'), 'number 6..23 ')
  })

  it('applies the limit to the whole scalar however it is cut', () => {
    const bytes = Buffer.from('{"id":"123456789012345","method":"m"}')
    for (let at = 0; at <= bytes.length; at += 1) {
      const found = scan([bytes.subarray(0, at), bytes.subarray(at)], strictly).messages[0]
      assert.equal(found?.['id'], 'string 6..23 ')
      assert.equal(found['method'], 'string 33..36 "m"')
    }
  })

  it('is each message of an array by itself', () => {
    const text = '[{"id":1,"method":"a"}, {"method":"b"},{"id":3}]'
    assert.deepEqual(
      scan([Buffer.from(text)], strictly).messages.map((found) => ({ ...found })),
      [
        { root: 'object 1..22 ', id: 'number 7..8 1', method: 'string 18..21 "a"' },
        { root: 'object 24..38 ', method: 'string 34..37 "b"' },
        { root: 'object 39..47 ', id: 'number 45..46 3' },
      ],
    )
  })

  it('has the offsets of its first byte and of the byte after its last', () => {
    const text = ' { "id" : -1.5e3 , "params" : { "name":"é" , "_meta" : { } } , "data" : true } '
    const found = scan([Buffer.from(text)], strictly).messages[0]
    assert.deepEqual(
      { ...found },
      {
        root: 'object 1..79 ',
        id: 'number 10..16 -1.5e3',
        params: 'object 30..61 ',
        name: 'string 39..43 "é"',
        meta: 'object 56..59 empty ',
        data: 'true 73..77 true',
      },
    )
  })

  it('has the offset of the end of an array too', () => {
    const ends: number[] = []
    const scanner = new JsonScanner(SHAPE, {
      strict: true,
      depthMax: 10,
      onMessage: (slots) => ends.push(slots[DATA]?.end ?? -1),
    })
    scanner.write(Buffer.from('{"data":[1,[2]]}'))
    assert.deepEqual(ends, [15])
  })

  it('starts from nothing after a reset', () => {
    const ends: unknown[] = []
    const scanner = new JsonScanner(SHAPE, {
      strict: true,
      depthMax: 3,
      onMessage: (slots) => ends.push(slots[METHOD]?.text(), slots[PARAMS]?.start),
    })
    for (const text of ['{"method":"a', '{"method":]', '[[[[', '{"method":"b","params":{}}']) {
      scanner.reset()
      scanner.write(Buffer.from(text))
      ends.push(scanner.end())
    }
    assert.deepEqual(ends, ['incomplete', 'broken', 'too_deep', 'b', 23, 'complete'])
  })
})
