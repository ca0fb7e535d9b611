/** Servers over standard streams that break in ways of their own: nobody waits for ever, or for others. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ask,
  askModern,
  begin,
  call,
  FAULT_SERVER,
  initialize,
  modernCall,
  note,
  UnreadReply,
  type Headers,
} from '../support/fault-client.ts'
import { parseJson } from '../support/json.ts'
import { allGone } from '../support/processes.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

function startScene(upstream: Readonly<Record<string, unknown>> = {}): Promise<TestSidecar> {
  return startTestSidecar({ upstreams: { main: { command: FAULT_SERVER, ...upstream } } })
}

/** Every exchange has ended, and every call has one outcome. */
async function assertNothingOpen(sidecar: TestSidecar): Promise<void> {
  await waitFor(async () => (await sidecar.metrics()).sum('sidelight_exchanges_active') === 0, {
    within: SOON,
    what: 'the end of every exchange',
  })
  assert.deepEqual(sidecar.recorder.open, [])
  assert.ok(sidecar.recorder.calls.every(({ endings }) => endings === 1))
}

for (const end of ['close_stdin', 'close_stdout']) {
  test(`a session whose server does nothing but ${end} is over, and everything posted is answered`, async () => {
    const sidecar = await startScene()
    const url = sidecar.url('main')
    const headers = await begin(url)
    const pid = Number((await ask(url, call(1, 'pid'), { headers })).said)
    assert.equal((await ask(url, call(2, end), { headers })).said, 'closing')
    const messages = [call(3, 'pid'), note('notifications/x'), call(4, 'pid'), note('a/b')]
    const posted = messages.map((body) => ask(url, body, { headers }))
    const replies = await Promise.all(posted)
    for (const [index, { status, text }] of replies.entries()) {
      assert.ok([200, 202, 404, 502].includes(status), `${status} ${text}`)
      assert.doesNotMatch(text, /"text":"\d+"/, `message ${index} has an answer`)
    }
    await allGone([pid], SOON)
    assert.equal((await ask(url, call(5, 'pid'), { headers })).status, 404)
    await begin(url)
    await assertNothingOpen(sidecar)
  })

  test(`a shared process that does nothing but ${end} is replaced, and everything posted is answered`, async () => {
    const sidecar = await startScene()
    const url = sidecar.url('main')
    const pid = (await askModern(url, modernCall(1, 'pid'))).said
    assert.equal((await askModern(url, modernCall(2, end))).said, 'closing')
    const posted = [3, 4].map((id) => askModern(url, modernCall(id, 'pid')))
    for (const { said } of await Promise.all(posted)) assert.notEqual(said, pid)
    await allGone([Number(pid)], SOON)
    const next = await waitFor(
      async () => {
        const { said } = await askModern(url, modernCall(5, 'pid'))
        return /^\d+$/.test(said) && said
      },
      { within: SOON, what: 'an answer of another process' },
    )
    assert.notEqual(next, pid)
    await assertNothingOpen(sidecar)
  })
}

test('a notification that a server with a closed input never took is not accepted', async () => {
  const sidecar = await startScene()
  const url = sidecar.url('main')
  const headers = await begin(url)
  await ask(url, call(1, 'close_stdin'), { headers })
  await waitFor(async () => (await ask(url, note('notifications/x'), { headers })).status !== 202, {
    within: SOON,
    what: 'a notification to be refused',
  })
  const outcomes = sidecar.recorder.of('notifications/x').map(({ outcome }) => outcome?.kind)
  assert.ok(outcomes.length <= 2, outcomes.join(' '))
  assert.notEqual(outcomes.at(-1), 'ok')
})

test('notifications posted while a server is crashing are all answered', async () => {
  const sidecar = await startScene()
  const url = sidecar.url('main')
  for (let crash = 0; crash < 3; crash += 1) {
    const headers = await begin(url)
    const crashed = ask(url, call(1, 'exit_before_child'), { headers })
    const notes: Promise<unknown>[] = []
    const over = await waitFor(
      async () => {
        notes.push(ask(url, note('notifications/x'), { headers }))
        const { status } = await ask(url, note('notifications/y'), { headers })
        return status === 404
      },
      { within: SOON, what: 'the end of the session' },
    )
    assert.ok(over)
    await Promise.all(notes)
    assert.match((await crashed).text, /process_exit|stopped before it answered/)
  }
  await assertNothingOpen(sidecar)
})

