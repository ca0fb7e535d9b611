/** What fails fails at once, says so to everybody who waits, and leaves nothing behind. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Taken } from '../../support/link-far.ts'
import type { Posted } from '../../support/link-near.ts'
import {
  assertQuiet,
  call,
  exchange,
  httpOf,
  idOf,
  modern,
  notification,
  openLink,
  openSession,
  overModes,
  processesOf,
  request,
  result,
  shakeHands,
  type Link,
} from '../../support/link.ts'
import { isRunning, startPuppets } from '../../support/puppets.ts'
import { requestOnce } from '../../support/raw-client.ts'
import { freePort } from '../../support/raw-upstream.ts'
import { startSidecarProcess, withFile } from '../../support/sidecar-process.ts'
import { startTestSidecar } from '../../support/test-sidecar.ts'
import { SOON, waitFor } from '../../support/wait-for.ts'
import { startWrapped } from '../../support/wrapped.ts'

const LINUX = { skip: process.platform !== 'linux' }

/** Milliseconds in which everybody who waits is told. */
const TOLD_WITHIN = 100

test('case 50: a command that cannot be started is answered at once, with the id of the request (HTTP→stdio)', async () => {
  const start = () => startTestSidecar({ upstreams: { main: { command: ['/no/such/program'] } } })
  const sidecar = await start()
  const headers = [
    'Content-Type: application/json',
    'MCP-Protocol-Version: 2026-07-28',
    'Mcp-Method: tools/list',
  ]
  for (const id of ['"x"', '7']) {
    const body = modern(id, 'tools/list')
    const response = await requestOnce(sidecar.url('main'), { headers, body })
    assert.equal(response.status, 200)
    assert.ok(response.body.toString().startsWith(`{"jsonrpc":"2.0","id":${id},"error":{"code":10`))
  }
  // A probe for the era must not read as the mark of an older server.
  const probe = await requestOnce((await start()).url('main'), {
    headers: [...headers.slice(0, 2), 'Mcp-Method: server/discover'],
    body: modern('1', 'server/discover'),
  })
  assert.equal(probe.status, 502)
  assert.ok(probe.values('retry-after').length > 0)
  const outcome = await sidecar.recorder.outcomeOf('tools/list')
  assert.equal(outcome.kind === 'upstream_failed' && outcome.sent, false)
})

