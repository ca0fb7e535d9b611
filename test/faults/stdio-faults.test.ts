/** The processes around stdio servers do what their faults say. */

import assert from 'node:assert/strict'
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { listProcesses } from '../support/processes.ts'
import { isRunning } from '../support/puppets.ts'
import { closeAfterTest } from '../support/scope.ts'
import { SOON, waitFor } from '../support/wait-for.ts'
import { startStdioFaults, type StdioFaultsOptions } from './stdio-faults.ts'

const SERVER = [
  process.execPath,
  fileURLToPath(new URL('../support/fault-server.ts', import.meta.url)),
]

const call = (name: string): string =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}"}}\n`

const STATED = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"'

const START_WITHIN = 15_000

interface Launched {
  readonly child: ChildProcessWithoutNullStreams
  readonly stdout: () => string
  readonly stderr: () => string
}

function launch(command: readonly string[]): Launched {
  const [file = '', ...args] = command
  const child = spawn(file, args)
  closeAfterTest(async () => void child.kill('SIGKILL'))
  const texts = { stdout: '', stderr: '' }
  child.stdout.on('data', (bytes: Buffer) => (texts.stdout += bytes.toString('latin1')))
  child.stderr.on('data', (bytes: Buffer) => (texts.stderr += bytes.toString('latin1')))
  child.stdin.on('error', () => {})
  return { child, stdout: () => texts.stdout, stderr: () => texts.stderr }
}

async function scene(options: Omit<StdioFaultsOptions, 'command'> = {}) {
  const faults = await startStdioFaults({ command: SERVER, ...options })
  return { faults, ...launch(faults.command) }
}

test('without faults lines pass both ways, and the server ends with its input', async () => {
  const { faults, child, stdout } = await scene()
  child.stdin.write(call('pid'))
  const { server } = await faults.running()
  await waitFor(() => stdout().endsWith('\n'), { within: START_WITHIN, what: 'the answer' })
  assert.equal(stdout(), `${STATED}${server}"}]}}\n`)
  child.stdin.end()
  await waitFor(() => child.exitCode === 0 && !isRunning(server), {
    within: SOON,
    what: 'both to end',
  })
})

test('a crash at the start ends the process with its code, and starts no server', async () => {
  const { faults, child } = await scene({ faults: [{ kind: 'crash', code: 5, afterMs: 0 }] })
  await waitFor(() => child.exitCode !== null, { within: START_WITHIN, what: 'the end' })
  assert.equal(child.exitCode, 5)
  assert.equal(faults.all[0]?.server, 0)
})

test('a slow start answers late what was asked before', async () => {
  const { faults, child, stdout } = await scene({ faults: [{ kind: 'slow_start', ms: 300 }] })
  const startedAt = performance.now()
  child.stdin.write(call('seen'))
  const { server } = await faults.running()
  assert.ok(performance.now() - startedAt >= 300)
  assert.ok(server > 0)
  await waitFor(() => stdout().endsWith('\n'), { within: START_WITHIN, what: 'the answer' })
  assert.equal(stdout(), `${STATED}tools/call"}]}}\n`)
})

test('a hang answers nothing until it is over', async () => {
  const { faults, child, stdout } = await scene()
  const process0 = await faults.running()
  child.stdin.write(call('seen'))
  await waitFor(() => stdout() !== '', { within: START_WITHIN, what: 'the first answer' })
  process0.hang()
  const before = stdout()
  child.stdin.write(call('seen'))
  await waitFor(async () => (await stateOf(process0.server)).startsWith('T'), {
    within: SOON,
    what: 'the server to stop',
  })
  assert.equal(stdout(), before)
  process0.wake()
  await waitFor(() => stdout().length > before.length, { within: SOON, what: 'the answer' })
})

test('a kill ends both at once', async () => {
  const { faults, child } = await scene()
  const process0 = await faults.running()
  process0.kill()
  await waitFor(() => child.signalCode === 'SIGKILL' && !isRunning(process0.server), {
    within: SOON,
    what: 'both to be gone',
  })
  await waitFor(() => process0.gone, { within: SOON, what: 'the test to hear of it' })
})

test('a flood comes on the stream it is meant for, whole', async () => {
  const { faults, stdout, stderr } = await scene()
  const process0 = await faults.running()
  await process0.flood('stdout', 'x'.repeat(99), 2_000)
  await process0.flood('stderr', 'y'.repeat(99), 2_000)
  await waitFor(() => stdout().length >= 200_000 && stderr().length >= 200_000, {
    within: SOON,
    what: 'both floods',
  })
  assert.match(stdout(), /^(x{99}\n){2000}$/)
  assert.match(stderr(), /^(y{99}\n){2000}$/)
})

test('output is cut in the middle of a line, and the process ends', async () => {
  const { child, stdout } = await scene({ faults: [{ kind: 'truncate', afterBytes: 20 }] })
  child.stdin.write(call('pid'))
  await waitFor(() => child.exitCode !== null, { within: START_WITHIN, what: 'the end' })
  assert.equal(stdout(), '{"jsonrpc":"2.0","id')
  assert.equal(child.exitCode, 1)
})

test('faults are switched while the server runs, and garbage is nothing of what it said', async () => {
  const { faults, child, stdout } = await scene()
  await faults.running()
  child.stdin.write(call('seen'))
  await waitFor(() => stdout().endsWith('\n'), { within: START_WITHIN, what: 'the answer' })
  const clean = stdout()
  faults.set({ kind: 'garbage' })
  child.stdin.write(call('hold'))
  child.stdin.write(call('seen'))
  const expected = `${STATED}tools/call tools/call tools/call"}]}}\n`
  await waitFor(() => stdout().length === clean.length + expected.length, {
    within: SOON,
    what: 'as many bytes as the answer has',
  })
  const spoiled = stdout().slice(clean.length)
  assert.ok(spoiled.split('').every((byte, i) => byte !== expected[i]))
})

async function stateOf(pid: number): Promise<string> {
  return (await listProcesses()).get(pid)?.state ?? ''
}
