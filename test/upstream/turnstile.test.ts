import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Turnstile, type Visitor } from '../../src/upstream/turnstile.ts'

/** A turnstile whose visitors write their names down when they get in. */
function rig(places: number): {
  readonly turnstile: Turnstile
  readonly started: string[]
  readonly enter: (name: string) => () => void
} {
  const turnstile = new Turnstile(places)
  const started: string[] = []
  return {
    turnstile,
    started,
    enter: (name) => {
      const visitor: Visitor = { leave: undefined }
      turnstile.enter(visitor, () => started.push(name))
      return () => (visitor.leave ?? assert.fail(`${name} cannot leave`))()
    },
  }
}

describe('A turnstile', () => {
  it('lets as many in as there are places and the others wait', () => {
    const { turnstile, started, enter } = rig(2)
    for (const name of ['a', 'b', 'c', 'd']) enter(name)
    assert.deepEqual(started, ['a', 'b'])
    assert.equal(turnstile.waiting, 2)
  })

  it('lets those that wait in by order of arrival', () => {
    const { turnstile, started, enter } = rig(1)
    const leaves = ['a', 'b', 'c', 'd'].map(enter)
    for (const leave of leaves) leave()
    assert.deepEqual(started, ['a', 'b', 'c', 'd'])
    assert.equal(turnstile.waiting, 0)
  })

  it('forgets who gives up, and lets in the one behind', () => {
    const { turnstile, started, enter } = rig(1)
    const leaveA = enter('a')
    const giveUpB = enter('b')
    enter('c')
    giveUpB()
    assert.equal(turnstile.waiting, 1)
    assert.deepEqual(started, ['a'])
    leaveA()
    assert.deepEqual(started, ['a', 'c'])
    assert.equal(turnstile.waiting, 0)
  })

  it('gains no place and loses none when visitors give up', () => {
    const { turnstile, started, enter } = rig(2)
    const leaves = [enter('a'), enter('b')]
    for (let round = 0; round < 50; round += 1) enter(`given-up-${round}`)()
    assert.equal(turnstile.waiting, 0)
    assert.deepEqual(started, ['a', 'b'])
    enter('c')
    assert.deepEqual(started, ['a', 'b'])
    for (const leave of leaves) leave()
    assert.deepEqual(started, ['a', 'b', 'c'])
    enter('d')
    enter('e')
    assert.deepEqual(started, ['a', 'b', 'c', 'd'])
    assert.equal(turnstile.waiting, 1)
  })

  it('keeps the order of the others whoever of them gives up', () => {
    const { turnstile, started, enter } = rig(1)
    const leaveFirst = enter('first')
    const names = Array.from({ length: 12 }, (_, index) => `w${index}`)
    const leaves = new Map(names.map((name) => [name, enter(name)]))
    for (const index of [0, 3, 4, 11, 7, 6, 1]) leaves.get(`w${index}`)?.()
    assert.equal(turnstile.waiting, 5)
    leaveFirst()
    for (const index of [2, 5, 8, 9, 10]) leaves.get(`w${index}`)?.()
    assert.deepEqual(started, ['first', 'w2', 'w5', 'w8', 'w9', 'w10'])
    assert.equal(turnstile.waiting, 0)
    enter('last')
    assert.equal(started.at(-1), 'last')
  })

  it('lets one in that leaves at once, and then the next', () => {
    const turnstile = new Turnstile(1)
    const started: string[] = []
    const first: Visitor = { leave: undefined }
    turnstile.enter(first, () => started.push('first'))
    const hasty: Visitor = { leave: undefined }
    turnstile.enter(hasty, () => {
      started.push('hasty')
      hasty.leave?.()
    })
    turnstile.enter({ leave: undefined }, () => started.push('next'))
    first.leave?.()
    assert.deepEqual(started, ['first', 'hasty', 'next'])
    turnstile.enter({ leave: undefined }, () => started.push('one too many'))
    assert.equal(started.length, 3)
  })
})
