/** Servers as real processes: how they are started, what they write, and that nothing of them stays. */

import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/core/clock.ts'
import {
  ServerProcess,
  type ProcessEnd,
  type ServerCommand,
} from '../../src/upstream/stdio/server-process.ts'
import { Watchdog } from '../../src/upstream/stdio/watchdog.ts'
import { parseJson } from '../support/json.ts'
import { allGone, listProcesses, STUBBORN } from '../support/processes.ts'
import { closeAfterTest } from '../support/scope.ts'
import { bounded, signal, SOON, waitFor } from '../support/wait-for.ts'

/** A server gets 2 s after its input ended and 2 s after SIGTERM; the rest is for a busy machine. */
const STOPPED_WITHIN = 9_000

/** What does not ignore SIGTERM ends before SIGKILL comes. */
const TERMINATED_WITHIN = 1_500

const PATH = { PATH: '/usr/local/bin:/usr/bin:/bin' }

class CountingWatchdog extends Watchdog {
  readonly watched: number[] = []
  readonly forgotten: number[] = []

  constructor() {
    super({ onMissing: () => {} })
  }

  override watch(pid: number): void {
    this.watched.push(pid)
  }

  override forget(pid: number): void {
    this.forgotten.push(pid)
  }
}

interface Started {
  readonly server: ServerProcess
  readonly pid: number
  readonly lines: readonly string[]
  /** Lines that were too long, put together. */
  readonly long: readonly Buffer[]
  readonly stderr: readonly string[]
  readonly watchdog: CountingWatchdog
  /** How it ended, and how many lines there were then. */
  readonly ended: (within?: number) => Promise<ProcessEnd & { readonly linesThen: number }>
  /** The first line. */
  readonly first: () => Promise<string>
}

function start(command: Partial<ServerCommand>, lineBytesMax = 32 * 1024 * 1024): Started {
  const texts = { lines: [] as string[], long: [] as Buffer[], stderr: [] as string[] }
  let parts: Buffer[] = []
  const end = signal<ProcessEnd & { readonly linesThen: number }>()
  const watchdog = new CountingWatchdog()
  let endings = 0
  const server = new ServerProcess({
    command: { file: '/bin/sh', args: [], env: PATH, cwd: undefined, ...command },
    stderr: 'lines',
    watchdog,
    clock: systemClock,
  })
  server.listen(lineBytesMax, {
    line: (bytes) => {
      assert.equal(endings, 0, 'no line follows the end')
      texts.lines.push(bytes.toString().replace(/\n$/, ''))
    },
    longPart: (bytes) => void parts.push(Buffer.from(bytes)),
    longEnd: () => {
      texts.long.push(Buffer.concat(parts))
      parts = []
    },
    stderr: (text) => void texts.stderr.push(text),
    exited: (how) => {
      endings += 1
      assert.equal(endings, 1, 'the end is told once')
      end.resolve({ ...how, linesThen: texts.lines.length })
    },
  })
  closeAfterTest(() =>
    bounded(server.stop(), { within: STOPPED_WITHIN, what: 'the end of a server' }),
  )
  return {
    ...texts,
    server,
    watchdog,
    pid: server.pid ?? 0,
    ended: (within = SOON) => bounded(end.promise, { within, what: 'the end of a server' }),
    first: () => waitFor(() => texts.lines[0], { within: SOON, what: 'a line' }),
  }
}

/** What a script has said of itself and of what it has started. */
const pidsIn = (line: string): number[] => parseJson<number[]>(line)

const shell = (script: string): Started => start({ args: ['-c', script] })
const program = (source: string, env: Readonly<Record<string, string>> = PATH): Started =>
  start({ file: process.execPath, args: ['-e', source], env })

test('a server has the environment that it is given and nothing else', async () => {
  const given = { A: '1', EMPTY: '', B: 'x y$HOME' }
  const { first } = program('console.log(JSON.stringify(process.env))', given)
  assert.deepEqual(parseJson<object>(await first()), given)
})

test('no shell reads the arguments of a server', async () => {
  const args = ['$HOME', '`id`', 'a b', '; echo x', '', '*', '"\'']
  const source = 'console.log(JSON.stringify(process.argv.slice(1)))'
  const { first } = start({ file: process.execPath, args: ['-e', source, '--', ...args] })
  assert.deepEqual(parseJson<string[]>(await first()), args)
})

test('a server works in the directory that it is given', async () => {
  const { first } = start({
    file: process.execPath,
    args: ['-e', 'console.log(JSON.stringify(process.cwd()))'],
    cwd: '/',
  })
  assert.equal(await first(), '"/"')
})

test('a server leads a process group of its own', async () => {
  const { pid, first } = shell('sleep 60 & printf "[%d,%d]\\n" $$ $!; read -r line')
  const pids = pidsIn(await first())
  assert.equal(pids[0], pid)
  const all = await listProcesses()
  assert.deepEqual(
    pids.map((one) => all.get(one)?.group),
    [pid, pid],
  )
  assert.notEqual(all.get(process.pid)?.group, pid)
})

