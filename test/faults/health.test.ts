/** Health checks on a bad day: side by side, apart from calls, and led by nothing that callers do. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerWell, startRawUpstream } from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'
import { ask, askInTurn, breakerIs, breakerState, QUICK_BREAKER, tally } from './scene.ts'
import { startFaultProxy } from './start-fault-proxy.ts'

const HEALTH = { interval: '100ms', timeout: '400ms' }

async function startScene(breaker: object = QUICK_BREAKER) {
  const upstream = await startRawUpstream(answerWell)
  const good = await startRawUpstream(answerWell)
  const proxy = await startFaultProxy({ url: upstream.url })
  const sidecar = await startTestSidecar({
    upstreams: {
      main: { url: proxy.url, health: HEALTH, breaker, concurrency: 1 },
      good: { url: good.url, health: HEALTH },
    },
  })
  return { sidecar, proxy, upstream }
}

async function checksOf(sidecar: TestSidecar, upstream: string): Promise<number> {
  const name = 'sidelight_upstream_health_check_duration_seconds_count'
  return (await sidecar.metrics()).sum(name, { sidelight_upstream_name: upstream })
}

/** Waits until the gauge says so. */
async function isUp(sidecar: TestSidecar, upstream: string, value: 0 | 1): Promise<void> {
  await waitFor(
    async () => {
      const labels = { sidelight_upstream_name: upstream }
      const [sample] = (await sidecar.metrics()).find('sidelight_upstream_up', labels)
      return sample?.value === value
    },
    { within: 2 * SOON, what: `${upstream} to be ${value === 1 ? 'up' : 'down'}` },
  )
}

test('a check that hangs holds up no other check and no call', async () => {
  const { sidecar, proxy } = await startScene()
  await isUp(sidecar, 'main', 1)
  await proxy.set({ kind: 'swallow', methods: ['server/discover', 'initialize'] })
  const before = await checksOf(sidecar, 'good')
  await waitFor(async () => (await checksOf(sidecar, 'good')) >= before + 3, {
    within: SOON,
    what: 'three checks of the other upstream',
  })
  // The one place for calls is free.
  assert.deepEqual(tally(await askInTurn(sidecar.url('main'), 3)), { result: 3 })
  await isUp(sidecar, 'main', 0)
  await isUp(sidecar, 'good', 1)
})

test("a caller's mistakes make no upstream ill", async () => {
  const { sidecar, upstream } = await startScene()
  upstream.handle((request, reply) => {
    const { id, method } = request.json()
    if (method !== 'tools/call') return answerWell(request, reply)
    const error = { code: -32602, message: 'no such argument' }
    reply.send({ body: JSON.stringify({ jsonrpc: '2.0', id, error }) })
  })
  await isUp(sidecar, 'main', 1)
  assert.deepEqual(tally(await askInTurn(sidecar.url('main'), 30)), { '200': 30 })
  const before = await checksOf(sidecar, 'main')
  await waitFor(async () => (await checksOf(sidecar, 'main')) > before, {
    within: SOON,
    what: 'another check',
  })
  await isUp(sidecar, 'main', 1)
  assert.equal(await breakerState(sidecar), 'closed')
})

test('an upstream that is still dead when its open time is over costs no agent a call', async () => {
  const { sidecar, proxy } = await startScene({
    openTime: '100ms',
    recoveryTimeout: '200ms',
    slowStart: '0s',
  })
  await isUp(sidecar, 'main', 1)
  await proxy.set({ kind: 'refuse' })
  await askInTurn(sidecar.url('main'), 5)
  const until = performance.now() + 1_500
  const reasons = new Set<string | undefined>()
  while (performance.now() < until) reasons.add((await ask(sidecar.url('main'))).reason)
  assert.deepEqual([...reasons], ['breaker_open'])
  await proxy.clear()
  await breakerIs(sidecar, 'half_open')
  assert.deepEqual(tally(await askInTurn(sidecar.url('main'), 3)), { result: 3 })
})
