/** Events of spans: how many there are, and how long. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AlwaysOffSampler, AlwaysOnSampler } from '@opentelemetry/sdk-trace'
import type { Span } from '../../src/telemetry/span.ts'
import { Tracer } from '../../src/telemetry/tracer.ts'

function startSpan(sampled: boolean, valueCharsMax = Infinity): Span {
  const tracer = new Tracer({
    sampler: sampled ? new AlwaysOnSampler() : new AlwaysOffSampler(),
    trustSampled: true,
    keep: undefined,
    ids: { generateTraceId: () => 'a'.repeat(32), generateSpanId: () => 'b'.repeat(16) },
    limits: { attributesMax: 128, valueCharsMax },
    onEnd: () => {},
  })
  return tracer.startServer({ name: 'ping', attributes: [] }, 0, undefined)
}

const EVENT = {
  name: 'sidelight.breaker.transition',
  timeMs: 1,
  attributes: ['name', 'long', 'b', 7],
}

describe('The events of a span', () => {
  it('are eight at most, and what is more is counted', () => {
    const span = startSpan(true)
    for (let i = 0; i < 11; i += 1) span.addEvent(EVENT)
    assert.deepEqual([span.events.length, span.droppedEvents], [8, 3])
    assert.deepEqual(span.events[0], EVENT)
  })

  it('have values no longer than those of the span', () => {
    const span = startSpan(true, 2)
    span.addEvent(EVENT)
    assert.deepEqual(span.events[0]?.attributes, ['name', 'lo', 'b', 7])
  })

  it('are none when nobody will see the span', () => {
    const span = startSpan(false)
    span.addEvent(EVENT)
    assert.deepEqual([span.events, span.droppedEvents], [[], 0])
  })
})