test('lines go both ways as they are, of any size', async () => {
  const { server, lines } = start({ file: '/bin/cat' })
  const sent = ['{"a":1.0}', '', 'é\r', 'x'.repeat(64 * 1024 + 1), 'y'.repeat(3_000_000), 'last']
  let written = 0
  for (const line of sent) server.write(Buffer.from(line), () => void (written += 1))
  await waitFor(() => lines.length === sent.length, { within: SOON, what: 'the lines to be back' })
  assert.deepEqual(lines, sent)
  assert.equal(written, sent.length)
})

test('a server that is not read does not write on, and goes on when it is read', async () => {
  const script = 'i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i+1)); done'
  const paused = shell(script)
  paused.server.pause()
  // By the time that another one has written all, this one had as much time.
  await shell(script).ended(STOPPED_WITHIN)
  assert.ok(paused.lines.length < 10_000, `${paused.lines.length} lines were read`)
  assert.equal(paused.server.alive, true)
  paused.server.resume()
  await waitFor(() => paused.lines.length === 20_000, { within: SOON, what: 'all lines' })
  assert.equal(paused.lines.at(-1), 'line 19999')
})

test('a burst of 1 MiB on standard error holds up nobody, and is handed on in lines', async () => {
  const source = `
    const fs = require('fs')
    const line = 'e'.repeat(1023) + '\\n'
    for (let i = 0; i < 1024; i += 1) fs.writeSync(2, line)
    fs.writeSync(2, 'z'.repeat(100000) + '\\n')
    fs.writeSync(1, '"done"\\n')
    process.stdin.resume()
  `
  const { first, stderr } = program(source)
  assert.equal(await first(), '"done"')
  await waitFor(() => stderr.length === 1_025, { within: SOON, what: 'standard error' })
  assert.ok(stderr.slice(0, 1_024).every((line) => line === 'e'.repeat(1_023)))
  assert.equal(stderr[1_024], `${'z'.repeat(4_096)}…`)
})

test('a line over the limit is shown as it passes, and the lines around it are whole', async () => {
  const source = `console.log('one'); console.log('x'.repeat(5000000)); console.log('two')`
  const { lines, long } = start({ file: process.execPath, args: ['-e', source] }, 1_000_000)
  await waitFor(() => lines.length === 2, { within: SOON, what: 'the lines' })
  assert.deepEqual(lines, ['one', 'two'])
  assert.deepEqual(
    long.map((line) => line.toString().trimEnd()),
    ['x'.repeat(5_000_000)],
  )
})

test('what a server writes just before it ends is read whole', async () => {
  const source = `
    const out = Array.from({ length: 500 }, (_, i) => String(i).padEnd(2000, '.')).join('\\n')
    require('fs').writeSync(1, 'first\\n')
    process.stdout.write(out, () => process.exit(3))
  `
  const servers = Array.from({ length: 5 }, () => program(source))
  for (const { ended, lines } of servers) {
    const { code, linesThen, asked } = await ended()
    assert.deepEqual([code, asked, linesThen], [3, false, 501])
    assert.equal(lines[500], '499'.padEnd(2000, '.'), 'also what no line feed followed')
  }
})

test('a server has ended when it has, though what it started holds its output open', async () => {
  const { ended, first, pid } = shell(
    `i=0; echo "[$$]"; while [ $i -lt 300 ]; do echo "line $i"; i=$((i+1)); done; sleep 60 & exit 0`,
  )
  const { code, linesThen, uptimeMs } = await ended()
  assert.deepEqual([code, linesThen], [0, 301])
  assert.ok(uptimeMs < 1_500, `${uptimeMs} ms`)
  assert.deepEqual(pidsIn(await first()), [pid])
})

test('what a server started ends with it', async () => {
  const { ended, first, watchdog, pid } = shell('sleep 60 & printf "[%d,%d]\\n" $$ $!; exit 0')
  await ended()
  await allGone(pidsIn(await first()), TERMINATED_WITHIN)
  await waitFor(() => watchdog.forgotten.length > 0, { within: SOON, what: 'the group to be over' })
  assert.deepEqual([watchdog.watched, watchdog.forgotten], [[pid], [pid]])
})

test('what a server started ends with it though it ignores SIGTERM, and is forgotten by the watchdog', async () => {
  const { ended, first, watchdog, pid } = shell(
    `trap '' TERM; (while :; do sleep 1; done) & printf '[%d,%d]\\n' $$ $!; exit 3`,
  )
  const { code } = await ended()
  assert.equal(code, 3)
  await allGone(pidsIn(await first()), STOPPED_WITHIN)
  await waitFor(() => watchdog.forgotten.length > 0, { within: SOON, what: 'the group to be over' })
  assert.deepEqual(watchdog.forgotten, [pid])
})

test('a server that crashes is told by its signal, and leaves neither zombie nor orphan', async () => {
  const { ended, first, pid } = shell('sleep 60 & printf "[%d,%d]\\n" $$ $!; read -r line')
  const pids = pidsIn(await first())
  process.kill(pid, 'SIGKILL')
  const { code, signal: by, asked, spawnError } = await ended()
  assert.deepEqual([code, by, asked, spawnError], [undefined, 'SIGKILL', false, undefined])
  await allGone(pids, TERMINATED_WITHIN)
})

