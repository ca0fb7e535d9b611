/**
 * What a refused call costs end to end: a sidecar of its own, with all its telemetry, whose breaker was
 * opened by hand, and keep-alive connections of another process. Nothing is subtracted: reading the
 * request, the refusal, its answer, span and metrics are in it, and the kernel's work on the sockets.
 * Most of that is Node's own server, which is measured beside it.
 */

import { fileURLToPath } from 'node:url'
import {
  choosePinning,
  freePort,
  startChild,
  untilListening,
  type Child,
  type Pinning,
} from './children.ts'
import { shape } from './shapes.ts'
import { startHelper, startWorker } from './launch.ts'
import { measureWindow, type LoadTarget, type WindowFigures } from './window.ts'

const CONNECTIONS = 32
const ROUNDS = 5
/** Until everything is compiled; it takes some ten thousand calls. */
const WARMUP_ROUNDS = 3
const SECONDS = 2

/** An agent that goes on calling is asked to wait longer each time, up to a maximum. */
const ASKS_MAX = 20

export interface EndToEnd {
  readonly bestUs: number | undefined
  readonly medianUs: number | undefined
  readonly rounds: readonly WindowFigures[]
}

/** Sidelight, and beside it in every round what a bare server of `node:http` takes for the same bytes. */
export interface RefusalFigures {
  readonly sidelight: EndToEnd
  readonly nodeHttp: EndToEnd
}

export async function measureRefusals(): Promise<RefusalFigures> {
  const pinning = choosePinning(true)
  const sink = await startHelper('processes/sink.ts', pinning)
  const load = startWorker('processes/load.ts', pinning)
  const { sidecar, port, adminPort } = await startSidecar(pinning, sink.port)
  await openBreaker(adminPort)
  const messageBytes = await refusalBytes(port)
  const plain = await startPlain(pinning, messageBytes)
  const ours: LoadTarget = {
    pid: sidecar.pid,
    port,
    path: '/mcp',
    headers: [],
    sessionIds: ['0b8f1c52-5a3e-4f6e-9d0b-7f6f0f3f2a11'],
    loopDelay: () => Promise.resolve(undefined),
  }
  const theirs: LoadTarget = { ...ours, pid: plain.child.pid, port: plain.port }
  const refusal = shape('refusal', messageBytes, CONNECTIONS)
  const windows: { readonly ours: WindowFigures[]; readonly theirs: WindowFigures[] } = {
    ours: [],
    theirs: [],
  }
  for (let round = -WARMUP_ROUNDS; round < ROUNDS; round += 1) {
    const options = { round, seconds: SECONDS }
    const one = await measureWindow(load, ours, refusal, options)
    const other = await measureWindow(load, theirs, refusal, options)
    if (round < 0) continue
    windows.ours.push(one.figures)
    windows.theirs.push(other.figures)
  }
  const children = [sidecar, load, sink.child, plain.child]
  await Promise.all(children.map((child) => child.stop()))
  return { sidelight: summed(windows.ours), nodeHttp: summed(windows.theirs) }
}

function summed(rounds: readonly WindowFigures[]): EndToEnd {
  const us = rounds.flatMap(({ cpuUsPerCall }) => cpuUsPerCall ?? [])
  const sorted = us.toSorted((a, b) => a - b)
  return { bestUs: sorted[0], medianUs: sorted[sorted.length >> 1], rounds }
}

async function startPlain(
  pinning: Pinning | undefined,
  bytes: number,
): Promise<{ readonly child: Child; readonly port: number }> {
  const port = await freePort()
  const file = fileURLToPath(new URL('processes/plain-http.ts', import.meta.url))
  const child = startChild(
    {
      name: 'plain-http',
      file: process.execPath,
      args: [file],
      env: { BENCH_PORT: String(port), BENCH_BYTES: String(bytes) },
      channel: true,
      role: 'target',
    },
    pinning,
  )
  await untilListening(child, port)
  return { child, port }
}

async function startSidecar(
  pinning: Pinning | undefined,
  sinkPort: number,
): Promise<{ readonly sidecar: Child; readonly port: number; readonly adminPort: number }> {
  const [port, adminPort, dead] = [await freePort(), await freePort(), await freePort()]
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
  const flags = ['--upstream', `http://127.0.0.1:${dead}/mcp`]
  const sidecar = startChild(
    {
      name: 'sidelight',
      file: process.execPath,
      args: [
        main,
        'run',
        ...flags,
        '--listen',
        `127.0.0.1:${port}`,
        '--admin',
        `127.0.0.1:${adminPort}`,
      ],
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sinkPort}` },
      channel: false,
      role: 'target',
    },
    pinning,
  )
  await untilListening(sidecar, port)
  await untilListening(sidecar, adminPort)
  return { sidecar, port, adminPort }
}

async function openBreaker(adminPort: number): Promise<void> {
  const base = `http://127.0.0.1:${adminPort}/breakers`
  const listed: unknown = await (await fetch(base)).json()
  const name = /"upstream":"([^"]+)"/.exec(JSON.stringify(listed))?.[1]
  const order = { action: 'force-open', reason: 'benchmark', actor: 'bench', ttlSeconds: 3_600 }
  const { status } = await fetch(`${base}/${name}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(order),
  })
  if (status !== 200) throw new Error(`the breaker of ${name} cannot be opened: ${status}`)
}

/** The length of a refusal, once the time that it asks for grows no more. */
async function refusalBytes(port: number): Promise<number> {
  let before = 0
  for (let ask = 0; ask < ASKS_MAX; ask += 1) {
    const response = await fetch(`http://127.0.0.1:${port}/mcp`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        'Mcp-Session-Id': '0b8f1c52-5a3e-4f6e-9d0b-7f6f0f3f2a11',
      },
      body: '{"jsonrpc":"2.0","id":1000000000,"method":"tools/call","params":{"name":"search"}}',
    })
    const text = await response.text()
    if (!text.includes('breaker_open')) throw new Error(`not refused: ${text}`)
    const bytes = Buffer.byteLength(text)
    if (ask > ASKS_MAX / 2 && bytes === before) return bytes
    before = bytes
  }
  throw new Error('refusals keep changing their length')
}