test('seven sessions that end by themselves make nobody wait', async () => {
  const sidecar = await startScene()
  const url = sidecar.url('main')
  for (let session = 0; session < 7; session += 1) {
    const headers = await begin(url)
    await ask(url, call(1, 'exit', { code: session % 2 }), { headers })
  }
  await begin(url)
})

test('a program that cannot be started makes new sessions wait, says so and for how long, and is tried again', async () => {
  const sidecar = await startScene({ command: ['/nonexistent/program'] })
  const url = sidecar.url('main')
  const first = await ask(url, initialize())
  assert.match(first.text, /"reason":"connect"/)
  const second = await ask(url, initialize())
  const { error } = parseJson<{
    error: { code: number; message: string; data: Readonly<Record<string, unknown>> }
  }>(second.text)
  assert.equal(error.code, 1009)
  assert.equal(error.data['reason'], 'restarting')
  const waitMs = Number(error.data['retryAfterMs'])
  assert.ok(waitMs > 0 && waitMs <= 250, String(waitMs))
  assert.equal(second.headers['retry-after'], '1')
  assert.equal(sidecar.recorder.of('initialize')[1]?.outcome?.kind, 'rejected')
  await waitFor(async () => /"reason":"connect"/.test((await ask(url, initialize())).text), {
    within: SOON,
    what: 'another start',
  })
})

test('a session that its client gave up before it had an id leaves neither session nor process', async () => {
  const sidecar = await startScene({ env: { FAULT_AT_START: 'silent' } })
  const client = new UnreadReply(sidecar.url('main'), initialize(), {})
  const active = async (name: string): Promise<number> =>
    (await sidecar.metrics()).sum(`sidelight_${name}_active`)
  await waitFor(async () => (await active('processes')) === 1, {
    within: SOON,
    what: 'the process',
  })
  assert.equal(await active('sessions'), 1)
  client.hangUp()
  await waitFor(async () => (await active('processes')) === 0, {
    within: SOON,
    what: 'the end of the process',
  })
  assert.equal(await active('sessions'), 0)
})

/** The methods that the server of a session, or a shared one, has read. */
async function seenBy(url: string, headers: Headers): Promise<string> {
  return (await ask(url, call(99, 'seen'), { headers })).said
}

test('a session that its client ends during a call cancels the call', async () => {
  const sidecar = await startScene()
  const url = sidecar.url('main')
  const headers = await begin(url)
  const waiting = ask(url, call(1, 'hang'), { headers })
  await waitFor(async () => (await seenBy(url, headers)).includes('tools/call'), {
    within: SOON,
    what: 'the call at the server',
  })
  assert.equal((await ask(url, '', { method: 'DELETE', headers })).status, 200)
  await waiting
  assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call', 'hang'), { kind: 'cancelled' })
})

test('progress goes to its own call though every request of a session has the same id and token', async () => {
  const sidecar = await startScene()
  const url = sidecar.url('main')
  const headers = await begin(url)
  const keys = ['a', 'b']
  const held = keys.map((key) => {
    const body = call(1, 'hold', { key }).replace(
      '"params":{',
      '"params":{"_meta":{"progressToken":1},',
    )
    return ask(url, body, { headers })
  })
  await waitFor(
    async () => (await ask(url, call(2, 'seen'), { headers })).said.split('tools/call').length > 3,
    { within: SOON, what: 'both calls at the server' },
  )
  for (const key of keys) await ask(url, call(3, 'tell', { key }), { headers })
  for (const key of keys) await ask(url, call(3, 'release', { key }), { headers })
  const replies = await Promise.all(held)
  for (const [index, key] of keys.entries()) {
    const messages = [...(replies[index]?.text ?? '').matchAll(/"message":"(\w)"/g)]
    assert.deepEqual(
      messages.map(([, message]) => message),
      [key],
    )
    assert.match(replies[index]?.text ?? '', /"progressToken":1,/)
    assert.ok(replies[index]?.text.includes(`"text":"${key}"`))
  }
})
