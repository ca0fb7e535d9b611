/** What a whole sidecar shows of its pools. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askModern, FAULT_SERVER, modernCall } from '../support/fault-client.ts'
import type { Metrics } from '../support/metrics.ts'
import { isRunning } from '../support/puppets.ts'
import { requestOnce } from '../support/raw-client.ts'
import { startRawUpstream, type Reply } from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}'

/** Idle, used, most and pending of a pool. */
function poolOf(metrics: Metrics, upstream: string, pool: string): readonly number[] {
  const labels = { sidelight_upstream_name: upstream, sidelight_pool_name: pool }
  const state = (name: string): number =>
    metrics.sum('sidelight_pool_connections', {
      ...labels,
      sidelight_pool_connection_state: name,
    })
  return [
    state('idle'),
    state('used'),
    metrics.sum('sidelight_pool_connection_max', labels),
    metrics.sum('sidelight_pool_connection_pending_requests', labels),
  ]
}

test('connections of calls are shown while they are used, while calls wait, and when they are idle', async () => {
  const replies: Reply[] = []
  const upstream = await startRawUpstream((_request, reply) => void replies.push(reply))
  const sidecar = await startTestSidecar({
    upstreams: { up: { url: upstream.url, connections: 1, connectionIdle: '10m' } },
  })
  const calls = [1, 2].map(() => requestOnce(sidecar.url('up'), { body: CALL }))
  const shown = await waitFor(
    async () => {
      const state = poolOf(await sidecar.metrics(), 'up', 'calls')
      return state[1] === 1 && state[3] === 1 ? state : undefined
    },
    { within: SOON, what: 'a call that waits' },
  )
  assert.deepEqual(shown, [0, 1, 1, 1])
  replies[0]?.result({})
  await waitFor(() => replies[1], { within: SOON, what: 'the other call' })
  replies[1]?.result({})
  await Promise.all(calls)
  const metrics = await sidecar.metrics()
  assert.deepEqual(poolOf(metrics, 'up', 'calls'), [1, 0, 1, 0])
  const of = { sidelight_upstream_name: 'up', sidelight_pool_name: 'calls' }
  const count = (name: string): number =>
    metrics.sum(`sidelight_pool_connection_${name}_seconds_count`, of)
  assert.deepEqual([count('create_time'), count('wait_time'), count('use_time')], [1, 2, 2])
  assert.deepEqual(
    metrics.find('sidelight_pool_connection_timeouts_total', of).map(({ value }) => value),
    [0],
  )
})

test('a call whose deadline passes while it waits for a connection is counted as one without', async () => {
  let progress: NodeJS.Timeout | undefined
  const upstream = await startRawUpstream((_request, reply) => {
    reply.stream()
    // What comes of the first call keeps its time from passing, and its connection from the second.
    progress = setInterval(() => {
      reply.event({ jsonrpc: '2.0', method: 'notifications/progress', params: {} })
    }, 50)
  })
  const sidecar = await startTestSidecar({
    upstreams: { up: { url: upstream.url, connections: 1, timeout: '400ms' } },
  })
  const first = requestOnce(sidecar.url('up'), { body: CALL }).catch(() => undefined)
  await upstream.request(0)
  await requestOnce(sidecar.url('up'), { body: CALL })
  clearInterval(progress)
  await first
  const metrics = await sidecar.metrics()
  const of = { sidelight_upstream_name: 'up', sidelight_pool_name: 'calls' }
  assert.equal(metrics.sum('sidelight_pool_connection_timeouts_total', of), 1)
})

function startPrograms(upstream: Readonly<Record<string, unknown>>): Promise<TestSidecar> {
  return startTestSidecar({
    upstreams: { main: { command: FAULT_SERVER, stateless: true, ...upstream } },
  })
}

async function pidOf(sidecar: TestSidecar): Promise<number> {
  return Number((await askModern(sidecar.url('main'), modernCall(1, 'pid'))).said)
}

async function started(sidecar: TestSidecar, count: number): Promise<void> {
  await waitFor(async () => (await sidecar.metrics()).sum('sidelight_processes_active') === count, {
    within: SOON,
    what: `${count} processes`,
  })
}

