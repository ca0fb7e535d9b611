/** Clients that do not read and servers that do not read: memory is bounded, and others are told. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ask,
  askModern,
  begin,
  call,
  FAULT_SERVER,
  modernCall,
  note,
  settled,
  UnreadReply,
  type Headers,
} from '../support/fault-client.ts'
import { startSidecarProcess, withFile, type SidecarProcess } from '../support/sidecar-process.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'
import { rssMiB } from '../support/wrap-process.ts'

const LINUX = { skip: process.platform !== 'linux' && 'memory is read from /proc' }

const MB = 1_000_000

/** A refusal of what a server would have to read, in the words of its tools. */
const NOT_READING = /does not read what it is sent/

function startScene(config: Readonly<Record<string, unknown>> = {}): Promise<TestSidecar> {
  return startTestSidecar({
    upstreams: { main: { command: FAULT_SERVER, concurrency: 10_000 } },
    config,
  })
}

function startApart(): Promise<SidecarProcess> {
  const config = {
    upstreams: { main: { command: FAULT_SERVER, concurrency: 10_000, health: { method: 'off' } } },
  }
  return withFile(JSON.stringify(config), (file) =>
    startSidecarProcess({ args: ['--config', file] }),
  )
}

const ANSWERS = 30

/** More than the system takes for a client that does not read. */
const UNTAKEN_BYTES = 16 * MB

test(
  'large answers of a session that nobody reads hold its server back, and go on when they are read',
  LINUX,
  async () => {
    const sidecar = await startApart()
    const url = sidecar.url('main')
    const headers = await begin(url)
    const before = await rssMiB(sidecar.pid)
    const replies = Array.from(
      { length: ANSWERS },
      (_, id) => new UnreadReply(url, call(id, 'large', { bytes: UNTAKEN_BYTES }), headers),
    )
    // Memory never settles to the byte.
    const grown = await settled(
      async () => Math.round(((await rssMiB(sidecar.pid)) - before) / 32) * 32,
      'the memory of the sidecar',
    )
    assert.ok(grown < 250, `grew by ${grown} MiB`)
    const active = (await sidecar.metrics()).sum('sidelight_exchanges_active')
    assert.equal(active, ANSWERS, 'what nobody has taken is under way')
    for (const reply of replies) reply.readOn()
    await waitFor(() => replies.every(({ socket }) => socket.bytesRead > UNTAKEN_BYTES), {
      within: 4 * SOON,
      what: 'every answer whole',
    })
  },
)

test(
  'of large answers of a shared process that nobody reads 64 MiB are kept, and nobody waits for them',
  LINUX,
  async () => {
    const sidecar = await startApart()
    const url = sidecar.url('main')
    const before = await rssMiB(sidecar.pid)
    const { body, headers } = modernCall(1, 'large', { bytes: UNTAKEN_BYTES })
    const replies: UnreadReply[] = []
    for (let count = 0; count < 40; count += 1) {
      replies.push(await new UnreadReply(url, body, headers).begun())
      if (count % 8 !== 0) continue
      assert.match((await askModern(url, modernCall(2, 'pid'))).said, /^\d+$/)
    }
    const kept = (await sidecar.metrics()).sum('sidelight_exchanges_active')
    assert.equal(kept, 4, 'as many answers of 16 MB as 64 MiB hold')
    const grown = (await rssMiB(sidecar.pid)) - before
    assert.ok(grown < 350, `grew by ${grown} MiB`)
    for (const reply of replies) reply.readOn()
    await waitFor(
      () => replies.filter(({ socket }) => socket.bytesRead > UNTAKEN_BYTES).length === kept,
      { within: SOON, what: 'the answers that were kept, whole' },
    )
  },
)

test('an answer that its client does not take keeps its place among limits.streams', async () => {
  const sidecar = await startScene({ limits: { streams: 3 } })
  const url = sidecar.url('main')
  const { body, headers } = modernCall(1, 'large', { bytes: UNTAKEN_BYTES })
  const readers = await Promise.all(
    [1, 2, 3].map(() => new UnreadReply(url, body, headers).begun()),
  )
  const refused = await askModern(url, modernCall(2, 'pid'))
  assert.match(refused.text, /"reason":"at_capacity"/)
  assert.deepEqual(sidecar.recorder.limits, ['streams'])
  readers[0]?.hangUp()
  await waitFor(async () => /^\d+$/.test((await askModern(url, modernCall(3, 'pid'))).said), {
    within: SOON,
    what: 'room',
  })
})

