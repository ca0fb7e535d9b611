import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { spliceMeta } from '../../src/mcp/splice-meta.ts'
import { readEnvelope } from './messages.ts'

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

function splice(body: string, tracestate = ''): string {
  const bytes = Buffer.from(body)
  const injections = readEnvelope(bytes).messages.map((message) => ({
    message,
    injection: { traceparent: PARENT, tracestate },
  }))
  return spliceMeta(bytes, injections).toString('utf8')
}

const TRACE = `"traceparent":"${PARENT}"`
const BOTH = `${TRACE},"tracestate":"v=1"`

describe('Trace context', () => {
  const rows: readonly [fact: string, before: string, after: string, state?: string][] = [
    [
      'no params',
      '{"id":1,"method":"ping"}',
      `{"params":{"_meta":{${TRACE}}},"id":1,"method":"ping"}`,
    ],
    [
      'no params, with state',
      ' { "method":"ping" } ',
      ` {"params":{"_meta":{${BOTH}}}, "method":"ping" } `,
      'v=1',
    ],
    [
      'empty params',
      '{"method":"ping","params":{}}',
      `{"method":"ping","params":{"_meta":{${TRACE}}}}`,
    ],
    [
      'empty params with space in them',
      '{"method":"ping","params": { \n } }',
      `{"method":"ping","params": {"_meta":{${TRACE}} \n } }`,
    ],
    [
      'params without _meta',
      '{"method":"m","params":{ "name" : "x" }}',
      `{"method":"m","params":{"_meta":{${BOTH}}, "name" : "x" }}`,
      'v=1',
    ],
    [
      'empty _meta',
      '{"method":"m","params":{"_meta":{\t},"a":1}}',
      `{"method":"m","params":{"_meta":{${BOTH}\t},"a":1}}`,
      'v=1',
    ],
    [
      '_meta with other members',
      '{"method":"m","params":{"_meta": {"progressToken":1}}}',
      `{"method":"m","params":{"_meta": {${TRACE},"progressToken":1}}}`,
    ],
    [
      'a traceparent that is replaced',
      '{"method":"m","params":{"_meta":{"traceparent" : "old", "a":1}}}',
      `{"method":"m","params":{"_meta":{"traceparent" : "${PARENT}", "a":1}}}`,
    ],
    [
      'a traceparent that is replaced, and state that is new',
      '{"method":"m","params":{"_meta":{"traceparent":"old"}}}',
      `{"method":"m","params":{"_meta":{"tracestate":"v=1","traceparent":"${PARENT}"}}}`,
      'v=1',
    ],
    [
      'both, replaced',
      '{"method":"m","params":{"_meta":{"tracestate":"o=1" ,"traceparent":"old"}}}',
      `{"method":"m","params":{"_meta":{"tracestate":"v=1" ,"traceparent":"${PARENT}"}}}`,
      'v=1',
    ],
    [
      'stale state, emptied',
      '{"method":"m","params":{"_meta":{"tracestate":"o=1"}}}',
      `{"method":"m","params":{"_meta":{${TRACE},"tracestate":""}}}`,
    ],
    [
      'scalars of another type, replaced',
      '{"method":"m","params":{"_meta":{"traceparent":null,"tracestate":-1.5}}}',
      `{"method":"m","params":{"_meta":{"traceparent":"${PARENT}","tracestate":""}}}`,
    ],
    [
      'a traceparent in escapes, replaced',
      '{"method":"m","params":{"_meta":{"trac\\u0065parent":"\\"old"}}}',
      `{"method":"m","params":{"_meta":{"trac\\u0065parent":"${PARENT}"}}}`,
    ],
    [
      'a traceparent too long to keep, replaced',
      `{"method":"m","params":{"_meta":{"traceparent":"${'x'.repeat(2_000)}"}}}`,
      `{"method":"m","params":{"_meta":{${TRACE}}}}`,
    ],
    [
      'the last of repeated params',
      '{"method":"m","params":{"_meta":{"traceparent":"a"}},"params":{}}',
      `{"method":"m","params":{"_meta":{"traceparent":"a"}},"params":{"_meta":{${TRACE}}}}`,
    ],
    [
      'the last of a repeated traceparent',
      '{"method":"m","params":{"_meta":{"traceparent":"a","traceparent":"b"}}}',
      `{"method":"m","params":{"_meta":{"traceparent":"a","traceparent":"${PARENT}"}}}`,
    ],
    [
      'each message of a batch',
      '[{"method":"a"}, {"id":1,"method":"b","params":{"_meta":{}}}]',
      `[{"params":{"_meta":{${TRACE}}},"method":"a"}, {"id":1,"method":"b","params":{"_meta":{${TRACE}}}}]`,
    ],
  ]
  for (const [fact, before, after, state] of rows) {
    it(`is written into a message with ${fact}`, () => {
      assert.equal(splice(before, state), after)
    })
  }

  const untouched: readonly [fact: string, body: string][] = [
    ['params is an array', '{"method":"m","params":[{}]}'],
    ['params is null', '{"method":"m","params":null}'],
    ['params is a string', '{"method":"m","params":"x"}'],
    ['_meta is an array', '{"method":"m","params":{"_meta":[]}}'],
    ['_meta is null', '{"method":"m","params":{"_meta":null}}'],
    ['_meta is a number', '{"method":"m","params":{"_meta":1}}'],
    ['traceparent is an object', '{"method":"m","params":{"_meta":{"traceparent":{"a":1}}}}'],
    ['traceparent is an array', '{"method":"m","params":{"_meta":{"traceparent":["x"]}}}'],
    ['tracestate is an object', '{"method":"m","params":{"_meta":{"tracestate":{}}}}'],
  ]
  for (const [fact, body] of untouched) {
    it(`leaves a message alone when ${fact}`, () => {
      assert.equal(splice(body, 'v=1'), body)
    })
  }

  it('costs no copy when there is nothing to write', () => {
    const body = Buffer.from('{"method":"m","params":[]}')
    const [message] = readEnvelope(body).messages
    assert.ok(message)
    assert.equal(spliceMeta(body, []), body)
    const injection = { traceparent: PARENT, tracestate: '' }
    assert.equal(spliceMeta(body, [{ message, injection }]), body)
  })

  it('escapes what JSON must escape', () => {
    assert.equal(
      splice('{"method":"m","params":{"_meta":{}}}', 'a="\\'),
      `{"method":"m","params":{"_meta":{${TRACE},"tracestate":"a=\\"\\\\"}}}`,
    )
  })

  it('is the only thing that changes, in the value and in the bytes', () => {
    const space = fc.constantFrom('', ' ', '\n\t', '  \r\n')
    const key = fc.constantFrom('"name"', '"_meta"', '"traceparent"', '"é"', '"a\\"b"')
    const value: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom('1.0', '1e2', '"x"', '"é\\u0041"', 'null', '12345678901234567890', '[]'),
        fc.array(tie('value'), { maxLength: 2 }).map((items) => `[${items.join(', ')}]`),
        fc
          .array(fc.tuple(key, space, tie('value')), { maxLength: 3 })
          .map((items) => `{${items.map(([k, s, v]) => `${k}${s}:${v}`).join(',')}}`),
      ),
    })).value
    const member = fc.tuple(
      fc.constantFrom('traceparent', 'tracestate', 'progressToken', 'other'),
      fc.constantFrom('"old"', '""', '5', 'null', 'true'),
    )
    const object = (members: fc.Arbitrary<readonly string[]>): fc.Arbitrary<string> =>
      fc.tuple(members, space).map(([items, s]) => `{${s}${items.join(`${s},${s}`)}${s}}`)
    const meta = object(
      fc
        .uniqueArray(member, { selector: ([name]) => name, maxLength: 4 })
        .map((members) => members.map(([name, text]) => `"${name}": ${text}`)),
    )
    const params = object(
      fc
        .tuple(fc.option(meta, { nil: undefined }), value, fc.boolean())
        .map(([m, v, first]) =>
          [...(m === undefined ? [] : [`"_meta":${m}`]), `"arguments" :${v}`].toSorted(() =>
            first ? 1 : -1,
          ),
        ),
    )
    const message = object(
      fc
        .tuple(fc.option(params, { nil: undefined }), value)
        .map(([p, v]) => [
          '"method":"m"',
          ...(p === undefined ? [] : [`"params":${p}`]),
          `"x":${v}`,
        ]),
    )
    fc.assert(
      fc.property(message, fc.constantFrom('', 'v=1'), (before, state) => {
        const after = splice(before, state)
        assert.deepEqual(JSON.parse(after), expected(JSON.parse(before), state))
        assert.ok(undone(after).includes(masked(before)), `${before} became ${after}`)
      }),
      { numRuns: 1_500 },
    )
  })
})

