import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { spliceMeta } from '../../src/mcp/splice-meta.ts'
import { readEnvelope } from './messages.ts'

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

/** `traceparent` empty: only baggage is at work. */
function splice(body: string, metaBaggage: string | undefined, traceparent = ''): string {
  const bytes = Buffer.from(body)
  const injections = readEnvelope(bytes).messages.map((message) => ({
    message,
    injection: { traceparent, tracestate: '', metaBaggage },
  }))
  return spliceMeta(bytes, injections).toString('utf8')
}

const inMeta = (members: string): string => `{"method":"m","params":{"_meta":{${members}},"n":1.0}}`

describe('Baggage in _meta', () => {
  const removed: readonly (readonly [fact: string, before: string, after: string])[] = [
    ['the only member', '"baggage":"a=1"', ''],
    ['the only member, with space', ' \n"baggage" : "a=1"\t', ' \n\t'],
    ['the first member', '"baggage":"a=1","x":1', '"x":1'],
    ['the first member, with space', ' "baggage" :"a=1" , "x" :1 ', '  "x" :1 '],
    ['the last member', '"x":1,"baggage":"a=1"', '"x":1'],
    ['the last member, with space', '"x":1 ,\n "baggage": "a=1" ', '"x":1  '],
    ['a member in the middle', '"x":1,"baggage":"a=1","y":2', '"x":1,"y":2'],
    ['a name in escapes', '"x":1,"b\\u0061ggage":"a=1"', '"x":1'],
    ['a value that is no text', '"baggage":{"a":["}"]},"x":1', '"x":1'],
    ['a value with quotes', '"baggage":"a=\\"1\\"","x":1', '"x":1'],
    ['a value too long to be read', `"baggage":"${'a'.repeat(100_000)}","x":1`, '"x":1'],
  ]
  for (const [fact, before, after] of removed) {
    it(`is taken out: ${fact}`, () => {
      assert.equal(splice(inMeta(before), ''), inMeta(after))
    })
  }

  it('is replaced when some of it goes on', () => {
    assert.equal(
      splice(inMeta('"x":1,"baggage" : "a=1,b=2"'), 'b=2'),
      inMeta('"x":1,"baggage" : "b=2"'),
    )
  })

  it('is left alone when nothing is said of it', () => {
    const body = inMeta('"baggage":"a=1"')
    assert.equal(splice(body, undefined), body)
  })

  it('is emptied everywhere where it is repeated, whichever of them a parser takes', () => {
    assert.equal(
      splice(inMeta('"baggage":"a=1","baggage":"b=2"'), ''),
      inMeta('"baggage":"","baggage":""'),
    )
    assert.equal(
      splice(inMeta('"baggage":{"a":1},"baggage":"b=2,c=3"'), 'c=3'),
      inMeta('"baggage":"","baggage":"c=3"'),
    )
    assert.equal(
      splice('{"method":"m","params":{"_meta":{"baggage":"a=1"},"_meta":{}}}', ''),
      '{"method":"m","params":{"_meta":{"baggage":""},"_meta":{}}}',
    )
    assert.equal(
      splice('{"method":"m","params":{"_meta":{"baggage":"a=1"}},"params":7}', ''),
      '{"method":"m","params":{"_meta":{"baggage":""}},"params":7}',
    )
  })

  it('goes on from no place when nothing of it may, however often it, _meta and params stand there', () => {
    const own = fc
      .tuple(
        fc.constantFrom('"baggage"', '"bagg\\u0061ge"'),
        fc.constantFrom('"k=secret"', '{"x":"secret"}', '["secret"]', '"\\"secret"', '""', '7'),
      )
      .map(([key, value]) => `${key}: ${value}`)
    const other = fc.constantFrom('"x":1', '"y":{}', '"traceparent":"t"', '"z":["}"]')
    const members = fc.array(fc.oneof(own, other), { maxLength: 4 })
    const meta = members.map((list) => `"_meta":{${list.join(' , ')}}`)
    const params = fc
      .array(fc.oneof(meta, fc.constant('"_meta":1')), { minLength: 1, maxLength: 3 })
      .map((list) => `"params":{${list.join(',')}}`)
    const message = fc
      .array(fc.oneof(params, fc.constant('"params":[]')), { minLength: 1, maxLength: 3 })
      .map((list) => `{"method":"m",${list.join(',')}}`)
    fc.assert(
      fc.property(message, fc.constantFrom('', PARENT), (body, traceparent) => {
        const after = splice(body, '', traceparent)
        assert.doesNotMatch(after, /secret/)
        JSON.parse(after)
      }),
      { numRuns: 2_000 },
    )
  })

  it('gives its place to the trace context that is written', () => {
    assert.equal(
      splice(inMeta('"x":1, "baggage":"a=1"'), '', PARENT),
      inMeta(`"x":1, "traceparent":"${PARENT}"`),
    )
    assert.equal(splice(inMeta('"baggage":"a=1"'), '', PARENT), inMeta(`"traceparent":"${PARENT}"`))
  })

  it('is taken out also where no trace context can be written', () => {
    assert.equal(
      splice(inMeta('"traceparent":{},"baggage":"a=1"'), '', PARENT),
      inMeta('"traceparent":{}'),
    )
  })

  it('is the only thing that changes, in the value and in the bytes', () => {
    const space = fc.constantFrom('', ' ', '\n\t', '  \r\n')
    const scalar = fc.constantFrom(
      '1.0',
      '"x"',
      '"é\\u0041"',
      'null',
      '{"a": [1,"}"]}',
      '[ ]',
      '","',
    )
    const name = fc.constantFrom('"x"', '"progressToken"', '"a\\"b"', '"bagage"', '"é"')
    const member = fc
      .tuple(name, space, space, scalar)
      .map(([key, before, after, value]) => `${key}${before}:${after}${value}`)
    const baggage = fc
      .tuple(
        fc.constantFrom('"baggage"', '"bagg\\u0061ge"'),
        space,
        space,
        fc.constantFrom('"a=1"', '"\\"=,"', '{"baggage":1}', '7'),
      )
      .map(([key, before, after, value]) => `${key}${before}:${after}${value}`)
    const pieces = fc.tuple(
      fc.uniqueArray(member, { selector: (text) => text.slice(0, 4), maxLength: 3 }),
      baggage,
      fc.nat(3),
      space,
    )
    fc.assert(
      fc.property(pieces, fc.constantFrom('', PARENT), ([others, own, at, gap], traceparent) => {
        const members = others.toSpliced(at, 0, own)
        const text = (list: readonly string[]): string =>
          inMeta(`${gap}${list.join(`${gap},${gap}`)}${gap}`)
        const after = splice(text(members), '', traceparent)
        const { baggage: _gone, ...kept } = metaOf(text(members))
        assert.deepEqual(metaOf(after), traceparent === '' ? kept : { ...kept, traceparent })
        // Every other member stands there as it was written, in its order.
        let from = 0
        for (const other of others) {
          const found = after.indexOf(other, from)
          assert.ok(found >= 0, `${other} in ${after}`)
          from = found + other.length
        }
        assert.ok(
          after.startsWith('{"method":"m","params":{"_meta":{') && after.endsWith('},"n":1.0}}'),
        )
        assert.ok(!after.includes(own))
      }),
      { numRuns: 1_500 },
    )
  })
})

function metaOf(text: string): Record<string, unknown> {
  const message: { params: { _meta: Record<string, unknown> } } = JSON.parse(text)
  return message.params._meta
}