/** The first revision whose replies begin before there is an answer. */
const PRIMED = '2025-11-25'

test(
  'what a server does not read is refused beyond 64 MiB, and memory stays bounded',
  LINUX,
  async () => {
    const sidecar = await startApart()
    const url = sidecar.url('main')
    const headers = await begin(url, PRIMED)
    assert.match((await ask(url, call(1, 'stop_reading'), { headers })).text, /stopped/)
    const before = await rssMiB(sidecar.pid)
    const pad = 'y'.repeat(8 * MB)
    let taken = 0
    for (; taken < 20; taken += 1) {
      const reply = await new UnreadReply(url, call(2 + taken, 'hang', { pad }), headers).begun()
      reply.hangUp()
      if (!reply.beginning.includes('text/event-stream')) break
    }
    assert.ok(taken >= 8 && taken <= 10, `${taken} times 8 MB were taken`)
    for (const body of [call(90, 'hang'), note('notifications/x')]) {
      assert.match((await ask(url, body, { headers })).text, NOT_READING)
    }
    const grown = (await rssMiB(sidecar.pid)) - before
    assert.ok(grown < 300, `grew by ${grown} MiB`)
    const metrics = await sidecar.metrics()
    assert.ok(metrics.sum('sidelight_limit_hits_total', { sidelight_limit: 'bodies' }) >= 2)
    // Another session has another server.
    const other = await begin(url)
    assert.match((await ask(url, call(1, 'pid'), { headers: other })).said, /^\d+$/)
  },
)

test('what a shared process does not read is refused beyond 64 MiB', async () => {
  const sidecar = await startScene()
  const url = sidecar.url('main')
  assert.equal((await askModern(url, modernCall(1, 'stop_reading'))).said, 'stopped')
  const pad = 'y'.repeat(8 * MB)
  const { body, headers } = modernCall(2, 'hang', { pad })
  let taken = 0
  for (; taken < 20; taken += 1) {
    const reply = new UnreadReply(url, body, headers)
    const last = await waitFor(() => sidecar.recorder.of('tools/call')[1 + taken], {
      within: SOON,
      what: 'the call',
    })
    if (last.outcome?.kind === 'rejected') break
    reply.hangUp()
  }
  assert.ok(taken >= 8 && taken <= 10, `${taken} times 8 MB were taken`)
  assert.match((await askModern(url, modernCall(3, 'pid'))).text, NOT_READING)
})

/** A session with 1024 requests that its server does not answer. */
async function fullSession(
  sidecar: TestSidecar,
): Promise<{ readonly headers: Headers; readonly replies: readonly UnreadReply[] }> {
  const url = sidecar.url('main')
  const headers = await begin(url, PRIMED)
  const replies: UnreadReply[] = []
  while (replies.length < 1_024) {
    const some = Array.from({ length: 64 }, (_, at) => {
      const id = replies.length + at + 1
      return new UnreadReply(url, call(id, 'hang'), headers).begun()
    })
    replies.push(...(await Promise.all(some)))
  }
  return { headers, replies }
}

test('a session takes 1024 requests without an answer, and then what can end them', async () => {
  const sidecar = await startScene()
  const url = sidecar.url('main')
  const { headers } = await fullSession(sidecar)
  const refused = await ask(url, call(2_000, 'pid'), { headers })
  assert.match(refused.text, /has 1024 requests that the server has not answered/)
  assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call', 'pid'), {
    kind: 'rejected',
    reason: 'at_capacity',
    limit: 'streams',
    message: 'the session has 1024 requests that the server has not answered',
  })
  const cancel = note('notifications/cancelled', { requestId: 1 })
  assert.equal((await ask(url, cancel, { headers })).status, 202)
  assert.match((await ask(url, call(2_001, 'pid'), { headers })).said, /^\d+$/)
})

test('requests whose clients have gone give way when a session is full of them', async () => {
  const sidecar = await startScene()
  const url = sidecar.url('main')
  const { headers, replies } = await fullSession(sidecar)
  for (const reply of replies) reply.hangUp()
  await waitFor(async () => (await sidecar.metrics()).sum('sidelight_exchanges_active') === 0, {
    within: SOON,
    what: 'the clients to be gone',
  })
  assert.match((await ask(url, call(2_000, 'pid'), { headers })).said, /^\d+$/)
})
