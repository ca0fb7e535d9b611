/**
 * Faults that circuit breakers are known for, and how this one behaves instead, over real sockets.
 * README.md says which is which.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import type { Reply } from '../support/raw-upstream.ts'
import { SOON, waitFor } from '../support/wait-for.ts'
import {
  ask,
  askInTurn,
  askMany,
  breakerIs,
  breakerState,
  countOf,
  startScene,
  tally,
  TOOL_CALL,
  type Scene,
} from './scene.ts'

/** Calls that the upstream keeps until a test lets them go. */
interface Held {
  readonly scene: Scene
  readonly held: Reply[]
}

/** Calls of the tool `hold` are kept; the others fail or succeed, as `fails` says. */
async function startHolding(fails: () => boolean, options = {}): Promise<Held> {
  const scene = await startScene(options)
  const held: Reply[] = []
  scene.upstream.handle((request, reply) => {
    if (request.body.includes('"hold"')) held.push(reply)
    else if (fails()) reply.send({ status: '500 Internal Server Error', body: '' })
    else reply.result({ content: [] })
  })
  return { scene, held }
}

const HOLD = TOOL_CALL.replace('"t"', '"hold"')

const fail = (reply: Reply | undefined): void => reply?.send({ status: '502 Bad Gateway' })

test('a thousand calls at a half-open upstream: one is tried, the others are refused at once', async () => {
  const { scene, held } = await startHolding(() => true)
  const { sidecar, upstream } = scene
  await askInTurn(sidecar.url('main'), 5)
  await breakerIs(sidecar, 'half_open')
  const before = upstream.requests.length
  const answers: string[] = []
  const calls = Array.from({ length: 1_000 }, async () => {
    const { reason, kind } = await ask(sidecar.url('main'), HOLD)
    answers.push(reason ?? kind)
  })
  await waitFor(() => answers.length === 999, { within: 20_000, what: 'all but one to be refused' })
  assert.deepEqual(new Set(answers), new Set(['breaker_open']))
  assert.equal(upstream.requests.length, before + 1)
  held[0]?.result({ content: [] })
  await Promise.all(calls)
  assert.equal(answers.at(-1), 'result')
  assert.equal(await countOf(sidecar, 'sidelight_breaker_rejections_total'), 999)
})

test('failures that come in late do not keep an upstream paused for longer', async () => {
  const { scene, held } = await startHolding(() => true)
  const { sidecar } = scene
  const calls = askMany(sidecar.url('main'), 100, HOLD)
  await waitFor(() => held.length === 100, { within: SOON, what: 'the calls to be held' })
  await askInTurn(sidecar.url('main'), 5)
  assert.equal(await breakerState(sidecar), 'open')
  await waitFor(
    async () => {
      fail(held.shift())
      return (await breakerState(sidecar)) === 'half_open'
    },
    { within: SOON, what: 'the end of the open time' },
  )
  assert.ok(held.length > 0, 'failures were still to come')
  assert.ok((await countOf(sidecar, 'sidelight_breaker_late_results_total')) > 0)
  for (const reply of held) fail(reply)
  await calls
  assert.equal(await breakerState(sidecar), 'half_open')
})

test('answers to calls from before an upstream was paused neither close its breaker nor open it again', async () => {
  const { scene, held } = await startHolding(() => true)
  const { sidecar } = scene
  const calls = askMany(sidecar.url('main'), 8, HOLD)
  await waitFor(() => held.length === 8, { within: SOON, what: 'the calls to be held' })
  await askInTurn(sidecar.url('main'), 5)
  await breakerIs(sidecar, 'half_open')
  for (const reply of held.splice(0, 4)) reply.result({ content: [] })
  for (const reply of held.splice(0)) fail(reply)
  await calls
  assert.equal(await breakerState(sidecar), 'half_open')
  assert.equal(await countOf(sidecar, 'sidelight_breaker_late_results_total'), 8)
})

