import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { EventStore, formatEventId, parseEventId } from '../../../src/upstream/stdio/event-store.ts'

const NO_LIMITS = { eventsMax: 1_000, bytesMax: 1_000_000 }

function after(store: EventStore, stream: string, sequence: number): string[] | undefined {
  return store.after({ stream, sequence })?.map(({ message }) => message.toString())
}

const add = (store: EventStore, stream: string, text: string): number =>
  store.add(stream, Buffer.from(text))

describe('The events of a stream', () => {
  it('are numbered from 1, each stream by itself', () => {
    const store = new EventStore(NO_LIMITS)
    assert.deepEqual([add(store, 'a', '1'), add(store, 'b', '1'), add(store, 'a', '2')], [1, 1, 2])
  })

  it('are found by the place where a client left off', () => {
    const store = new EventStore(NO_LIMITS)
    for (const text of ['1', '2', '3']) {
      add(store, 'a', `a${text}`)
      add(store, 'b', `b${text}`)
    }
    assert.deepEqual(after(store, 'a', 0), ['a1', 'a2', 'a3'])
    assert.deepEqual(after(store, 'a', 2), ['a3'])
    assert.deepEqual(after(store, 'a', 3), [])
    assert.equal(after(store, 'a', 4), undefined, 'no such event was ever sent')
    assert.equal(after(store, 'c', 0), undefined)
  })

  it('are none before the first, on a stream that is open', () => {
    const store = new EventStore(NO_LIMITS)
    store.open('a')
    assert.deepEqual(after(store, 'a', 0), [])
    assert.equal(after(store, 'a', 1), undefined)
  })

  it('go when there are too many, the oldest of all streams first', () => {
    const store = new EventStore({ eventsMax: 3, bytesMax: 1_000 })
    add(store, 'a', 'a1')
    add(store, 'b', 'b1')
    add(store, 'a', 'a2')
    add(store, 'a', 'a3')
    assert.equal(after(store, 'a', 0), undefined)
    assert.deepEqual(after(store, 'a', 1), ['a2', 'a3'])
    assert.deepEqual(after(store, 'b', 0), ['b1'])
    add(store, 'b', 'b2')
    assert.equal(after(store, 'b', 0), undefined)
    assert.deepEqual(after(store, 'b', 1), ['b2'])
  })

  it('go when they are too large together, even the newest alone', () => {
    const store = new EventStore({ eventsMax: 100, bytesMax: 10 })
    add(store, 'a', '12345')
    add(store, 'a', '67890')
    assert.deepEqual(after(store, 'a', 0), ['12345', '67890'])
    add(store, 'a', 'x')
    assert.deepEqual(after(store, 'a', 1), ['67890', 'x'])
    assert.equal(add(store, 'a', 'much too large'), 4)
    assert.equal(after(store, 'a', 2), undefined)
    assert.deepEqual(after(store, 'a', 4), [])
    add(store, 'a', 'y')
    assert.deepEqual(after(store, 'a', 4), ['y'])
  })

  it('that a client has not seen are counted when they are gone', () => {
    const store = new EventStore({ eventsMax: 2, bytesMax: 1_000 })
    for (let i = 0; i < 5; i += 1) add(store, 'a', String(i))
    assert.deepEqual(
      [0, 1, 3, 5].map((sequence) => store.lostAfter('a', sequence)),
      [3, 2, 0, 0],
    )
    assert.equal(store.lostAfter('b', 0), 0)
  })
})

describe('A stream that has ended', () => {
  it('can be come back to while its events are kept', () => {
    const store = new EventStore({ eventsMax: 2, bytesMax: 1_000 })
    add(store, 'a', 'a1')
    add(store, 'a', 'a2')
    store.finish('a')
    assert.deepEqual(after(store, 'a', 1), ['a2'])
    add(store, 'b', 'b1')
    assert.deepEqual(after(store, 'a', 1), ['a2'])
    add(store, 'b', 'b2')
    assert.equal(after(store, 'a', 2), undefined, 'the stream is forgotten')
  })

  it('without events is forgotten at once', () => {
    const store = new EventStore(NO_LIMITS)
    store.open('a')
    store.finish('a')
    assert.equal(after(store, 'a', 0), undefined)
  })
})

describe('Whatever is stored in whatever order', () => {
  it('what a client is given is all that it missed, in order, or it is told that something is gone', () => {
    const step = fc.record({
      stream: fc.constantFrom('a', 'b', 'c'),
      bytes: fc.integer({ min: 1, max: 9 }),
      finishes: fc.boolean(),
    })
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.integer({ min: 1, max: 8 }),
        (steps, max) => {
          const store = new EventStore({ eventsMax: max, bytesMax: 30 })
          const sent = new Map<string, string[]>()
          const finished = new Set<string>()
          for (const [index, { stream, bytes, finishes }] of steps.entries()) {
            if (finished.has(stream)) continue
            const text = `${index}`.padEnd(bytes, '.')
            const all = sent.get(stream) ?? []
            sent.set(stream, all)
            all.push(text)
            assert.equal(add(store, stream, text), all.length)
            if (!finishes) continue
            store.finish(stream)
            finished.add(stream)
          }
          for (const [stream, all] of sent) {
            for (let at = 0; at <= all.length; at += 1) {
              const found = after(store, stream, at)
              if (found !== undefined) assert.deepEqual(found, all.slice(at))
              else assert.ok(at < all.length || finished.has(stream))
            }
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('The id of an event', () => {
  it('holds the stream and the place in it', () => {
    assert.equal(formatEventId({ stream: 'g', sequence: 7 }), 'g.7')
    assert.deepEqual(parseEventId('g.7'), { stream: 'g', sequence: 7 })
    assert.deepEqual(parseEventId('p1z.0'), { stream: 'p1z', sequence: 0 })
  })

  it('is none of ours in any other shape', () => {
    const others = [
      '',
      'g',
      '.1',
      'g.',
      'G.1',
      'g.-1',
      'g.1.2',
      'g.1 ',
      ' g.1',
      'g.1\n',
      'g.1e3',
      `${'a'.repeat(33)}.1`,
      'g.1234567890123456',
      'g.\u0661',
    ]
    for (const id of others) assert.equal(parseEventId(id), undefined, JSON.stringify(id))
  })
})
