/** Upstreams that do not answer in time: what agents get, and what becomes of the call upstream. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askModern, FAULT_SERVER, modernCall } from '../support/fault-client.ts'
import type { Reply } from '../support/raw-upstream.ts'
import { startTestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'
import { ask, askInTurn, askMany, breakerState, startScene, tally, TOOL_CALL } from './scene.ts'

const TOO_LATE =
  'The MCP server "main" did not answer in time. ' +
  'It is not known whether the tool ran: before you repeat a call that changes something, check with one that only reads. ' +
  'Your arguments are not at fault. ' +
  'You may try once more in 5 s; if that fails too, go on without this tool and tell the user.'

const QUICK = { timeout: '300ms', breaker: { openTime: '1m' } }

test('a hanging upstream: calls end after their time, and after five of them at once', async () => {
  const { sidecar, proxy } = await startScene(QUICK)
  await proxy.set({ kind: 'black_hole' })
  const answers = await askInTurn(sidecar.url('main'), 6)
  assert.deepEqual(
    answers.map(({ reason }) => reason),
    [...Array.from({ length: 5 }, () => 'timeout'), 'breaker_open'],
  )
  assert.equal(answers[0]?.text, TOO_LATE)
  // Not one connection is kept for an answer that nobody waits for.
  await waitFor(() => proxy.open === 0, { within: SOON, what: 'the connections to close' })
})

test('a hanging upstream holds two hundred calls no longer than their time, and all are answered', async () => {
  const { sidecar, proxy } = await startScene(QUICK)
  await proxy.set({ kind: 'black_hole' })
  const counts = tally(await askMany(sidecar.url('main'), 200))
  assert.equal((counts['timeout'] ?? 0) + (counts['breaker_open'] ?? 0), 200)
  assert.equal(await breakerState(sidecar), 'open')
  assert.deepEqual(sidecar.recorder.open, [])
  assert.equal((await ask(sidecar.url('good'))).text, 'done')
})

test('a hanging upstream with no place left is found out by health checks, and those who wait are told', async () => {
  const { sidecar, proxy } = await startScene({
    concurrency: 4,
    queueTimeout: '10m',
    timeout: '10m',
    timeoutMax: '10m',
    health: { timeout: '100ms' },
    breaker: { openTime: '1m' },
  })
  await proxy.set({ kind: 'black_hole' })
  const control = new AbortController()
  const hanging = Array.from({ length: 4 }, () =>
    ask(sidecar.url('main'), TOOL_CALL, control.signal).catch((error: Error) => error.name),
  )
  await waitFor(() => sidecar.recorder.open.length === 4, { within: SOON, what: 'four to hang' })
  assert.deepEqual(tally(await askMany(sidecar.url('main'), 20)), { breaker_open: 20 })
  const opened = sidecar.logs.find(({ event }) => event === 'sidelight.breaker.transition')
  assert.equal(opened?.fields['sidelight.breaker.cause'], 'probe_failed')
  control.abort()
  assert.deepEqual(new Set(await Promise.all(hanging)), new Set(['AbortError']))
})

test('a reply that drips is broken off when its time is over', async () => {
  const { sidecar, proxy } = await startScene(QUICK)
  await proxy.set({ kind: 'slice', bytes: 1, everyMs: 100 })
  const outcomes: string[] = []
  for (let i = 0; i < 5; i += 1) {
    const answer = await ask(sidecar.url('main')).catch((error: Error) => error)
    outcomes.push(answer instanceof Error ? 'broken off' : (answer.reason ?? answer.kind))
  }
  assert.deepEqual(
    outcomes.filter((outcome) => outcome !== 'broken off' && outcome !== 'timeout'),
    [],
  )
  const calls = sidecar.recorder.of('tools/call').map(({ outcome }) => outcome)
  for (const outcome of calls) {
    assert.ok(outcome?.kind === 'upstream_failed' && outcome.reason === 'timeout')
  }
  assert.equal(await breakerState(sidecar), 'open')
  await waitFor(() => proxy.open === 0, { within: SOON, what: 'the connections to close' })
})

test("an answer that comes too late is nobody else's", async () => {
  const { sidecar, upstream } = await startScene(QUICK)
  const held: Reply[] = []
  upstream.handle((request, reply) => {
    if (request.body.includes('"hold"')) held.push(reply)
    else reply.result({ content: [{ type: 'text', text: 'mine' }] })
  })
  const late = await ask(sidecar.url('main'), TOOL_CALL.replace('"t"', '"hold"'))
  assert.equal(late.reason, 'timeout')
  const calls = askMany(sidecar.url('main'), 20)
  held[0]?.result({ content: [{ type: 'text', text: 'late' }] })
  assert.deepEqual(new Set((await calls).map(({ text }) => text)), new Set(['mine']))
})

test("an answer of a program that comes too late is nobody else's either", async () => {
  const sidecar = await startTestSidecar({
    upstreams: {
      main: { command: FAULT_SERVER, stateless: true, pool: 1, timeout: '2s' },
    },
  })
  const url = sidecar.url('main')
  const late = await askModern(url, modernCall(1, 'hold', { key: 'late' }))
  assert.match(late.said, /^The MCP server "main" did not answer in time\./)
  const next = askModern(url, modernCall(1, 'hold', { key: 'mine' }))
  await waitFor(
    async () => (await askModern(url, modernCall(2, 'seen'))).said.split(' ').length >= 3,
    { within: SOON, what: 'the call at the program' },
  )
  for (const key of ['late', 'mine']) await askModern(url, modernCall(1, 'release', { key }))
  assert.equal((await next).said, 'mine')
})