test('processes that are started ahead are there before a call, and the call starts no other', async () => {
  const sidecar = await startPrograms({ pool: 3, prestart: 2 })
  await started(sidecar, 2)
  assert.deepEqual(poolOf(await sidecar.metrics(), 'main', 'processes'), [2, 0, 3, 0])
  assert.equal(isRunning(await pidOf(sidecar)), true)
  const metrics = await sidecar.metrics()
  assert.equal(metrics.sum('sidelight_processes_active'), 2)
  const of = { sidelight_upstream_name: 'main', sidelight_pool_name: 'processes' }
  const count = (name: string): number =>
    metrics.sum(`sidelight_pool_connection_${name}_seconds_count`, of)
  assert.deepEqual([count('create_time'), count('wait_time'), count('use_time')], [2, 1, 1])
})

test('a process that was started ahead and killed is replaced', async () => {
  const sidecar = await startPrograms({ pool: 1, prestart: 1 })
  const pid = await pidOf(sidecar)
  process.kill(pid, 'SIGKILL')
  await waitFor(
    async () => (await sidecar.metrics()).sum('sidelight_processes_ended_total') === 1,
    { within: SOON, what: 'its end' },
  )
  await started(sidecar, 1)
  assert.notEqual(await pidOf(sidecar), pid)
})

test('a program that crashes at its start is not started ahead over and over', async () => {
  const sidecar = await startPrograms({
    pool: 5,
    prestart: 5,
    env: { FAULT_AT_START: 'crash' },
  })
  // About four looks at the pool, of which the first two start one.
  await new Promise((resolve) => setTimeout(resolve, 4_500))
  const ended = (await sidecar.metrics()).sum('sidelight_processes_ended_total')
  assert.ok(ended >= 1 && ended <= 3, String(ended))
})

test('a process that hangs loses one call, gets no other, and is ended', async () => {
  const sidecar = await startPrograms({ pool: 1, timeout: '1s' })
  const pid = await pidOf(sidecar)
  process.kill(pid, 'SIGSTOP')
  const late = await askModern(sidecar.url('main'), modernCall(2, 'pid'))
  assert.match(late.text, /did not answer in time|took too long|timeout/i)
  const next = await pidOf(sidecar)
  assert.ok(next > 0 && next !== pid, String(next))
  await waitFor(() => !isRunning(pid), { within: 10_000, what: 'the hanging process to be gone' })
  await started(sidecar, 1)
})

test('a process that answers others is kept although one of its calls is late', async () => {
  const sidecar = await startPrograms({ pool: 1, timeout: '1s' })
  const pid = await pidOf(sidecar)
  const slow = askModern(sidecar.url('main'), modernCall(2, 'hang'))
  await waitFor(() => sidecar.recorder.of('tools/call').length === 2, {
    within: SOON,
    what: 'the slow call',
  })
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal(await pidOf(sidecar), pid)
  await slow
  assert.equal(await pidOf(sidecar), pid)
})

test('a call that waits for the one process is refused when its wait is over, and never reaches it', async () => {
  const sidecar = await startPrograms({ pool: 1, concurrency: 1, queueTimeout: '300ms' })
  await pidOf(sidecar)
  const url = sidecar.url('main')
  const first = askModern(url, modernCall(2, 'hold', { key: 'k' }))
  await waitFor(() => sidecar.recorder.of('tools/call').length === 2, {
    within: SOON,
    what: 'the call that holds it',
  })
  const calls = await Promise.all(
    Array.from({ length: 50 }, (_value, id) => askModern(url, modernCall(10 + id, 'pid'))),
  )
  assert.equal(calls.filter(({ said }) => /^\d+$/.test(said)).length, 0)
  const metrics = await sidecar.metrics()
  assert.equal(
    metrics.sum('sidelight_rejections_total', { sidelight_outcome_reason: 'queue_timeout' }),
    50,
  )
  assert.equal(metrics.sum('sidelight_processes_active'), 1)
  void first.catch(() => {})
})