test('an upstream that fails its trial is paused again, and that counts as another opening', async () => {
  const { scene } = await startHolding(() => true)
  const { sidecar } = scene
  await askInTurn(sidecar.url('main'), 5)
  await breakerIs(sidecar, 'half_open')
  assert.equal((await ask(sidecar.url('main'))).status, 500)
  assert.equal((await ask(sidecar.url('main'))).reason, 'breaker_open')
  const opened = { sidelight_breaker_state: 'open' }
  assert.equal(await countOf(sidecar, 'sidelight_breaker_transitions_total', opened), 2)
})

const NO_FAULTS: readonly (readonly [what: string, reply: (id: unknown) => object])[] = [
  ['tools that report failure', (id) => ({ id, result: { content: [], isError: true } })],
  ['arguments that are wrong', (id) => ({ id, error: { code: -32602, message: 'no' } })],
  ['methods that do not exist', (id) => ({ id, error: { code: -32601, message: 'no' } })],
  ["an application's own errors", (id) => ({ id, error: { code: 4711, message: 'no' } })],
]

for (const [what, message] of NO_FAULTS) {
  test(`thirty answers about ${what} pause nobody`, async () => {
    const { sidecar, upstream } = await startScene()
    upstream.handle((request, reply) =>
      reply.send({ body: JSON.stringify({ jsonrpc: '2.0', ...message(request.json()['id']) }) }),
    )
    const answers = await askInTurn(sidecar.url('main'), 30)
    assert.deepEqual(
      answers.map(({ reason }) => reason),
      answers.map(() => undefined),
    )
    assert.equal(upstream.requests.length, 30)
    assert.equal(await breakerState(sidecar), 'closed')
  })
}

for (const status of ['400 Bad Request', '401 Unauthorized', '403 Forbidden', '404 Not Found']) {
  test(`thirty answers of ${status} pause nobody`, async () => {
    const { sidecar, upstream } = await startScene()
    upstream.handle((_request, reply) => reply.send({ status, body: '' }))
    const answers = await askInTurn(sidecar.url('main'), 30)
    assert.deepEqual(tally(answers), { [status.slice(0, 3)]: 30 })
    assert.equal(await breakerState(sidecar), 'closed')
  })
}

test('agents that leave do not count against the upstream, though they all leave', async () => {
  const { scene, held } = await startHolding(() => false)
  const { sidecar } = scene
  for (let i = 0; i < 30; i += 1) {
    const control = new AbortController()
    const call = ask(sidecar.url('main'), HOLD, control.signal)
    await waitFor(() => held.length === i + 1, { within: SOON, what: 'the call' })
    control.abort()
    await assert.rejects(call, { name: 'AbortError' })
  }
  await waitFor(() => sidecar.recorder.open.length === 0, { within: SOON, what: 'their ends' })
  assert.equal(await breakerState(sidecar), 'closed')
})

test('a trial whose agent leaves is given back, and the next call is the trial', async () => {
  let broken = true
  const { scene, held } = await startHolding(() => broken)
  const { sidecar } = scene
  await askInTurn(sidecar.url('main'), 5)
  await breakerIs(sidecar, 'half_open')
  broken = false
  const control = new AbortController()
  const trial = ask(sidecar.url('main'), HOLD, control.signal)
  await waitFor(() => held.length === 1, { within: SOON, what: 'the trial' })
  assert.equal((await ask(sidecar.url('main'))).reason, 'breaker_open')
  control.abort()
  await assert.rejects(trial, { name: 'AbortError' })
  await waitFor(
    async () =>
      (await countOf(sidecar, 'sidelight_breaker_trials_total', {
        sidelight_breaker_trial_result: 'returned',
      })) === 1,
    { within: SOON, what: 'the trial to be given back' },
  )
  assert.deepEqual(tally(await askInTurn(sidecar.url('main'), 3)), { result: 3 })
  assert.equal(await breakerState(sidecar), 'closed')
})

