/** What a whole sidecar shows of its pools. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Metrics } from '../support/metrics.ts'
import { requestOnce } from '../support/raw-client.ts'
import { startRawUpstream, type Reply } from '../support/raw-upstream.ts'
import { startTestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}'

/** Idle, used, most and pending of a pool. */
function poolOf(metrics: Metrics, upstream: string, pool: string): readonly number[] {
  const labels = { sidelight_upstream_name: upstream, sidelight_pool_name: pool }
  const state = (name: string): number =>
    metrics.sum('sidelight_pool_connection_count', {
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
  const upstream = await startRawUpstream(() => {})
  const sidecar = await startTestSidecar({
    upstreams: { up: { url: upstream.url, connections: 1, timeout: '300ms' } },
  })
  await Promise.all([1, 2].map(() => requestOnce(sidecar.url('up'), { body: CALL })))
  const metrics = await sidecar.metrics()
  const of = { sidelight_upstream_name: 'up', sidelight_pool_name: 'calls' }
  assert.equal(metrics.sum('sidelight_pool_connection_timeouts_total', of), 1)
})
