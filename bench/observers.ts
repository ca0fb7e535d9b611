/**
 * What everything that watches one ordinary call costs: `npm run bench:observers [-- FRACTION]`. The real ones, put
 * together as a sidecar does it (the audit log has `bench/audit.ts`), told of calls of a tool from their
 * beginning to their end. FRACTION of the calls are sampled, 0.1 by default, and exported to a collector in
 * a process of its own.
 */

import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { createLog } from '../src/cli/log-writer.ts'
import { startObserving } from '../src/cli/observing.ts'
import { parseConfig } from '../src/config/load.ts'
import { systemClock } from '../src/core/clock.ts'
import type { Call, Exchange } from '../src/core/exchange.ts'
import type { Answered } from '../src/core/observer.ts'
import type { Outcome } from '../src/core/outcome.ts'
import { createEnvelopeReader } from '../src/mcp/read-envelope.ts'
import { InFlight } from '../src/pipeline/in-flight.ts'
import { Ledger, type LedgerStages } from '../src/pipeline/ledger.ts'
import { Resumptions } from '../src/pipeline/resumptions.ts'
import { readTelemetryEnv } from '../src/telemetry/env.ts'
import { startHelper } from './launch.ts'

const CALLS = 40_000
const ROUNDS = 5
const SESSIONS = 32
/** Calls of which the allocations are counted, so few that nothing is collected meanwhile. */
const COUNTED = 1_000

const OK: Outcome = { kind: 'ok' }
const ANSWERED: Answered = { bytes: 230, resultBytes: 200, result: undefined }
const TARGET = { upstreamName: 'up', carrier: 'tcp', address: '127.0.0.1', port: 3001 } as const

const fraction = process.argv[2] ?? '0.1'
const sink = await startHelper('processes/sink.ts', undefined)
const config = parseConfig('upstreams: { up: { url: "http://127.0.0.1:3001/mcp" } }', {})
const telemetry = readTelemetryEnv({
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sink.port}`,
  OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
  OTEL_TRACES_SAMPLER_ARG: fraction,
})
if (config.kind !== 'config' || 'kind' in telemetry) throw new Error('no settings')
const log = createLog({ ...config.config.log, clock: systemClock, write: () => {} })
const observed = await startObserving(
  {
    config: config.config,
    telemetry: telemetry.settings,
    version: '1',
    env: {},
    clock: systemClock,
    log,
    print: () => {},
  },
  new Map(),
  new InFlight(() => {}),
  {},
)
if ('kind' in observed) throw new Error(observed.code)
const stages: LedgerStages = {
  clock: systemClock,
  log,
  observer: observed.observer,
  resumptions: new Resumptions(systemClock, { callsMax: 1, waitMs: 1_000, onOverflow: () => {} }),
}

const read = createEnvelopeReader({ depthMax: 50, batchMax: 10 })
const requests = Array.from({ length: 256 }, (_, index) => {
  const body = Buffer.from(
    `{"jsonrpc":"2.0","id":${index},"method":"tools/call","params":{"name":"search","arguments":{"query":"weather in Vienna","limit":10}}}`,
  )
  const headers = {
    'content-type': 'application/json',
    'mcp-protocol-version': '2025-06-18',
    'mcp-session-id': `5f3c9a1e-8d1b-4d5a-9a0e-${String(index % SESSIONS).padStart(12, '0')}`,
  }
  const envelope = read(headers, body)
  if (envelope.kind !== 'envelope') throw new Error(envelope.message)
  return { body, headers, messages: envelope.messages }
})

/** An exchange as it comes; making it is part of both figures that are compared. */
function arrive(index: number): Exchange {
  const { body, headers, messages } = requests[index & 255] ?? { messages: [] }
  if (body === undefined || headers === undefined) throw new Error('no request')
  const now = performance.now()
  const exchange: Exchange = {
    kind: 'message',
    httpMethod: 'POST',
    httpVersion: '1.1',
    carrier: 'tcp',
    upstreamName: 'up',
    path: '/up/mcp',
    endpoint: 'mcp',
    query: '',
    rawHeaders: [],
    headers,
    body,
    clientAddress: '127.0.0.1',
    clientPort: 4444,
    receivedAtMs: now,
    readAtMs: now,
    turnMs: 0,
    sessionId: headers['mcp-session-id'],
    ownerKey: undefined,
    calls: [],
    batch: false,
  }
  exchange.calls = messages.map((message): Call => ({
    exchange,
    message,
    trace: undefined,
    outcome: undefined,
  }))
  return exchange
}

function watched(index: number): void {
  const ledger = new Ledger(arrive(index), stages)
  ledger.begin()
  const { attempt } = ledger.attemptStarted(TARGET)
  attempt.requestBytes = 200
  attempt.handedMs = performance.now()
  attempt.headMs = attempt.handedMs
  attempt.responseBytes = 250
  ledger.wanted()
  attempt.endedMs = performance.now()
  ledger.replied(0, OK, ANSWERED)
  ledger.endAll(OK)
}

/** Microseconds of CPU per call, of the whole process. */
async function cost(pass: (index: number) => unknown): Promise<number> {
  const before = process.cpuUsage()
  for (let index = 0; index < CALLS; index += 1) {
    pass(index)
    if (index % 256 === 255) await setImmediate()
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / CALLS
}

function allocated(pass: (index: number) => unknown): number {
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  for (let index = 0; index < COUNTED; index += 1) pass(index)
  return (process.memoryUsage().heapUsed - before) / COUNTED
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN

await cost(arrive)
await cost(watched)
const micros: number[] = []
const bytes: number[] = []
for (let round = 0; round < ROUNDS; round += 1) {
  const alone = await cost(arrive)
  micros.push((await cost(watched)) - alone)
}
// Afterwards: an ordered collection throws compiled code away.
for (let round = 0; round < ROUNDS; round += 1) bytes.push(allocated(watched) - allocated(arrive))
console.log(`sampled: ${fraction}`)
console.log(
  `CPU per call: ${median(micros).toFixed(1)} µs (${micros.map((one) => one.toFixed(1)).join(' ')})`,
)
console.log(`allocated per call: ${Math.round(median(bytes))} bytes`)
await observed.telemetry.shutdown(1_000)
await sink.child.stop()
