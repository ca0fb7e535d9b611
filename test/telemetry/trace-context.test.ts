import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  formatTraceContext,
  isSameSpan,
  parseTraceContext,
} from '../../src/telemetry/trace-context.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const VALID = `00-${TRACE}-${SPAN}-01`

describe('A traceparent', () => {
  it('is read when it is valid', () => {
    assert.deepEqual(parseTraceContext(VALID, undefined), {
      traceId: TRACE,
      spanId: SPAN,
      traceFlags: 1,
      isRemote: true,
    })
    const valid: readonly [string, number][] = [
      [`00-${TRACE}-${SPAN}-00`, 0],
      [`00-${TRACE}-${SPAN}-03`, 1],
      [`00-${TRACE}-${SPAN}-fe`, 0],
      [`01-${TRACE}-${SPAN}-01`, 1],
      [`cc-${TRACE}-${SPAN}-01-what-the-future-holds`, 1],
      [` ${VALID}\t`, 1],
    ]
    for (const [text, flags] of valid) {
      assert.equal(parseTraceContext(text, undefined)?.traceFlags, flags, text)
    }
  })

  it('is as good as none when it is invalid', () => {
    const invalid = [
      '',
      'x',
      `ff-${TRACE}-${SPAN}-01`,
      `00-${TRACE}-${SPAN}-01-more`,
      `00-${TRACE}-${SPAN}-01-`,
      `01-${TRACE}-${SPAN}-01.more`,
      `00-${TRACE}-${SPAN}`,
      `00-${TRACE}-${SPAN}-1`,
      `00-${TRACE}-${SPAN}-0g`,
      `00-${TRACE.toUpperCase()}-${SPAN}-01`,
      `00-${TRACE}-${SPAN.toUpperCase()}-01`,
      `00-${'0'.repeat(32)}-${SPAN}-01`,
      `00-${TRACE}-${'0'.repeat(16)}-01`,
      `00-${TRACE.slice(1)}-${SPAN}-01`,
      `00_${TRACE}_${SPAN}_01`,
      `0-${TRACE}-${SPAN}-01`,
      `${VALID}, ${VALID}`,
      `${VALID}\n${VALID}`,
    ]
    for (const text of invalid) assert.equal(parseTraceContext(text, 'a=1'), undefined, text)
    assert.equal(parseTraceContext(undefined, 'a=1'), undefined)
  })
})

describe('A tracestate', () => {
  const state = (text: string): string | undefined =>
    parseTraceContext(VALID, text)?.traceState?.serialize()

  it('is read beside a valid traceparent', () => {
    assert.equal(state('a=1,b=2'), 'a=1,b=2')
    assert.equal(state('a=1 , b=2'), 'a=1,b=2')
    assert.equal(state(''), undefined)
  })

  it('of more than 512 characters is dropped, and the parent stays', () => {
    assert.equal(state(`a=${'x'.repeat(200)},b=${'y'.repeat(200)}`)?.length, 405)
    const long = `a=${'x'.repeat(250)},b=${'y'.repeat(256)},c=1`
    assert.ok(long.length > 512)
    const context = parseTraceContext(VALID, long)
    assert.equal(context?.traceState, undefined)
    assert.equal(context?.traceId, TRACE)
  })

  it('that is garbage leaves the parent alone', () => {
    assert.equal(parseTraceContext(VALID, '\u0000;;;')?.traceId, TRACE)
  })
})

describe('Our own context', () => {
  it('is written as version 00', () => {
    const span = { traceId: TRACE, spanId: SPAN }
    assert.deepEqual(formatTraceContext({ ...span, traceFlags: 1 }), {
      traceparent: VALID,
      tracestate: '',
    })
    assert.equal(
      formatTraceContext({ ...span, traceFlags: 0 }).traceparent,
      `00-${TRACE}-${SPAN}-00`,
    )
  })

  it('carries the state on', () => {
    const context = parseTraceContext(VALID, 'a=1,b=2')
    assert.ok(context)
    assert.deepEqual(formatTraceContext(context), { traceparent: VALID, tracestate: 'a=1,b=2' })
  })
})

describe('Two contexts', () => {
  it('name the same span when both ids are equal', () => {
    const a = { traceId: TRACE, spanId: SPAN, traceFlags: 0 }
    assert.equal(isSameSpan(a, { ...a, traceFlags: 1 }), true)
    assert.equal(isSameSpan(a, { ...a, spanId: '1' }), false)
    assert.equal(isSameSpan(a, { ...a, traceId: '1' }), false)
  })
})