test('a trial that never ends loses its place after its time, and cannot hold the breaker', async () => {
  let broken = true
  const { scene, held } = await startHolding(() => broken, {
    breaker: { openTime: '50ms', recoveryTimeout: '100ms', timeout: '200ms', slowStart: '0s' },
  })
  const { sidecar } = scene
  await askInTurn(sidecar.url('main'), 5)
  await breakerIs(sidecar, 'half_open')
  broken = false
  const trial = ask(sidecar.url('main'), HOLD)
  await waitFor(() => held.length === 1, { within: SOON, what: 'the trial' })
  await waitFor(
    async () =>
      (await countOf(sidecar, 'sidelight_breaker_trials_total', {
        sidelight_breaker_trial_result: 'lost',
      })) === 1,
    { within: SOON, what: 'the trial to be given up' },
  )
  await breakerIs(sidecar, 'half_open')
  assert.deepEqual(tally(await askInTurn(sidecar.url('main'), 3)), { result: 3 })
  await breakerIs(sidecar, 'closed')
  held[0]?.result({ content: [] })
  assert.equal((await trial).kind, 'result')
})

test('calls that were refused are counted as such and as no call to the upstream', async () => {
  const { scene } = await startHolding(() => true, { breaker: { openTime: '1m' } })
  const { sidecar, upstream } = scene
  await askInTurn(sidecar.url('main'), 5)
  assert.deepEqual(tally(await askInTurn(sidecar.url('main'), 7)), { breaker_open: 7 })
  assert.equal(upstream.requests.length, 5)
  assert.equal(await countOf(sidecar, 'sidelight_breaker_rejections_total'), 7)
  assert.equal(await countOf(sidecar, 'mcp_client_operation_duration_seconds_count'), 5)
  const refused = { sidelight_outcome_reason: 'breaker_open' }
  assert.equal(await countOf(sidecar, 'sidelight_calls_total', refused), 7)
})

test('a wall clock that jumps moves no open time', async () => {
  let wallMs = 1_700_000_000_000
  const clock: Clock = { wallMs: () => wallMs, monotonicMs: () => systemClock.monotonicMs() }
  for (const jumpMs of [-3_600_000, 3_600_000]) {
    const { sidecar, proxy } = await startScene({ breaker: { openTime: '300ms' } }, clock)
    await proxy.set({ kind: 'refuse' })
    await askInTurn(sidecar.url('main'), 5)
    wallMs += jumpMs
    // Neither over at once, nor only in an hour.
    assert.equal((await ask(sidecar.url('main'))).reason, 'breaker_open')
    await proxy.clear()
    await breakerIs(sidecar, 'half_open')
  }
})

test('an upstream can be paused and let go by hand, and an order ends by itself', async () => {
  const { scene } = await startHolding(() => false)
  const { sidecar } = scene
  const order = async (action: string, ttlSeconds?: number): Promise<number> => {
    const { status } = await fetch(`${sidecar.adminUrl}/breakers/main`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ action, reason: 'maintenance', actor: 'ada', ttlSeconds }),
    })
    return status
  }
  assert.equal(await order('force-open', 3600), 200)
  assert.equal((await ask(sidecar.url('main'))).reason, 'breaker_open')
  assert.equal(await order('reset'), 200)
  assert.equal((await ask(sidecar.url('main'))).kind, 'result')
  assert.equal(await order('force-open', 0.2), 200)
  assert.equal((await ask(sidecar.url('main'))).reason, 'breaker_open')
  await breakerIs(sidecar, 'half_open')
  assert.deepEqual(tally(await askInTurn(sidecar.url('main'), 3)), { result: 3 })
  assert.equal(await breakerState(sidecar), 'closed')
})

test('calls that wait for their turn in vain are refused, and the upstream is not to blame', async () => {
  const { scene, held } = await startHolding(() => false, { concurrency: 1, queueTimeout: '200ms' })
  const { sidecar, upstream } = scene
  const first = ask(sidecar.url('main'), HOLD)
  await waitFor(() => held.length === 1, { within: SOON, what: 'the first call' })
  const answers = await askMany(sidecar.url('main'), 10)
  assert.deepEqual(tally(answers), { queue_timeout: 10 })
  assert.equal(upstream.requests.length, 1)
  held[0]?.result({ content: [] })
  assert.equal((await first).kind, 'result')
  assert.equal(await breakerState(sidecar), 'closed')
})
