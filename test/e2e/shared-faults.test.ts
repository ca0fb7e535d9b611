/** Processes that several clients share: each gets its own, and none what is another's. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, askModern, FAULT_SERVER, modernCall, modernNote } from '../support/fault-client.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

function startScene(upstream: Readonly<Record<string, unknown>> = {}): Promise<TestSidecar> {
  return startTestSidecar({ upstreams: { main: { command: FAULT_SERVER, ...upstream } } })
}

const LOOPBACKS = { skip: process.platform !== 'linux' && 'one loopback address only' }

test(
  'a made-up subject reaches nobody at another address: not its process, not its request',
  LOOPBACKS,
  async () => {
    const sidecar = await startScene()
    const url = sidecar.url('main')
    const alice = { from: '127.0.0.2', subject: 'alice' }
    const forged = { from: '127.0.0.1', subject: 'alice' }
    const waiting = askModern(url, modernCall(7, 'hold', { key: 'k' }), alice)
    await waitFor(async () => (await askModern(url, modernCall(1, 'seen'), alice)).said !== '', {
      within: SOON,
      what: 'the process',
    })
    const pids = await Promise.all(
      [alice, forged].map(async (who) => (await askModern(url, modernCall(7, 'pid'), who)).said),
    )
    assert.notEqual(pids[0], pids[1])
    const cancel = modernNote('notifications/cancelled', { requestId: 7 })
    assert.equal((await askModern(url, cancel, forged)).status, 202)
    await askModern(url, modernCall(8, 'release', { key: 'k' }), alice)
    assert.equal((await waiting).said, 'k')
  },
)

test('made-up subjects do not use up the processes: one that nobody uses makes room', async () => {
  const sidecar = await startScene({ processes: 2 })
  const url = sidecar.url('main')
  for (const subject of ['a', 'b', 'c', 'd', 'a']) {
    await waitFor(
      async () => /^\d+$/.test((await askModern(url, modernCall(1, 'pid'), { subject })).said),
      { within: SOON, what: `an answer for ${subject}` },
    )
  }
  assert.ok((await sidecar.metrics()).sum('sidelight_processes_active') <= 2)
})

test('notifications/cancelled of 2026-07-28 takes nobody’s request back, not even its sender’s', async () => {
  const sidecar = await startScene({ stateless: true, pool: 1 })
  const url = sidecar.url('main')
  const waiting = askModern(url, modernCall(7, 'hold', { key: 'k' }))
  await waitFor(
    async () => (await askModern(url, modernCall(1, 'seen'))).said.includes('tools/call tools'),
    { within: SOON, what: 'the call at the server' },
  )
  const cancel = modernNote('notifications/cancelled', { requestId: 7 })
  assert.equal((await askModern(url, cancel)).status, 202)
  assert.doesNotMatch((await askModern(url, modernCall(2, 'seen'))).said, /cancelled/)
  await askModern(url, modernCall(8, 'release', { key: 'k' }))
  assert.equal((await waiting).said, 'k')
  assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call', 'hold'), { kind: 'ok' })
})

test('an id comes back wherever it stood in the request, though trace context was put in before it', async () => {
  const sidecar = await startScene({ stateless: true, pool: 1 })
  const first = modernCall(1, 'pid')
  const last = first.body.replace('"id":1,', '').replace(/\}$/, ',"id":"last"}')
  for (const [body, id] of [
    [first.body, '1'],
    [last, '"last"'],
    [` ${first.body} `, '1'],
  ] as const) {
    const { text, said } = await askModern(sidecar.url('main'), { ...first, body })
    assert.match(said, /^\d+$/)
    assert.ok(text.includes(`"id":${id}`), text)
  }
})

test('clients with the same ids share a process that is stateless, and each gets its own answer', async () => {
  const sidecar = await startScene({ stateless: true, pool: 1 })
  const url = sidecar.url('main')
  const keys = ['a', 'b', 'c']
  const subjects = ['ann', 'bob', undefined]
  const waiting = keys.map((key, index) => {
    const subject = subjects[index]
    return askModern(url, modernCall(1, 'hold', { key }), subject === undefined ? {} : { subject })
  })
  await waitFor(
    async () => (await askModern(url, modernCall(1, 'seen'))).said.split(' ').length > keys.length,
    { within: SOON, what: 'every call at the server' },
  )
  for (const key of keys.toReversed()) await askModern(url, modernCall(1, 'release', { key }))
  assert.deepEqual(
    (await Promise.all(waiting)).map(({ said }) => said),
    keys,
  )
  assert.equal((await sidecar.metrics()).sum('sidelight_processes_active'), 1)
})

test('a stateless pool starts another process while one is busy, and no more than it may', async () => {
  const sidecar = await startScene({ stateless: true, pool: 2 })
  const url = sidecar.url('main')
  for (const id of [1, 2, 3]) {
    void askModern(url, modernCall(id, 'hang')).catch(() => {})
    await waitFor(() => sidecar.recorder.of('tools/call').length === id, {
      within: SOON,
      what: `call ${id}`,
    })
  }
  assert.equal((await sidecar.metrics()).sum('sidelight_processes_active'), 2)
})

test('a program that crashes at its start is no server of an older revision, and probes do not start it over and over', async () => {
  const sidecar = await startScene({ env: { FAULT_AT_START: 'crash' } })
  const url = sidecar.url('main')
  const probe = modernNote('server/discover')
  const body = probe.body.replace('{', '{"id":1,')
  for (let i = 0; i < 20; i += 1) {
    const { status, text } = await askModern(url, { ...probe, body })
    // Clients take 400, 404 and 405, and any JSON-RPC error in 200, for the mark of an older server.
    assert.ok(status >= 500, `${status} ${text}`)
  }
  const metrics = await sidecar.metrics()
  const ended = metrics.sum('sidelight_processes_ended_total')
  assert.ok(ended >= 1 && ended <= 4, `${ended} processes were started`)
  assert.ok(
    sidecar.logs.some(
      ({ level, event }) => level === 'warn' && event === 'sidelight.process.ended',
    ),
  )
})

test('an error that names no request is the answer to the only one there is, also of a shared process', async () => {
  const sidecar = await startScene()
  const { status, text } = await askModern(sidecar.url('main'), modernCall(5, 'nameless'))
  assert.equal(status, 200, text)
  assert.match(text, /nameless/)
})

for (const member of ['"ID":2', '"Id":2', '"id":2', '"Method":"ping"', '"PARAMS":{}']) {
  test(`a request to a shared process with ${member} besides is refused, as servers would read it in two ways`, async () => {
    const sidecar = await startScene({ stateless: true })
    const { body, headers } = modernCall(1, 'pid')
    const url = sidecar.url('main')
    const { status, text } = await ask(url, body.replace(/}$/, `,${member}}`), { headers })
    assert.deepEqual([status, /"code":(-\d+)/.exec(text)?.[1]], [400, '-32600'], text)
    assert.equal((await sidecar.metrics()).sum('sidelight_processes_active'), 0)
  })
}
