/** One of four upstreams is bad, and the agents of the other three notice nothing. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerWell, startRawUpstream } from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import type { Fault } from './faults.ts'
import { ask, tally, type Answer } from './scene.ts'
import { startFaultProxy } from './start-fault-proxy.ts'

const GOOD = ['u1', 'u2', 'u3'] as const

/** Calls to each upstream. */
const CALLS = 150

/** Milliseconds between two calls to the same upstream: 200 calls a second altogether. */
const EVERY_MS = 20

const BAD: readonly (readonly [what: string, fault: Fault, mayBe: readonly string[]])[] = [
  ['is dead', { kind: 'refuse' }, ['connect', 'breaker_open']],
  [
    'throttles',
    { kind: 'answer', status: '429 Too Many Requests', headers: ['Retry-After: 9'] },
    ['429', 'throttled'],
  ],
  ['breaks off', { kind: 'reset', afterBytes: 10 }, ['reset', 'closed', 'breaker_open']],
  ['fails', { kind: 'answer', status: '500 Internal Server Error' }, ['500', 'breaker_open']],
]

for (const [what, fault, mayBe] of BAD) {
  test(`an upstream that ${what} loses no call of three others, and its own are answered`, async () => {
    const bad = await startRawUpstream(answerWell)
    const proxy = await startFaultProxy({ url: bad.url, faults: [fault] })
    const upstreams: Record<string, string> = { bad: proxy.url }
    for (const name of GOOD) upstreams[name] = (await startRawUpstream(answerWell)).url
    const sidecar = await startTestSidecar({ upstreams })
    const [own = [], ...others] = await Promise.all(
      ['bad', ...GOOD].map((name) => load(sidecar, name)),
    )
    for (const answers of others) assert.deepEqual(tally(answers), { result: CALLS })
    const counts = tally(own)
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
    assert.equal(total, CALLS)
    const unexpected = Object.keys(counts).filter((reason) => !mayBe.includes(reason))
    assert.deepEqual(unexpected, [])
    // Almost all of its calls were spared: it was reached by the first few alone.
    assert.ok(proxy.counts.requests < 40, `${proxy.counts.requests} requests`)
    assert.deepEqual(sidecar.recorder.open, [])
  })
}

/** Calls when they are due, whatever became of the ones before. */
async function load(sidecar: TestSidecar, upstream: string): Promise<readonly Answer[]> {
  const calls: Promise<Answer>[] = []
  for (let i = 0; i < CALLS; i += 1) {
    calls.push(ask(sidecar.url(upstream)))
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
  }
  return Promise.all(calls)
}
