/** `sidelight wrap` as a process between a client and its server: what people see of it. */

import assert from 'node:assert/strict'
import { readFile, readlink, readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { call, initialize, initialized, notification, request, result } from '../../support/link.ts'
import { isRunning, startPuppets, type Puppets } from '../../support/puppets.ts'
import { startRawUpstream } from '../../support/raw-upstream.ts'
import { SOON, waitFor } from '../../support/wait-for.ts'
import { startWrapProcess } from '../../support/wrap-process.ts'

const LINUX = { skip: process.platform !== 'linux' }

/** After its input has ended, and again after SIGTERM, a server has two seconds. */
const KILLED_WITHIN = 10_000

/** Servers that answer the handshake, and leave the rest to the test. */
function answering(): Promise<Puppets> {
  return startPuppets({
    onLine: (line, puppet) => {
      if (line.includes('"initialize"')) puppet.say(initialized('2025-06-18'))
    },
  })
}

async function assertGone(pids: readonly number[]): Promise<void> {
  await waitFor(() => !pids.some(isRunning), {
    within: KILLED_WITHIN,
    what: `the end of ${pids.join(' and ')}`,
  })
}

for (const code of [0, 3]) {
  test(`the exit code ${code} of the server is that of wrap`, async () => {
    const puppets = await answering()
    const wrap = startWrapProcess(['--', ...puppets.command])
    wrap.say(initialize('2025-06-18'))
    assert.equal(await wrap.line(0), initialized('2025-06-18'))
    ;(await puppets.puppet()).exit(code)
    assert.deepEqual(await wrap.ended(), { code, signal: null })
  })
}

test('a program that does not exist is named, and the exit code is 127', async () => {
  const wrap = startWrapProcess(['--', 'sidelight-no-such-program', '--flag'])
  wrap.say(initialize('2025-06-18'))
  assert.deepEqual(await wrap.ended(), { code: 127, signal: null })
  assert.match(wrap.stderr, /sidelight wrap: .*could not be started.*ENOENT/)
  assert.match(wrap.stderr, /sidelight-no-such-program/)
  // The client waits for an answer, and gets one.
  for (const line of wrap.lines) assert.match(line, /^\{"jsonrpc":"2.0","id":"init","error":/)
})

test('neither a command nor a URL, and both, are mistakes of usage', async () => {
  const both = ['--upstream', 'http://127.0.0.1:1/mcp', '--', 'true']
  for (const wrap of [startWrapProcess([]), startWrapProcess(both)]) {
    assert.deepEqual(await wrap.ended(), { code: 2, signal: null })
    assert.match(wrap.stderr, /either a command after -- or --upstream/)
    assert.equal(wrap.stdout, '')
  }
})

test('the end of the input ends the server, which may still answer', async () => {
  const puppets = await startPuppets({
    onInputEnd: (puppet) => {
      puppet.say(result('1', '{"last":1.0}'))
      puppet.exit(0)
    },
  })
  const wrap = startWrapProcess(['--', ...puppets.command])
  wrap.say(call('1'))
  const puppet = await puppets.puppet()
  await puppet.line(0)
  wrap.end()
  assert.deepEqual(await wrap.ended(), { code: 0, signal: null })
  assert.deepEqual(wrap.lines, [result('1', '{"last":1.0}')])
  await assertGone([puppet.pid])
})

test(
  'a server that ignores the end of its input and SIGTERM is killed, with what it started',
  LINUX,
  async () => {
    const puppets = await startPuppets({ onInputEnd: () => {} })
    const wrap = startWrapProcess(['--', ...puppets.command])
    const puppet = await puppets.puppet()
    puppet.beStubborn()
    const child = await puppet.grandchild()
    wrap.end()
    await wrap.ended(KILLED_WITHIN)
    assert.equal(puppet.inputEnded, true)
    assert.equal(puppet.signals, 1)
    await assertGone([puppet.pid, child])
  },
)

test('SIGTERM ends wrap and the server, in the way that servers are ended', async () => {
  const puppets = await answering()
  const wrap = startWrapProcess(['--', ...puppets.command])
  wrap.say(initialize('2025-06-18'))
  await wrap.line(0)
  const puppet = await puppets.puppet()
  wrap.child.kill('SIGTERM')
  assert.deepEqual(await wrap.ended(), { code: 0, signal: null })
  assert.equal(puppet.inputEnded, true)
  await assertGone([puppet.pid])
})

test('requests under way when the server crashes are each answered with an error', async () => {
  const puppets = await answering()
  const wrap = startWrapProcess(['--', ...puppets.command])
  for (const id of ['1', '"1"']) wrap.say(request(id, 'vendor/wait'))
  wrap.say(call('2'))
  const puppet = await puppets.puppet()
  await puppet.line(2)
  process.kill(puppet.pid, 'SIGKILL')
  // As shells have it: 128 and the number of the signal.
  assert.deepEqual(await wrap.ended(), { code: 137, signal: null })
  assert.equal(wrap.lines.length, 3)
  for (const id of ['1', '"1"']) {
    const start = `{"jsonrpc":"2.0","id":${id},"error":{"code":1016,`
    assert.ok(wrap.lines.some((line) => line.startsWith(start)))
  }
  assert.ok(
    wrap.lines.some((line) => /^\{"jsonrpc":"2.0","id":2,"result":.*"isError":true/.test(line)),
  )
})

test('a killed wrap takes its server with it, and what the server started', LINUX, async () => {
  const puppets = await startPuppets({ onInputEnd: () => {} })
  const wrap = startWrapProcess(['--', ...puppets.command])
  const puppet = await puppets.puppet()
  puppet.beStubborn()
  const child = await puppet.grandchild()
  wrap.child.kill('SIGKILL')
  assert.equal((await wrap.ended(KILLED_WITHIN)).signal, 'SIGKILL')
  await assertGone([puppet.pid, child])
})

test('nothing is listened on unless --admin asks for it', LINUX, async () => {
  const puppets = await answering()
  const closed = startWrapProcess(['--', ...puppets.command])
  const open = startWrapProcess(['--admin', '127.0.0.1:0', '--', ...puppets.command])
  for (const wrap of [closed, open]) wrap.say(initialize('2025-06-18'))
  for (const wrap of [closed, open]) await wrap.line(0)
  assert.deepEqual(await listening(closed.pid), [])
  const [port] = await listening(open.pid)
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  assert.match(metrics, /sidelight_calls_total\{[^}]*mcp_method_name="initialize"/)
})

/** TCP ports that a process listens on. */
async function listening(pid: number): Promise<number[]> {
  const inodes = new Set<string>()
  for (const fd of await readdir(`/proc/${pid}/fd`)) {
    const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1]
    if (inode !== undefined) inodes.add(inode)
  }
  const table = (await readFile(`/proc/${pid}/net/tcp`, 'utf8')).split('\n').slice(1)
  return table.flatMap((row) => {
    const [, local = '', , state, , , , , , inode = ''] = row.trim().split(/\s+/)
    return state === '0A' && inodes.has(inode)
      ? [Number.parseInt(local.split(':')[1] ?? '', 16)]
      : []
  })
}

test('standard output carries nothing but lines of the protocol, at any log level', async () => {
  const puppets = await answering()
  const wrap = startWrapProcess([
    '--log-level',
    'debug',
    '--log-format',
    'text',
    '--',
    ...puppets.command,
  ])
  wrap.say(initialize('2025-06-18'))
  await wrap.line(0)
  const puppet = await puppets.puppet()
  puppet.write('this line is no JSON\n')
  await puppet.writeError('said on standard error\n')
  wrap.say('{"broken')
  wrap.say(call('1'))
  await puppet.line(1)
  puppet.say(result('1'))
  await waitFor(() => wrap.lines.includes(result('1')), { within: SOON, what: 'the answer' })
  wrap.end()
  assert.equal((await wrap.ended()).code, 0)
  assert.ok(wrap.stdout.endsWith('\n'))
  for (const line of wrap.lines) assert.match(line, /^\{"jsonrpc":"2.0",/)
  assert.match(wrap.stderr, /said on standard error/)
})

test('the server gets the environment, the arguments and the working directory that wrap was given', async () => {
  const puppets = await startPuppets({}, ['--flag', 'é "x" $HOME', '', '--'])
  startWrapProcess(['--', ...puppets.command], {
    env: { TOKEN: 'given', EMPTY: '', 'odd.name': 'x' },
  })
  const { env, argv, cwd } = (await puppets.puppet()).hello
  assert.equal(env['TOKEN'], 'given')
  assert.equal(env['EMPTY'], '')
  assert.equal(env['odd.name'], 'x')
  assert.deepEqual(argv.slice(3), ['--flag', 'é "x" $HOME', '', '--'])
  assert.equal(cwd, process.cwd())
})

const STDIO_V1 = fileURLToPath(new URL('../../support/stdio-server-v1.ts', import.meta.url))

test('a server on the official SDK answers through wrap as it does alone, and ends with it', async () => {
  const wrap = startWrapProcess(['--name', 'files', '--', process.execPath, STDIO_V1])
  wrap.say(initialize('2025-06-18'))
  assert.match(await wrap.line(0), /"stdio-v1".*"id":"init"/)
  wrap.say(notification('notifications/initialized'))
  wrap.say(request('1', 'tools/call', '{"name":"echo","arguments":{"text":"é😀"}}'))
  assert.match(await wrap.line(1), /"é😀"/)
  wrap.end()
  assert.equal((await wrap.ended()).code, 0)
})

test('wrap in front of a URL ends with 0 when its client does, after the answers under way', async () => {
  const upstream = await startRawUpstream()
  const wrap = startWrapProcess(['--upstream', upstream.url])
  wrap.say(call('1'))
  wrap.end()
  assert.deepEqual(await wrap.ended(), { code: 0, signal: null })
  assert.match(wrap.stdout, /^\{"jsonrpc":"2.0","id":1,"result":[^\n]*\}\n$/)
  assert.equal(wrap.stderr, '')
})
