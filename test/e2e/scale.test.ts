/**
 * Many sessions at once, many that are abandoned, and one that is not read: nothing is lost, nothing
 * is crossed, and nothing of them stays.
 */

import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { allGone, descendantsOf } from '../support/processes.ts'
import { closeAfterTest } from '../support/scope.ts'
import { startSidecarProcess, withFile, type SidecarProcess } from '../support/sidecar-process.ts'
import { waitFor } from '../support/wait-for.ts'
import { rssMiB } from '../support/wrap-process.ts'
import { SessionClient } from './scale/session-client.ts'
import { startSessionServer, type SessionServer } from './scale/session-server.ts'

const LINUX = process.platform === 'linux' ? {} : { skip: 'reads /proc' }
const GARBAGE = new URL('../support/garbage.ts', import.meta.url).href
const LINE_SERVER = fileURLToPath(new URL('scale/line-session-process.ts', import.meta.url))
const WITHIN = 20_000

const SESSIONS = 1_000
const CALLS = 3
/** Opened while the sidecar runs, whatever its clients do: connections to upstreams that were just used. */
const FILES_SPARE = 4
/** A thousand sessions that were kept by mistake would be more, and so would their buffers. */
const GROWTH_MIB_MAX = 24

const ABANDONED = 10_000

function startSidecar(upstream: object, limits: object = {}): Promise<SidecarProcess> {
  const config = {
    upstreams: { main: { ...upstream, concurrency: 10_000 } },
    limits: { sessionIdle: '2s', ...limits },
  }
  const env = { NODE_OPTIONS: `--expose-gc --import ${GARBAGE}` }
  return withFile(JSON.stringify(config), (file) =>
    startSidecarProcess({ args: ['--config', file], env }),
  )
}

function startAgent(maxSockets = Infinity): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets })
  closeAfterTest(async () => agent.destroy())
  return agent
}

/** What is resident when nothing is there that nobody holds. */
async function heldMiB(sidecar: SidecarProcess): Promise<number> {
  const collected = (): number => sidecar.stderr.split('garbage collected').length
  const before = collected()
  sidecar.signal('SIGUSR2')
  await waitFor(() => collected() > before, { within: WITHIN, what: 'the garbage to be collected' })
  return rssMiB(sidecar.pid)
}

async function openFiles({ pid }: SidecarProcess): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length
}

function times<T>(count: number, make: (index: number) => T): readonly T[] {
  return Array.from({ length: count }, (_value, index) => make(index))
}

/** Resolves when no session and no exchange is left, as the sidecar's own gauges have it. */
async function untilForgotten(sidecar: SidecarProcess): Promise<void> {
  await waitFor(
    async () => {
      const metrics = await sidecar.metrics()
      const sessions = metrics.sum('sidelight_sessions_active')
      return sessions + metrics.sum('sidelight_exchanges_active') === 0
    },
    { within: WITHIN, what: 'the sessions to be forgotten' },
  )
}

/** A thousand clients come, call, listen, and go: half of them say so. */
async function wave(name: string, sidecar: SidecarProcess, server: SessionServer): Promise<void> {
  const agent = startAgent()
  const url = sidecar.url('main')
  const clients = await Promise.all(times(SESSIONS, () => SessionClient.open(url, agent)))
  assert.equal(new Set(clients.map(({ session }) => session)).size, SESSIONS)
  const tokens = times(CALLS, (index) => `${name}-${index}`)
  await Promise.all(
    clients.flatMap((client) =>
      tokens.map(async (token) => {
        const own = `${token}-of-${client.session}`
        assert.equal(await client.call(own), `${client.session} ${own}`)
      }),
    ),
  )
  const metrics = await sidecar.metrics()
  assert.equal(metrics.sum('sidelight_sessions_active'), SESSIONS)
  assert.equal(metrics.sum('sidelight_exchanges_active'), SESSIONS, 'the open streams')
  // A stream keeps its order: when the last word has come, all that was said before has.
  server.broadcast('first')
  server.broadcast('last')
  await waitFor(() => clients.every(({ heard, session }) => heard.at(-1) === `${session} last`), {
    within: WITHIN,
    what: 'the last word on every stream',
  })
  for (const { heard, session } of clients) {
    const said = [...tokens.map((token) => `${token}-of-${session}`), 'first', 'last']
    assert.deepEqual(heard.toSorted(), said.map((word) => `${session} ${word}`).toSorted())
  }
  const staying = clients.filter((_client, index) => index % 2 === 0)
  await Promise.all(staying.map((client) => client.end()))
  for (const client of clients) client.vanish()
  agent.destroy()
}

test(
  'a thousand sessions at once hear and are answered what is theirs, once, and leave nothing',
  LINUX,
  async (t) => {
    const server = await startSessionServer()
    const sidecar = await startSidecar({ url: server.url })
    const first = await SessionClient.open(sidecar.url('main'), startAgent())
    first.vanish()
    await untilForgotten(sidecar)
    const files = await openFiles(sidecar)
    const levels: number[] = []
    for (const name of ['one', 'two', 'three']) {
      await wave(name, sidecar, server)
      await untilForgotten(sidecar)
      levels.push(await heldMiB(sidecar))
    }
    const [, second = 0, third = 0] = levels
    t.diagnostic(`MiB after each wave: ${levels.map((level) => level.toFixed(0)).join(', ')}`)
    assert.ok(third - second < GROWTH_MIB_MAX, `the third wave left ${third - second} MiB`)
    await waitFor(async () => (await openFiles(sidecar)) <= files + FILES_SPARE, {
      within: WITHIN,
      what: `the files of the sidecar to be ${files} again`,
    })
    const metrics = await sidecar.metrics()
    const ended = (how: string): number =>
      metrics.sum('sidelight_sessions_ended_total', { sidelight_session_end: how })
    assert.deepEqual(
      { deleted: ended('deleted'), idle: ended('idle') },
      { deleted: (3 * SESSIONS) / 2, idle: (3 * SESSIONS) / 2 + 1 },
    )
  },
)