test('a server that ends with its input is asked no more than that', async () => {
  const { server, ended, first, pid } = shell(
    `trap 'echo terminated' TERM; echo "[$$]"; while read -r line; do :; done; exit 0`,
  )
  await first()
  const before = performance.now()
  await bounded(server.stop(), { within: SOON, what: 'the end of a server' })
  assert.ok(performance.now() - before < 1_500)
  const { code, signal: by, asked } = await ended()
  assert.deepEqual([code, by, asked], [0, undefined, true])
  await allGone([pid], SOON)
})

test('a server that ignores the end of its input is ended by SIGTERM', async () => {
  const { server, ended, first } = shell('sleep 60 & printf "[%d,%d]\\n" $$ $!; wait')
  const pids = pidsIn(await first())
  const before = performance.now()
  await bounded(server.stop(), { within: STOPPED_WITHIN, what: 'the end of a server' })
  assert.ok(performance.now() - before >= 1_900, 'it had two seconds')
  const { signal: by, asked } = await ended()
  assert.deepEqual([by, asked], ['SIGTERM', true])
  await allGone(pids, SOON)
})

test('a server that ignores that too is ended by SIGKILL, with all that it started', async () => {
  const { server, ended, lines, watchdog, pid } = shell(STUBBORN)
  server.write(Buffer.from('{}'))
  const line = await waitFor(() => lines[0], { within: SOON, what: 'the pids' })
  const { pids } = parseJson<{ result: { pids: number[] } }>(line).result
  const before = performance.now()
  const stopped = Promise.all([server.stop(), server.stop()])
  await bounded(stopped, { within: STOPPED_WITHIN, what: 'the end of a server' })
  const took = performance.now() - before
  assert.ok(took >= 3_900 && took < 6_000, `${took} ms`)
  const { signal: by, asked } = await ended()
  assert.deepEqual([by, asked], ['SIGKILL', true])
  await allGone(pids, SOON)
  await waitFor(() => watchdog.forgotten.length > 0, { within: SOON, what: 'the group to be over' })
  assert.deepEqual(watchdog.forgotten, [pid])
})

test('a server that has ended takes no harm from what is still asked of it', async () => {
  const { server, ended } = shell('exit 0')
  await ended()
  assert.equal(server.alive, false)
  const told = signal<Error | null | undefined>()
  server.write(Buffer.from('late'), (error) => told.resolve(error))
  const error = await bounded(told.promise, { within: SOON, what: 'word that nobody took it' })
  assert.ok(error instanceof Error)
  server.pause()
  server.resume()
  await bounded(server.stop(), { within: SOON, what: 'nothing' })
})

test('a program that cannot be started is told by its error code', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sidelight-'))
  closeAfterTest(() => rm(directory, { recursive: true }))
  const plain = join(directory, 'plain')
  await writeFile(plain, 'no program')
  await chmod(plain, 0o644)
  const rows: readonly (readonly [Partial<ServerCommand>, string])[] = [
    [{ file: join(directory, 'missing') }, 'ENOENT'],
    [{ file: 'sidelight-no-such-program' }, 'ENOENT'],
    [{ file: plain }, 'EACCES'],
    [{ file: directory }, 'EACCES'],
    [{ cwd: join(directory, 'missing') }, 'ENOENT'],
    [{ cwd: plain }, 'ENOTDIR'],
  ]
  for (const [command, code] of rows) {
    const { server, ended, watchdog } = start(command)
    server.write(Buffer.from('{}'))
    const end = await ended()
    assert.deepEqual([end.spawnError, end.code, end.signal], [code, undefined, undefined])
    assert.equal(server.pid, undefined)
    assert.deepEqual(watchdog.watched, [])
    await bounded(server.stop(), { within: SOON, what: 'nothing' })
  }
})

test('a watchdog that nobody feeds ends the groups it was told of, and no other', async () => {
  const servers = [shell(STUBBORN), shell(STUBBORN)]
  const pids: number[][] = []
  for (const { server, lines } of servers) {
    server.write(Buffer.from('{}'))
    const line = await waitFor(() => lines[0], { within: SOON, what: 'the pids' })
    pids.push(parseJson<{ result: { pids: number[] } }>(line).result.pids)
  }
  const watchdog = new Watchdog({ onMissing: (code) => assert.fail(code) })
  for (const { pid } of servers) watchdog.watch(pid)
  watchdog.forget(servers[0]?.pid ?? 0)
  watchdog.close()
  await allGone(pids[1] ?? [], SOON)
  const all = await listProcesses()
  for (const pid of pids[0] ?? []) assert.ok(all.has(pid), 'the forgotten one lives on')
})

test('a watchdog that is not used starts nothing, and can be closed twice', () => {
  const watchdog = new Watchdog({ onMissing: (code) => assert.fail(code) })
  watchdog.forget(1)
  watchdog.close()
  watchdog.close()
})
