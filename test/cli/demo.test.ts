/** The demo as a newcomer starts it: real processes, real calls, and nothing left behind. */

import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bounded, waitFor } from '../support/wait-for.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** The first call is there in about a second; a loaded machine may take longer. */
const FIRST_CALL_WITHIN = 30_000
const END_WITHIN = 20_000

interface Demo {
  readonly child: ChildProcess
  /** Lines of standard output so far; the last one may still be growing. */
  lines(): readonly string[]
  stderr(): string
  /** Resolves to the exit code when the demo has ended and all it wrote has been read. */
  ended(): Promise<number | null>
}

const started: ChildProcess[] = []

function startDemo(args: readonly string[], env: Readonly<Record<string, string>> = {}): Demo {
  const child = spawn(process.execPath, [MAIN, 'demo', '--plain', ...args], {
    env: { PATH: process.env['PATH'], TZ: 'UTC', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(child)
  const texts = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (texts.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (texts.stderr += chunk.toString()))
  const closed = once(child, 'close')
  return {
    child,
    lines: () => texts.stdout.split('\n'),
    stderr: () => texts.stderr,
    ended: async () => {
      await bounded(closed, { within: END_WITHIN, what: 'the demo to end' })
      return child.exitCode
    },
  }
}

const FREE_PORTS = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']

const CALL =
  /^\d\d:\d\d:\d\d {2}(?<upstream>everything|library) +(?<label>\S.*?) {2,}(?<outcome>[a-z_]+(?: \S+)?) +[\d.]+ ms {2}trace [0-9a-f]{32}$/

interface CallLine {
  readonly upstream: string
  readonly label: string
  readonly outcome: string
}

function callsIn(lines: readonly string[]): CallLine[] {
  return lines.flatMap((line) => {
    const { upstream, label, outcome } = CALL.exec(line)?.groups ?? {}
    return upstream === undefined || label === undefined || outcome === undefined
      ? []
      : [{ upstream, label, outcome }]
  })
}

async function firstCall(demo: Demo): Promise<number> {
  const startedMs = performance.now()
  await waitFor(() => callsIn(demo.lines())[0], {
    within: FIRST_CALL_WITHIN,
    what: () => `the demo's first call; it wrote: ${demo.lines().join('\n')} ${demo.stderr()}`,
  })
  return performance.now() - startedMs
}

/** Pids of the demo's processes, as it prints them. */
function pidsOf(demo: Demo): readonly number[] {
  const text = demo.lines().join('\n')
  const pids = [...text.matchAll(/^process .*: pid (\d+)$/gm)].map((match) => Number(match[1]))
  assert.equal(pids.length, 3, text)
  return pids
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function allGone(pids: readonly number[]): Promise<void> {
  await waitFor(() => !pids.some(isAlive), {
    within: END_WITHIN,
    what: `the processes ${pids.join(', ')} to end`,
  })
}

function urlAfter(demo: Demo, word: string): string {
  const line = demo.lines().find((text) => text.startsWith(`${word}: `))
  assert.ok(line !== undefined, `no line starts with "${word}: "`)
  return line.slice(word.length + 2)
}

type Counts = Readonly<Record<string, number>>

/** `sidelight_calls_total` by upstream and outcome, the outcome named as the demo names it. */
async function scrape(url: string): Promise<Counts> {
  const response = await fetch(url)
  const counts: Record<string, number> = {}
  for (const line of (await response.text()).split('\n')) {
    const match = /^sidelight_calls_total\{(.*)\} (\d+)$/.exec(line)
    if (match === null) continue
    const [, labels = '', value] = match
    // Outcomes that have not come yet are there too, so that their first increase can be seen.
    if (value === '0') continue
    const upstream = /sidelight_upstream_name="(\w+)"/.exec(labels)?.[1] ?? ''
    const outcome = /sidelight_outcome="(\w+)"/.exec(labels)?.[1] ?? ''
    const key = `${upstream} ${outcome}`
    counts[key] = (counts[key] ?? 0) + Number(value)
  }
  return counts
}

function countCalls(calls: readonly CallLine[]): Counts {
  const counts: Record<string, number> = {}
  for (const { upstream, outcome } of calls) {
    const key = `${upstream} ${outcome.split(' ')[0] ?? ''}`
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}

const total = (counts: Counts): number => Object.values(counts).reduce((sum, n) => sum + n, 0)

function outcomesIn(summary: string): Counts {
  const list = summary.split('; ').at(-1) ?? ''
  return Object.fromEntries(
    list.split(', ').map((entry) => {
      const at = entry.lastIndexOf(' ')
      return [entry.slice(0, at), Number(entry.slice(at + 1))]
    }),
  )
}

describe('sidelight demo', { concurrency: false }, () => {
  after(() => {
    for (const child of started) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    }
  })

  it('shows calls of every kind, counts them as /metrics does, and leaves nothing behind', async () => {
    const demo = startDemo([...FREE_PORTS, '--duration', '12s'])
    const tookMs = await firstCall(demo)
    assert.ok(tookMs < FIRST_CALL_WITHIN, `${tookMs} ms to the first call`)
    const pids = pidsOf(demo)
    assert.ok(pids.every(isAlive), 'the processes run')
    const metrics = urlAfter(demo, 'metrics')

    // One scrape with everything in it that this test wants to see, taken while calls go on.
    await waitFor(
      () => {
        const outcomes = new Set(callsIn(demo.lines()).map(({ outcome }) => outcome))
        return ['ok', 'tool_error', 'cancelled'].every((outcome) => outcomes.has(outcome))
      },
      { within: 12_000, what: 'calls that are ok, failed by a tool and cancelled' },
    )
    const scraped = await scrape(metrics)

    assert.equal(await demo.ended(), 0, demo.stderr())
    assert.equal(demo.stderr(), '')
    await allGone(pids)

    // A call's line is written in the turn in which it is counted. So a scrape that counts n calls
    // counts exactly the calls of the first n lines.
    const calls = callsIn(demo.lines())
    const n = total(scraped)
    assert.ok(n > 0 && n <= calls.length, `${n} scraped, ${calls.length} shown`)
    assert.deepEqual(countCalls(calls.slice(0, n)), scraped)

    // The last summary counts every line, whatever its outcome.
    const summary = demo.lines().findLast((line) => line.startsWith('summary after ')) ?? ''
    const shown: Record<string, number> = {}
    for (const { outcome } of calls) shown[outcome] = (shown[outcome] ?? 0) + 1
    assert.deepEqual(outcomesIn(summary), shown)
    assert.match(summary, new RegExp(`^summary after 0:1[12]: ${calls.length} calls; `))
    assert.match(summary, /; 0 in flight; /)
    assert.ok(!('upstream_failed' in countByKind(shown)), summary)
  })

  it('prints a call that works when it is pasted', async () => {
    const demo = startDemo(FREE_PORTS)
    await firstCall(demo)
    const pids = pidsOf(demo)
    const command = demo.lines().find((line) => line.startsWith('  curl ') && line.includes('-d'))
    assert.ok(command !== undefined)
    const url = /http:\S+/.exec(command)?.[0] ?? ''
    const headers = [...command.matchAll(/-H '([^:]+): ([^']+)'/g)].map(
      ([, name = '', value = '']): [string, string] => [name, value],
    )
    const body = /-d '(.*)'$/.exec(command)?.[1] ?? ''
    const response = await fetch(url, { method: 'POST', headers, body })
    assert.equal(response.status, 200)
    assert.match(await response.text(), /The Sea, the Sea/)
    demo.child.kill('SIGTERM')
    assert.equal(await demo.ended(), 0, demo.stderr())
    await allGone(pids)
  })

  it('ends within 3 seconds of SIGINT, with exit code 0', async () => {
    const demo = startDemo([...FREE_PORTS, '--rate', '50'])
    await firstCall(demo)
    const pids = pidsOf(demo)
    const askedMs = performance.now()
    demo.child.kill('SIGINT')
    assert.equal(await demo.ended(), 0, demo.stderr())
    const tookMs = performance.now() - askedMs
    assert.ok(tookMs < 3_000, `${tookMs} ms`)
    await allGone(pids)
  })

  it('leaves nothing behind when it is killed', async () => {
    const demo = startDemo(FREE_PORTS)
    await firstCall(demo)
    const pids = pidsOf(demo)
    demo.child.kill('SIGKILL')
    await demo.ended()
    await allGone(pids)
  })

  it('says which process died, and ends the others', async () => {
    const demo = startDemo(FREE_PORTS)
    await firstCall(demo)
    const pids = pidsOf(demo)
    const [everything] = pids
    assert.ok(everything !== undefined)
    process.kill(everything, 'SIGKILL')
    assert.equal(await demo.ended(), 1)
    const said = /the everything server was ended by SIGKILL\. The last it wrote:\n((?: {2}.+\n)+)$/
    const output = said.exec(demo.stderr())?.[1]?.trimEnd().split('\n')
    assert.ok(output !== undefined, demo.stderr())
    assert.ok(output.length <= 20, `${output.length} lines`)
    await allGone(pids)
  })

  it('names the flag when a port is taken, and leaves nothing behind', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const address = taken.address()
    assert.ok(typeof address === 'object' && address !== null)
    const place = `127.0.0.1:${address.port}`
    for (const [flag, other, key] of [
      ['--listen', '--admin', 'listen.data'],
      ['--admin', '--listen', 'listen.admin'],
    ] as const) {
      const demo = startDemo([flag, place, other, '127.0.0.1:0'])
      // Standard output closes only when every process that holds it has ended.
      assert.equal(await demo.ended(), 1)
      assert.equal(
        demo.stderr(),
        `sidelight: ${place} is already in use; choose another with ${flag} ADDRESS (or ${key} in the file)\n`,
      )
    }
    taken.close()
  })

  it('keeps its servers to 127.0.0.1', { skip: !existsSync('/proc/net/tcp') }, async () => {
    const demo = startDemo(FREE_PORTS)
    await firstCall(demo)
    const [everything = 0, library = 0, agent = 0] = pidsOf(demo)
    // "Hexadecimal, least byte first" is how the kernel writes 127.0.0.1.
    assert.deepEqual(listeningHosts(everything), ['0100007F'])
    assert.deepEqual(listeningHosts(library), ['0100007F'])
    assert.deepEqual(listeningHosts(agent), [])
    demo.child.kill('SIGTERM')
    assert.equal(await demo.ended(), 0, demo.stderr())
  })

  it('keeps its environment from its servers, one of which would show it', async () => {
    const demo = startDemo(FREE_PORTS, { SIDELIGHT_TEST_SECRET: 'do-not-tell' })
    await firstCall(demo)
    const url = `${urlAfter(demo, 'sidecar')}/everything/mcp`
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    }
    const initialize = await fetch(url, {
      method: 'POST',
      headers,
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: {
          protocolVersion: '2025-06-18',
          capabilities: {},
          clientInfo: { name: 'test', version: '1' },
        },
      }),
    })
    const session = initialize.headers.get('mcp-session-id')
    assert.ok(session !== null)
    await initialize.text()
    const answer = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'mcp-session-id': session, 'mcp-protocol-version': '2025-06-18' },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 2,
        method: 'tools/call',
        params: { name: 'get-env', arguments: {} },
      }),
    })
    const text = await answer.text()
    assert.match(text, /PATH/)
    assert.doesNotMatch(text, /do-not-tell/)
    demo.child.kill('SIGTERM')
    assert.equal(await demo.ended(), 0, demo.stderr())
  })

  it('refuses a flag that means nothing, with exit code 2', async () => {
    const demo = startDemo(['--rate', 'fast'])
    assert.equal(await demo.ended(), 2)
    assert.equal(
      demo.stderr(),
      'sidelight demo: --rate: expected a number of calls per second from 1 to 200, got "fast"\n',
    )
  })
})

/** The addresses that a process listens on, as Linux has them in /proc. */
function listeningHosts(pid: number): readonly string[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]
      } catch {
        // Closed since it was listed.
        return undefined
      }
    }),
  )
  const rows = ['tcp', 'tcp6'].flatMap((name) =>
    readFileSync(`/proc/${pid}/net/${name}`, 'utf8').split('\n').slice(1),
  )
  return rows.flatMap((row) => {
    const [, local = '', , state, , , , , , inode] = row.trim().split(/ +/)
    return state === '0A' && sockets.has(inode) ? [local.split(':')[0] ?? ''] : []
  })
}

function countByKind(counts: Counts): Counts {
  return Object.fromEntries(
    Object.entries(counts).map(([outcome, n]) => [outcome.split(' ')[0] ?? '', n]),
  )
}
