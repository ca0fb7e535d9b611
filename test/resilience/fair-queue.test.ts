import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { FairQueue, type Entry } from '../../src/resilience/fair-queue.ts'

/** Puts `text` such as `a1 a2 b1` in; the first letter is whose it is. */
function filled(text: string, max = 1_000): FairQueue<string> {
  const queue = new FairQueue<string>(max)
  for (const item of text.split(' ')) queue.push(item[0] ?? '', 1, item)
  return queue
}

function drain(queue: FairQueue<string>): string {
  const out: string[] = []
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) out.push(item)
  return out.join(' ')
}

describe('A fair queue', () => {
  it('serves its clients in turn, and each in its own order', () => {
    assert.equal(drain(filled('a1 a2 a3 a4 b1 b2 c1')), 'a1 b1 c1 a2 b2 a3 a4')
  })

  it('lets a client of one call pass before the thousand of another', () => {
    const queue = filled(Array.from({ length: 1_000 }, (_, i) => `a${i}`).join(' '), 2_000)
    assert.equal(queue.shift(), 'a0')
    queue.push('b', 1, 'b0')
    const next = [queue.shift(), queue.shift()]
    assert.ok(next.includes('b0'), next.join(' '))
  })

  it('makes a batch of three wait for three turns', () => {
    const queue = new FairQueue<string>(10)
    queue.push('a', 3, 'batch')
    for (const item of ['b1', 'b2', 'b3', 'b4']) queue.push('b', 1, item)
    assert.equal(drain(queue), 'b1 b2 batch b3 b4')
  })

  it('takes in no more than its size, and says so', () => {
    const queue = filled('a1 b1', 2)
    assert.equal(queue.push('c', 1, 'c1'), 'full')
    assert.equal(queue.size, 2)
  })

  it('makes room for a client with less by the last entry of the one with most', () => {
    const queue = filled('a1 a2 a3 b1', 4)
    const put = queue.push('c', 1, 'c1')
    assert.ok(put !== 'full')
    assert.equal(put.evicted, 'a3')
    assert.equal(drain(queue), 'a1 b1 c1 a2')
  })

  it('makes no room for the client that has most', () => {
    assert.equal(filled('a1 a2 a3 b1', 4).push('a', 1, 'a4'), 'full')
  })

  it('forgets an entry that gave up, once', () => {
    const queue = filled('a1')
    const put = queue.push('a', 1, 'a2')
    assert.ok(put !== 'full')
    queue.remove(put.entry)
    queue.remove(put.entry)
    assert.equal(queue.size, 1)
    assert.equal(drain(queue), 'a1')
  })

  it('takes out what is to go, and tells of each', () => {
    const queue = filled('a1 b2 a2 b1')
    const gone: string[] = []
    queue.removeWhere(
      (item) => item.endsWith('2'),
      (item) => void gone.push(item),
    )
    assert.deepEqual(gone.toSorted(), ['a2', 'b2'])
    assert.equal(drain(queue), 'a1 b1')
  })

  it('serves nobody twice before it has served everyone who waited all the while', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('push' as const), who: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ do: fc.constant('remove' as const), which: fc.nat(30) }),
      fc.record({ do: fc.constant('shift' as const) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
        const watched = new WatchedQueue()
        for (const [at, one] of steps.entries()) {
          if (one.do === 'push') watched.push(one.who)
          else if (one.do === 'remove') watched.remove(one.which)
          else watched.shift(at)
          watched.check(at)
        }
      }),
      { numRuns: 500 },
    )
  })
})

/** A queue of three clients, and who has waited and been served when. */
class WatchedQueue {
  readonly #queue = new FairQueue<string>(40)
  readonly #inside: { who: string; entry: Entry<string> }[] = []
  /** Since which step each client has had something in the queue without a break. */
  readonly #since = new Map<string, number>()
  readonly #served = new Map<string, number>()

  push(who: string): void {
    const put = this.#queue.push(who, 1, who)
    if (put !== 'full') this.#inside.push({ who, entry: put.entry })
  }

  remove(which: number): void {
    const [out] = this.#inside.splice(which, 1)
    if (out !== undefined) this.#queue.remove(out.entry)
  }

  shift(at: number): void {
    const who = this.#queue.shift()
    assert.equal(who === undefined, this.#since.size === 0)
    if (who === undefined) return
    const before = this.#served.get(who)
    this.#served.set(who, at)
    if (before === undefined) return
    for (const [other, from] of this.#since) {
      if (other === who || from > before) continue
      assert.ok((this.#served.get(other) ?? -1) > before, `${other} waits while ${who} is served`)
    }
  }

  check(at: number): void {
    const waiting = this.#inside.filter(({ entry }) => entry.waiting)
    assert.equal(this.#queue.size, waiting.length)
    for (const who of ['a', 'b', 'c']) {
      if (!waiting.some((one) => one.who === who)) this.#since.delete(who)
      else if (!this.#since.has(who)) this.#since.set(who, at)
    }
  }
}