interface Loose {
  params?: { _meta?: Record<string, unknown> }
}

function expected(message: Loose, state: string): Loose {
  const meta = { ...message.params?._meta, traceparent: PARENT }
  const stated = state !== '' || 'tracestate' in meta ? { ...meta, tracestate: state } : meta
  return { ...message, params: { ...message.params, _meta: stated } }
}

const STATE = '"tracestate":"v=1"'
const META_TEXTS = [TRACE, BOTH].map((members) => `"_meta":{${members}}`)
const INSERTED = [
  TRACE,
  BOTH,
  STATE,
  ...META_TEXTS,
  ...META_TEXTS.map((text) => `"params":{${text}}`),
].flatMap((text) => [`${text},`, text])

/** The texts that `after` may have been before one insertion; only that, not more, may differ. */
function undone(after: string): string[] {
  const texts = INSERTED.flatMap((text) => {
    const at = after.indexOf(`{${text}`) + 1
    return at === 0 ? [] : [after.slice(0, at) + after.slice(at + text.length)]
  })
  return [after, ...texts].map(masked)
}

/** Values that are replaced in place; in the generated messages they stand after a space. */
function masked(text: string): string {
  return text.replaceAll(/"(traceparent|tracestate)": ("[^"]*"|[^,}\s]+)/g, '"$1": _')
}