test(
  'ten thousand sessions that were begun and left are forgotten, and leave nothing',
  LINUX,
  async (t) => {
    const server = await startSessionServer()
    const sidecar = await startSidecar({ url: server.url })
    const levels: number[] = []
    for (const round of [1, 2]) {
      const agent = startAgent(64)
      const url = sidecar.url('main')
      const begun = await Promise.all(times(ABANDONED, () => SessionClient.initialize(url, agent)))
      assert.equal(new Set(begun.map(({ sessionId }) => sessionId)).size, ABANDONED)
      await untilForgotten(sidecar)
      levels.push(await heldMiB(sidecar))
      const metrics = await sidecar.metrics()
      const idle = { sidelight_session_end: 'idle' }
      assert.equal(metrics.sum('sidelight_sessions_ended_total', idle), round * ABANDONED)
      agent.destroy()
    }
    const [first = 0, second = 0] = levels
    t.diagnostic(`MiB after each round: ${levels.map((level) => level.toFixed(0)).join(', ')}`)
    assert.ok(second - first < GROWTH_MIB_MAX, `the second round left ${second - first} MiB`)
  },
)

test(
  'a client that finds no process free is told so, and finds one when sessions were idle',
  LINUX,
  async () => {
    const command = [process.execPath, LINE_SERVER]
    const sidecar = await startSidecar({ command, processes: 8 }, { sessionIdle: '3s' })
    const agent = startAgent()
    const url = sidecar.url('main')
    const answers = await Promise.all(times(20, () => SessionClient.initialize(url, agent)))
    const admitted = answers.filter(({ sessionId }) => sessionId !== undefined)
    const refused = answers.filter(({ sessionId }) => sessionId === undefined)
    assert.equal(new Set(admitted.map(({ sessionId }) => sessionId)).size, 8)
    assert.equal(refused.length, 12)
    for (const { status, body } of refused) {
      assert.equal(status, 200)
      const refusal = { source: 'sidelight', reason: 'at_capacity', upstream: 'main' }
      assert.deepEqual(JSON.parse(body), {
        jsonrpc: '2.0',
        id: 0,
        error: {
          code: 1006,
          message: 'The upstream runs as many processes as its key "processes" allows.',
          data: { ...refusal, retryAfterMs: 1_000 },
        },
      })
    }
    const metrics = await sidecar.metrics()
    assert.equal(metrics.sum('sidelight_processes_active'), 8)
    const refusals = { sidelight_outcome: 'rejected', sidelight_outcome_reason: 'at_capacity' }
    assert.equal(metrics.sum('sidelight_calls_total', refusals), 12)
    const servers = await descendantsOf(sidecar.pid)
    await untilForgotten(sidecar)
    const left = await waitFor(
      async () => {
        const now = await sidecar.metrics()
        return now.sum('sidelight_processes_active') === 0
          ? await descendantsOf(sidecar.pid)
          : false
      },
      { within: WITHIN, what: 'the processes to end' },
    )
    // The watchdog, which is one, stays for the servers to come.
    const gone = servers.filter((pid) => !left.includes(pid))
    assert.equal(gone.length, 8)
    await allGone(gone, WITHIN)
    const again = await SessionClient.initialize(url, agent)
    assert.equal(again.status, 200)
  },
)

test(
  'a client that reads none of a 50 MiB result holds the server back (HTTP→HTTP)',
  LINUX,
  async () => {
    const server = await startSessionServer()
    const sidecar = await startSidecar({ url: server.url })
    const { sessionId } = await SessionClient.initialize(sidecar.url('main'), startAgent())
    const before = await rssMiB(sidecar.pid)
    const { port } = new URL(sidecar.dataUrl)
    const reader = connect({ port: Number(port), host: '127.0.0.1' })
    closeAfterTest(async () => void reader.destroy())
    const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"large"}}'
    const head = [
      'POST /main/mcp HTTP/1.1',
      `Host: 127.0.0.1:${port}`,
      'Content-Type: application/json',
      'Accept: application/json, text/event-stream',
      `Mcp-Session-Id: ${sessionId}`,
      `Content-Length: ${body.length}`,
      'Connection: close',
    ]
    reader.write(`${head.join('\r\n')}\r\n\r\n${body}`)
    let taken = -1
    let since = 0
    let peak = 0
    await waitFor(
      async () => {
        peak = Math.max(peak, (await rssMiB(sidecar.pid)) - before)
        const now = await server.piecesTaken()
        if (now !== taken) since = performance.now()
        taken = now
        return taken > 0 && performance.now() - since > 500
      },
      { within: WITHIN, what: 'the server to be held back' },
    )
    assert.ok(taken < 400, `${taken} of 800 pieces were taken`)
    assert.ok(peak < 32, `${peak} MiB are held for a reader that reads nothing`)
    let bytes = 0
    reader.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    await waitFor(() => reader.readableEnded, { within: WITHIN, what: 'the end of the result' })
    assert.ok(bytes > 50 * 1024 * 1024, `${bytes} bytes have arrived`)
    assert.equal(
      (await sidecar.metrics()).sum('sidelight_calls_total', { sidelight_outcome: 'ok' }),
      2,
    )
  },
)
