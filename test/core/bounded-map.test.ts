import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { BoundedMap } from '../../src/core/bounded-map.ts'

const MAX = 4

/** The same, the slow way: a list in order of use. */
class Reference {
  readonly evicted: string[] = []
  list: [string, number][] = []

  set(key: string, value: number): void {
    this.delete(key)
    if (this.list.length >= MAX) this.evicted.push(this.list.shift()?.[0] ?? '')
    this.list.push([key, value])
  }

  get(key: string): number | undefined {
    const found = this.list.find(([one]) => one === key)
    if (found === undefined) return undefined
    this.delete(key)
    this.list.push(found)
    return found[1]
  }

  delete(key: string): void {
    this.list = this.list.filter(([one]) => one !== key)
  }
}

describe('A bounded map', () => {
  it('evicts what was not used for longest, whatever was set, read and deleted in between', () => {
    const step = fc.tuple(
      fc.constantFrom('set', 'set', 'get', 'delete'),
      fc.integer({ max: 9, min: 0 }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const evicted: string[] = []
        const map = new BoundedMap<number>(MAX, (key) => evicted.push(key))
        const reference = new Reference()
        for (const [index, [what, number]] of steps.entries()) {
          const key = String(number)
          if (what === 'set') {
            map.set(key, index)
            reference.set(key, index)
          } else if (what === 'get') assert.equal(map.get(key), reference.get(key))
          else {
            map.delete(key)
            reference.delete(key)
          }
          assert.deepEqual([...map.entries()], reference.list)
          for (const [one, value] of reference.list) assert.equal(map.peek(one), value)
          assert.deepEqual([...map.entries()], reference.list)
        }
        assert.deepEqual(evicted, reference.evicted)
      }),
    )
  })
})
