/** Shapes that were measured at different hours stand in one result. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { mergeShapes, whyApart, type RunResult } from '../../bench/run-result.ts'

describe('the result of a run', () => {
  it('takes a shape that is measured again in place of the same, and keeps the order of shapes', () => {
    const earlier = [
      { shape: 'a', of: 'earlier' },
      { shape: 'c', of: 'earlier' },
    ]
    const now = [
      { shape: 'c', of: 'now' },
      { shape: 'b', of: 'now' },
    ]
    assert.deepEqual(mergeShapes(earlier, now, ['a', 'b', 'c']), [
      { shape: 'a', of: 'earlier' },
      { shape: 'b', of: 'now' },
      { shape: 'c', of: 'now' },
    ])
  })

  it('takes only what was measured in the same way on the same machine', () => {
    assert.equal(whyApart(facts({}), facts({})), undefined)
    assert.equal(whyApart(facts({}), facts({ node: 'v27.0.0' })), 'node')
    assert.equal(whyApart(facts({}), facts({ cores: 4 })), 'cores')
    assert.equal(whyApart(facts({}), facts({ pinned: null })), 'pinned')
    assert.equal(whyApart(facts({}), facts({ generator: 'node' })), 'generator')
    assert.equal(whyApart(facts({}), facts({ program: 'source' })), 'program')
  })

  it('may hold shapes with other numbers of rounds, and of other commits', () => {
    assert.equal(whyApart(facts({}), facts({ rounds: 9, commit: 'def' })), undefined)
  })
})

type Facts = Pick<RunResult, 'machine' | 'options'>

interface Differences {
  readonly node?: string
  readonly cores?: number
  readonly commit?: string
  readonly rounds?: number
  readonly pinned?: null
  readonly generator?: string
  readonly program?: 'source'
}

function facts(differences: Differences): Facts {
  const { node = 'v26.0.0', cores = 2, commit = 'abc' } = differences
  const { rounds = 5, generator = 'wrk', program = 'bundle' } = differences
  const pinned = differences.pinned === null ? null : { target: '1', helper: '0' }
  return {
    machine: {
      cpu: 'one',
      cores,
      memoryGb: 8,
      kernel: 'Linux 6',
      node,
      commit,
      nginx: null,
      haproxy: null,
      wrk: '4.1.0',
      packages: {},
      peers: {},
    },
    options: {
      rounds,
      seconds: 1,
      warmUp: {
        calls: 1,
        seconds: 1,
      },
      pinned,
      generator,
      program,
    },
  }
}
