/** What a sidecar leaves behind of the servers that it started: nothing, however it ends. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson } from '../support/json.ts'
import { allGone, descendantsOf, killAll, listProcesses, STUBBORN } from '../support/processes.ts'
import { closeAfterTest } from '../support/scope.ts'
import { startSidecarProcess, withFile, type SidecarProcess } from '../support/sidecar-process.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

/** A server gets 2 s after its input ended and 2 s after SIGTERM; the rest is for a busy machine. */
const STOPPED_WITHIN = 9_000

const INITIALIZE =
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"0"}}}'

interface Session {
  readonly id: string
  /** The server and what it started. */
  readonly pids: readonly number[]
}

interface Scene {
  readonly sidecar: SidecarProcess
  readonly begin: () => Promise<Session>
}

/** A sidecar in front of a server that is a shell script. */
async function startScene(
  script: string,
  upstream: Readonly<Record<string, unknown>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<Scene> {
  const config = {
    upstreams: {
      main: { command: ['/bin/sh', '-c', script], health: { method: 'off' }, ...upstream },
    },
  }
  const sidecar = await withFile(JSON.stringify(config), (file) =>
    startSidecarProcess({ args: ['--config', file], env }),
  )
  const begin = async (): Promise<Session> => {
    const response = await post(sidecar, INITIALIZE)
    const text = await response.text()
    assert.equal(response.status, 200, text)
    const { pids } = parseJson<{ result: { pids: number[] } }>(text).result
    closeAfterTest(() => killAll(pids))
    return { id: response.headers.get('mcp-session-id') ?? '', pids }
  }
  return { sidecar, begin }
}

function post(
  sidecar: SidecarProcess,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(sidecar.url('main'), {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      ...headers,
    },
    body,
  })
}

test('a sidecar that is killed takes its servers with it, though they ignore all but SIGKILL', async () => {
  const { sidecar, begin } = await startScene(STUBBORN)
  const sessions = [await begin(), await begin()]
  const all = await descendantsOf(sidecar.pid)
  for (const { pids } of sessions) {
    for (const pid of pids) assert.ok(all.includes(pid), 'the server runs')
  }
  await sidecar.kill()
  await allGone(
    sessions.flatMap(({ pids }) => pids),
    SOON,
  )
  // The shell that saw to it is gone too.
  await allGone(all, SOON)
})

test('a sidecar that is stopped ends its servers first', async () => {
  const { sidecar, begin } = await startScene(STUBBORN)
  const { pids } = await begin()
  const all = await descendantsOf(sidecar.pid)
  sidecar.signal('SIGTERM')
  const { code } = await sidecar.finished(STOPPED_WITHIN)
  assert.equal(code, 0)
  assert.equal((await listProcesses()).has(pids[0] ?? 0), false, 'the server was waited for')
  await allGone(all, STOPPED_WITHIN)
})

test('a session that its client ends has no process any more', async () => {
  const { sidecar, begin } = await startScene(STUBBORN)
  const { id, pids } = await begin()
  const response = await fetch(sidecar.url('main'), {
    method: 'DELETE',
    headers: { 'Mcp-Session-Id': id },
  })
  assert.equal(response.status, 200)
  await allGone(pids, STOPPED_WITHIN)
})

test('a session that nobody uses has no process any more', async () => {
  const script = STUBBORN.replace("trap '' TERM", ':')
  const config = {
    upstreams: { main: { command: ['/bin/sh', '-c', script], health: { method: 'off' } } },
    limits: { sessionIdle: '1s' },
  }
  const sidecar = await withFile(JSON.stringify(config), (file) =>
    startSidecarProcess({ args: ['--config', file] }),
  )
  const response = await post(sidecar, INITIALIZE)
  const { pids } = parseJson<{ result: { pids: number[] } }>(await response.text()).result
  await allGone(pids, STOPPED_WITHIN)
  const metrics = await sidecar.metrics()
  assert.equal(metrics.sum('sidelight_sessions_ended_total', { sidelight_session_end: 'idle' }), 1)
})

test('a server that crashes leaves no zombie, no orphan and no session', async () => {
  const { sidecar, begin } = await startScene(STUBBORN)
  const { id, pids } = await begin()
  process.kill(pids[0] ?? 0, 'SIGKILL')
  const ping = async (): Promise<number> => {
    const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
    return (await post(sidecar, body, { 'Mcp-Session-Id': id })).status
  }
  await waitFor(async () => (await ping()) === 404, { within: SOON, what: 'the session to end' })
  await allGone(pids, STOPPED_WITHIN)
  const children = await descendantsOf(sidecar.pid)
  assert.equal(children.length, 1, 'only the watchdog is left')
})

test('a server that cannot be started is an upstream that cannot be reached', async () => {
  const { sidecar } = await startScene('', { command: ['/nonexistent/server'] })
  const response = await post(sidecar, INITIALIZE)
  const { error } = parseJson<{ error: { code: number; data: { reason: string } } }>(
    await response.text(),
  )
  assert.deepEqual([response.status, error.code, error.data.reason], [200, 1_010, 'connect'])
})

test('a server gets the variables that it is given, six that everything has, and no other', async () => {
  const script = `read -r line; printf '{"jsonrpc":"2.0","id":0,"result":{"env":"%s"}}\\n' "$(/usr/bin/env | /usr/bin/cut -d= -f1 | /usr/bin/sort | /usr/bin/tr '\\n' ' ')"; read -r line`
  const { sidecar } = await startScene(
    script,
    { env: { GIVEN: 'x' }, inheritEnv: ['WANTED', 'ABSENT'] },
    {
      SECRET: 'x',
      NODE_OPTIONS: '--no-warnings',
      WANTED: 'x',
      HOME: '/',
      LOGNAME: 'l',
      SHELL: '/bin/sh',
      TERM: 't',
      USER: 'u',
    },
  )
  const response = await post(sidecar, INITIALIZE)
  const { env } = parseJson<{ result: { env: string } }>(await response.text()).result
  // The shell itself adds PWD, and some add SHLVL, OLDPWD and _.
  const names = env
    .trim()
    .split(' ')
    .filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name))
  assert.deepEqual(names, ['GIVEN', 'HOME', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'USER', 'WANTED'])
})
