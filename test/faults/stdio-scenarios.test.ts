/**
 * What an agent gets from a program that crashes, hangs, floods or starts late, and what the agents
 * beside it notice.
 */

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
  type Got,
} from '../support/fault-client.ts'
import { parseJson } from '../support/json.ts'
import { isRunning } from '../support/puppets.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'
import { breakerState } from './scene.ts'
import { startStdioFaults, type StdioFault, type StdioFaults } from './stdio-faults.ts'

interface StdioScene {
  readonly faults: StdioFaults
  readonly sidecar: TestSidecar
  readonly url: string
}

async function startStdioScene(
  initial: readonly StdioFault[] = [],
  options: Readonly<Record<string, unknown>> = {},
): Promise<StdioScene> {
  const faults = await startStdioFaults({ command: FAULT_SERVER, faults: initial })
  const upstream = { command: faults.command, ...options }
  const sidecar = await startTestSidecar({ upstreams: { main: upstream } })
  return { faults, sidecar, url: sidecar.url('main') }
}

/** Two processes of Node start one after the other, on a busy machine. */
const STARTED = { within: 4 * SOON }

const SHARED = { stateless: true, pool: 1 }

function reasonOf({ text }: Got): string | undefined {
  const { result, error } = parseJson<{
    result?: { _meta?: { 'sidelight/rejection'?: { reason: string } } }
    error?: { data?: { reason?: string } }
  }>(text)
  return result?._meta?.['sidelight/rejection']?.reason ?? error?.data?.reason
}

const active = async (sidecar: TestSidecar): Promise<number> =>
  (await sidecar.metrics()).sum('sidelight_processes_active')

test('a program in a crash loop: agents hear at once that it is being started again, and starts are few', async () => {
  const { faults, url } = await startStdioScene([{ kind: 'crash', code: 3, afterMs: 0 }], SHARED)
  const first = await askModern(url, modernCall(1, 'pid'), STARTED)
  assert.equal(reasonOf(first), 'process_exit')
  const answers: Got[] = []
  for (let i = 0; i < 30; i += 1) {
    answers.push(await askModern(url, modernCall(2 + i, 'pid'), STARTED))
  }
  const reasons = new Set(answers.map(reasonOf))
  assert.ok(reasons.has('restarting') || reasons.has('breaker_open'), [...reasons].join())
  assert.ok(faults.all.length <= 4, `${faults.all.length} starts for 31 calls`)
  for (const { text } of answers) assert.match(text, /Your arguments are not at fault/)
  assert.ok(answers.every(({ headers }) => headers['retry-after'] !== undefined))
})

test('a program that stops crashing is used again', async () => {
  const { faults, url } = await startStdioScene([{ kind: 'crash', code: 3, afterMs: 0 }], SHARED)
  await askModern(url, modernCall(1, 'pid'), STARTED)
  faults.clear()
  await waitFor(
    async () => /^\d+$/.test((await askModern(url, modernCall(2, 'pid'), STARTED)).said),
    {
      within: 4 * SOON,
      what: 'the program to answer',
    },
  )
})

test('a program that hangs in one session does not touch another, and is gone when its session ends', async () => {
  const { faults, sidecar, url } = await startStdioScene()
  const ann = await begin(url)
  const bob = await begin(url)
  const hanging = await faults.running(0)
  hanging.hang()
  const waiting = ask(url, call(1, 'seen'), { headers: ann, ...STARTED })
  await waitFor(() => sidecar.recorder.of('tools/call').length === 1, {
    within: SOON,
    what: 'the call to the program that hangs',
  })
  for (let i = 0; i < 5; i += 1) {
    assert.match((await ask(url, call(i, 'pid'), { headers: bob })).said, /^\d+$/)
  }
  await ask(url, '', { method: 'DELETE', headers: ann })
  await waiting
  assert.equal((await sidecar.recorder.outcomeOf('tools/call', 'seen')).kind, 'cancelled')
  await waitFor(() => !isRunning(hanging.pid), { within: 4 * SOON, what: 'the end of both' })
})

test('a hundred calls that die with one process are one failure, each is answered, and the next one works', async () => {
  const { faults, sidecar, url } = await startStdioScene([], SHARED)
  const calls = Array.from({ length: 100 }, (_, i) =>
    askModern(url, modernCall(i, 'hang'), STARTED),
  )
  const first = await faults.running(0)
  await waitFor(
    async () => (await askModern(url, modernCall(0, 'seen'), STARTED)).said.split(' ').length > 100,
    { within: 4 * SOON, what: 'the calls at the program' },
  )
  first.kill()
  const reasons = (await Promise.all(calls)).map(reasonOf)
  assert.deepEqual(new Set(reasons), new Set(['process_exit']))
  assert.equal(await breakerState(sidecar), 'closed')
  await waitFor(
    async () => /^\d+$/.test((await askModern(url, modernCall(1, 'pid'), STARTED)).said),
    {
      within: 4 * SOON,
      what: 'the next process to answer',
    },
  )
})