test('case 50: a server that is down is an error for the request (stdio→HTTP)', async () => {
  const wrapped = startWrapped({ server: `http://127.0.0.1:${await freePort()}/mcp` })
  wrapped.write(`${request('"a"', 'tools/list')}\n${call('2')}\n${notification('x')}\n`)
  const lines = [await wrapped.line(0), await wrapped.line(1)].toSorted()
  assert.match(lines[0] ?? '', /^\{"jsonrpc":"2.0","id":"a","error":\{"code":1010,/)
  assert.match(lines[1] ?? '', /^\{"jsonrpc":"2.0","id":2,"result":.*"isError":true/)
  assert.equal(wrapped.code, undefined)
})

test('case 52: a stream that breaks is an error for its request, and the next call goes on (stdio→HTTP)', async () => {
  const link = await openSession('stdio→HTTP')
  link.near.send(call('1'))
  const taken = await link.far.next()
  taken.say(notification('notifications/message', '{"level":"info","data":1}'))
  await link.near.next()
  taken.reply?.socket.resetAndDestroy()
  assert.match(await link.near.next(), /^\{"jsonrpc":"2.0","id":1,"error":\{"code":10\d\d,/)
  await assertQuiet(link)
})

const GO_HEADERS = {
  'Content-Type': 'application/json',
  'MCP-Protocol-Version': '2026-07-28',
  'Mcp-Method': 'vendor/go',
}

test(
  'case 53: SIGTERM lets a call on a process finish, ends its streams, and leaves no process (HTTP→stdio)',
  LINUX,
  async () => {
    const puppets = await startPuppets({
      onLine: (line, server) => {
        const text = line.toString()
        if (text.includes('vendor/go')) server.say(result(idOf(text)))
      },
    })
    const yaml = `upstreams:\n  main: { command: ${JSON.stringify(puppets.command)} }\n`
    await withFile(yaml, async (file) => {
      const sidecar = await startSidecarProcess({ args: ['--config', file] })
      const headers = [
        'Content-Type: application/json',
        'MCP-Protocol-Version: 2026-07-28',
        'Mcp-Method: vendor/wait',
      ]
      const waiting = requestOnce(sidecar.url('main'), {
        headers,
        body: modern('1', 'vendor/wait'),
      })
      const puppet = await puppets.puppet()
      const asked = (await puppet.line(0)).toString()
      const child = await puppet.grandchild()
      sidecar.signal('SIGTERM')
      const go = { method: 'POST', headers: GO_HEADERS, body: modern('2', 'vendor/go') }
      await waitFor(
        () =>
          fetch(sidecar.url('main'), go).then(
            async (refused) => (await refused.text()).includes('"code":1007'),
            () => true,
          ),
        { within: SOON, what: 'new requests to be refused' },
      )
      puppet.say(result(idOf(asked)))
      assert.ok((await waiting).body.includes(result('1')))
      assert.equal((await sidecar.finished(SOON)).code, 0)
      assert.equal(puppet.inputEnded, true)
      await assertGone([puppet.pid, child])
    })
  },
)

/** Waits until none of them runs; what nobody waited for counts as running. */
async function assertGone(pids: readonly number[]): Promise<void> {
  await waitFor(() => !pids.some(isRunning), {
    within: 2 * SOON,
    what: `the end of ${pids.join(' and ')}`,
  })
}

test('case 53: SIGTERM ends the session at the server (stdio→HTTP)', async () => {
  const link = await openSession('stdio→HTTP')
  link.wrapped?.stop()
  assert.equal(await link.wrapped?.ended(), 0)
  assert.equal(link.httpFar?.deletes.length, 1)
})

test('case 53: SIGTERM ends the server, in the way that servers are ended (stdio→stdio)', async () => {
  const link = await openSession('stdio→stdio')
  link.wrapped?.stop()
  assert.equal(await link.wrapped?.ended(), 0)
  assert.equal(link.pipeFar?.puppets?.all[0]?.inputEnded, true)
})

test('case 54: a process that dies answers every call under way at once, and the next session has a new one (HTTP→stdio)', async () => {
  const link = await openSession('HTTP→stdio')
  const http = httpOf(link)
  const ids = ['1', '"1"', '0']
  const posted: Posted[] = []
  for (const id of ids) {
    posted.push(http.send(call(id)))
    await link.far.next()
  }
  const puppet = await processesOf(link).puppet()
  const child = await puppet.grandchild()
  const answers = await answersOfDeath(link, puppet.pid, posted)
  for (const [index, answer] of answers.entries()) {
    assert.match(answer, new RegExp(`^\\{"jsonrpc":"2.0","id":${ids[index]},`))
    assert.match(answer, /"isError":true/)
  }
  // A child that was not waited for would still be there as a zombie.
  await assertGone([puppet.pid, child])
  assert.equal(await http.send(call('4')).head(), 404)
  await link.near.next()
  delete http.headers['Mcp-Session-Id']
  await shakeHands(link, '2025-06-18')
  await exchange(link, call('5'), result('5'))
  assert.equal(processesOf(link).all.length, 2)
})

/** Kills a process; what everybody who waits is then told, which is at once. */
async function answersOfDeath(
  link: Link,
  pid: number,
  posted: readonly Posted[],
): Promise<string[]> {
  const from = performance.now()
  process.kill(pid, 'SIGKILL')
  const answers: string[] = []
  for (const one of posted) answers.push((await one.whole()).messages.at(-1) ?? '')
  const took = performance.now() - from
  assert.ok(took < TOLD_WITHIN, `${took} ms`)
  for (const _one of posted) await link.near.next()
  return answers
}

test('case 54: a shared process that dies answers every client at once, and the next request has a new one (HTTP→stdio)', async () => {
  const link = await openLink('HTTP→stdio')
  const posted: Posted[] = []
  for (let i = 0; i < 3; i += 1) {
    posted.push(httpOf(link).send(modern('1', 'vendor/wait')))
    await link.far.next()
  }
  const puppet = await processesOf(link).puppet()
  for (const answer of await answersOfDeath(link, puppet.pid, posted)) {
    assert.match(answer, /^\{"jsonrpc":"2.0","id":1,"error":\{"code":1016,/)
  }
  await assertGone([puppet.pid])
  const taken = await askUntilTaken(link)
  assert.notEqual(taken.puppet?.pid, puppet.pid)
  taken.answer(result(idOf(taken.text)))
  assert.equal(await link.near.next(), result('2'))
})

/** A process that has just crashed is started again after a moment; until then requests are refused. */
async function askUntilTaken(link: Link): Promise<Taken> {
  for (;;) {
    const posted = link.near.send(modern('2', 'vendor/wait'))
    const taken = await waitFor(() => link.far.waiting[0] ?? posted?.end, {
      within: SOON,
      what: 'the request to be taken or refused',
    })
    if (typeof taken !== 'string') return link.far.next()
    assert.match(await link.near.next(), /"code":1009,/)
  }
}

test('case 54: a process that dies answers every call under way, and its code is the exit code (stdio→stdio)', async () => {
  const link = await openSession('stdio→stdio')
  const ids = ['1', '"1"', '0']
  for (const id of ids) {
    link.near.send(request(id, 'vendor/wait'))
    await link.far.next()
  }
  const puppet = link.pipeFar?.puppets?.all[0]
  const child = await puppet?.grandchild()
  puppet?.exit(9)
  const got: string[] = []
  for (const _id of ids) got.push(await link.near.next())
  for (const id of ids) {
    assert.ok(
      got.some((line) => line.startsWith(`{"jsonrpc":"2.0","id":${id},"error":{"code":1016`)),
    )
  }
  assert.equal(await link.wrapped?.ended(), 9)
  await assertGone([puppet?.pid ?? 0, child ?? 0])
})

/** What a server writes on standard error before it goes on. */
const STDERR_BYTES = 1024 * 1024

test('case 55: 1 MB on standard error holds up no call (HTTP→stdio)', async () => {
  const link = await openSession('HTTP→stdio')
  link.near.send(call('1'))
  const taken = await link.far.next()
  const line = `${'e'.repeat(99)}\n`
  await taken.puppet?.writeError(line.repeat(STDERR_BYTES / 100))
  await taken.puppet?.writeError('x'.repeat(STDERR_BYTES))
  taken.answer(result('1'))
  assert.equal(await link.near.next(), result('1'))
  const logged =
    link.sidecar?.logs.filter(({ event }) => event === 'sidelight.process.stderr') ?? []
  assert.ok(logged.length > 0)
  for (const { fields } of logged)
    assert.ok(String(fields['sidelight.process.text']).length <= 4097)
})

overModes(
  'case 55: lines that are no messages are dropped, and those around them pass',
  ['HTTP→stdio', 'stdio→stdio'],
  async (mode) => {
    const link = await openSession(mode)
    link.near.send(call('1'))
    const { puppet } = await link.far.next()
    const progress = notification('notifications/message', '{"level":"info","data":1}')
    puppet?.write(`starting…\n\n   \n{"half":\n${progress}\n[]\n"text"\n7\n{"jsonrpc":"2.0"}\r\n`)
    puppet?.write(`\u001b[31mred\u001b[0m\n${result('1')}\r\n`)
    assert.equal(await link.near.next(), progress)
    assert.equal((await link.near.next()).trimEnd(), result('1'))
    await assertQuiet(link)
    if (link.sidecar === undefined) return
    const metrics = await link.sidecar.metrics()
    assert.ok(
      metrics.sum('sidelight_stdio_lines_dropped_total', { sidelight_stdio_drop_reason: 'noise' }) >
        0,
    )
  },
)

test('case 56: a process gets the variables that it is given, and few others (HTTP→stdio)', async () => {
  process.env['CASE_56_SECRET'] = 'secret'
  process.env['CASE_56_SHARED'] = 'shared'
  try {
    const link = await openSession('HTTP→stdio', {
      upstream: { env: { CASE_56_OWN: 'own', TERM: 'dumb' }, inheritEnv: ['CASE_56_SHARED'] },
    })
    const { env } = link.pipeFar?.puppets?.all[0]?.hello ?? {}
    assert.equal(env?.['CASE_56_OWN'], 'own')
    assert.equal(env?.['CASE_56_SHARED'], 'shared')
    assert.equal(env?.['TERM'], 'dumb')
    const allowed = ['HOME', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'USER']
    const others = Object.keys(env ?? {}).filter((name) => !allowed.includes(name))
    assert.deepEqual(others.toSorted(), ['CASE_56_OWN', 'CASE_56_SHARED'])
  } finally {
    delete process.env['CASE_56_SECRET']
    delete process.env['CASE_56_SHARED']
  }
})

test('case 56: a wrapped server gets the whole environment of wrap (stdio→stdio)', async () => {
  const puppets = await startPuppets()
  startWrapped({
    server: puppets.command,
    env: { CASE_56_TOKEN: 'given by the client', EMPTY: '' },
  })
  const { env } = (await puppets.puppet()).hello
  assert.equal(env['CASE_56_TOKEN'], 'given by the client')
  assert.equal(env['EMPTY'], '')
})

test('case 57: a process that ends of a probe for the era is no crash (HTTP→stdio)', async () => {
  for (const code of [0, 1]) {
    const link = await openLink('HTTP→stdio')
    const posted = link.near.send(modern('"p"', 'server/discover'))
    const taken = await link.far.next()
    taken.puppet?.exit(code)
    // What a server of an earlier revision would have said.
    assert.match(await link.near.next(), /^\{"jsonrpc":"2.0","id":"p","error":\{"code":-32601,/)
    // On a busy machine the reply may have become a stream by then, whose status is 200.
    assert.ok([200, 404].includes((await posted?.head()) ?? 0))
    const metrics = await link.sidecar?.metrics()
    const counted = (how: string): number | undefined =>
      metrics?.sum('sidelight_processes_ended_total', { sidelight_process_end: how })
    assert.deepEqual(['probe', 'crashed', 'exited'].map(counted), [1, 0, 0])
    assert.deepEqual(
      link.sidecar?.logs.filter(({ event }) => event === 'sidelight.process.ended'),
      [],
    )
    // The client falls back, at once.
    await shakeHands(link, '2025-06-18')
    await exchange(link, call('1'), result('1'))
  }
})

test('case 57: a program that cannot run at all is no server of an earlier revision (HTTP→stdio)', async () => {
  const sidecar = await startTestSidecar({
    upstreams: { main: { command: [process.execPath, '-e', 'process.exit(3)'] } },
  })
  const headers = { ...GO_HEADERS, 'Mcp-Method': 'server/discover' }
  const response = await fetch(sidecar.url('main'), {
    method: 'POST',
    headers,
    body: modern('"p"', 'server/discover'),
  })
  // 404 would make clients of both eras try the older one.
  assert.ok(response.status >= 500, String(response.status))
  const text = await response.text()
  assert.match(text, /"id":"p","error":\{"code":1016,/)
})

test('case 57: a server that is only asked who it is, and then left, is no crash (stdio→stdio)', async () => {
  const link = await openLink('stdio→stdio')
  await exchange(link, modern('1', 'server/discover'), result('1', '{"supportedVersions":[]}'))
  link.wrapped?.end()
  assert.equal(await link.wrapped?.ended(), 0)
  assert.equal(link.wrapped?.errors, '')
})

test('case 57: a server that ends of the probe ends wrap with its code, and says nothing of a crash (stdio→stdio)', async () => {
  const link = await openLink('stdio→stdio')
  link.near.send(modern('1', 'server/discover'))
  const { puppet } = await link.far.next()
  puppet?.exit(1)
  assert.equal(await link.wrapped?.ended(), 1)
  assert.doesNotMatch(link.wrapped?.errors ?? '', /crash|process\.ended/)
})