test('a program that floods both of its outputs still answers, and what is no message is dropped and counted', async () => {
  const { faults, sidecar, url } = await startStdioScene()
  const headers = await begin(url)
  const flooding = await faults.running(0)
  const floods = [
    flooding.flood('stdout', 'this is no message '.repeat(10), 5_000),
    flooding.flood('stderr', 'nor is this '.repeat(10), 5_000),
  ]
  assert.match((await ask(url, call(1, 'pid'), { headers, ...STARTED })).said, /^\d+$/)
  await Promise.all(floods)
  assert.match((await ask(url, call(2, 'pid'), { headers, ...STARTED })).said, /^\d+$/)
  const dropped = async (): Promise<number> =>
    (await sidecar.metrics()).sum('sidelight_stdio_lines_dropped_total')
  await waitFor(async () => (await dropped()) === 5_000, {
    within: SOON,
    what: 'all of them to be dropped',
  })
})

test('a program that starts late answers late, and nothing is refused', async () => {
  const { faults, url, sidecar } = await startStdioScene(
    [{ kind: 'slow_start', ms: 1_500 }],
    SHARED,
  )
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => askModern(url, modernCall(i, 'pid'), STARTED)),
  )
  assert.equal(new Set(answers.map(({ said }) => said)).size, 1)
  assert.match(answers[0]?.said ?? '', /^\d+$/)
  assert.equal(faults.all.length, 1)
  assert.equal(await breakerState(sidecar), 'closed')
})

test('a program whose answer breaks off in the middle of a line has failed, and says so to the model', async () => {
  const { faults, url } = await startStdioScene([], SHARED)
  assert.match((await askModern(url, modernCall(1, 'pid'), STARTED)).said, /^\d+$/)
  faults.set({ kind: 'truncate', afterBytes: 20 })
  const broken = await askModern(url, modernCall(2, 'pid'), STARTED)
  assert.equal(reasonOf(broken), 'process_exit')
  assert.match(
    broken.said,
    /^The MCP server "main" stopped before it answered\. It is not known whether the tool ran/,
  )
})

test('a program that writes byte by byte is understood', async () => {
  const { url } = await startStdioScene([{ kind: 'slice', bytes: 1 }])
  const { status, headers } = await ask(url, initialize(), STARTED)
  assert.equal(status, 200)
  const session = { 'Mcp-Session-Id': String(headers['mcp-session-id']) }
  assert.match((await ask(url, call(1, 'pid'), { headers: session, ...STARTED })).said, /^\d+$/)
})

test('a thousand calls at a pool of five start five processes at most, and all are answered', async () => {
  const { faults, url, sidecar } = await startStdioScene([], { stateless: true, pool: 5 })
  const answers = await Promise.all(
    Array.from({ length: 1_000 }, (_, i) =>
      askModern(url, modernCall(i, 'pid'), { within: 12 * SOON }),
    ),
  )
  const pids = new Set(answers.map(({ said }) => said))
  assert.ok(
    [...pids].every((pid) => /^\d+$/.test(pid)),
    [...pids].join().slice(0, 200),
  )
  assert.ok(faults.all.length <= 5, `${faults.all.length} processes`)
  assert.equal(await active(sidecar), faults.all.length)
})

test('a pool whose processes have all died has none left that is broken, and counts none that is gone', async () => {
  const { faults, url, sidecar } = await startStdioScene([], { stateless: true, pool: 2 })
  for (let round = 0; round < 3; round += 1) {
    await waitFor(
      async () => /^\d+$/.test((await askModern(url, modernCall(1, 'pid'), STARTED)).said),
      { within: 8 * SOON, what: 'an answer' },
    )
    const living = faults.all.filter(({ gone }) => !gone)
    assert.ok(living.length >= 1 && living.length <= 2)
    assert.equal(await active(sidecar), living.length)
    for (const each of living) each.kill()
    await waitFor(async () => (await active(sidecar)) === 0, { within: SOON, what: 'their end' })
  }
})

test('a program that never says anything holds up neither the start, nor another upstream, nor the end', async () => {
  const faults = await startStdioFaults({ command: FAULT_SERVER })
  const silent = { command: FAULT_SERVER, env: { FAULT_AT_START: 'silent' } }
  const sidecar = await startTestSidecar({
    upstreams: { silent, main: { command: faults.command, ...SHARED } },
    config: { shutdown: { drainTimeout: '100ms', flushTimeout: '100ms' } },
  })
  const waiting = ask(sidecar.url('silent'), initialize(), { within: 12 * SOON }).catch(() => {})
  assert.match((await askModern(sidecar.url('main'), modernCall(1, 'pid'), STARTED)).said, /^\d+$/)
  await sidecar.close()
  await waiting
  assert.equal(sidecar.recorder.open.length, 0)
})
