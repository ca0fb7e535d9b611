/** Collectors that misbehave cost calls nothing, and what they lose is counted. */

import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import { test } from 'node:test'
import { requestOnce } from '../support/raw-client.ts'
import { startRawUpstream, type RawHandler } from '../support/raw-upstream.ts'
import { closeAfterTest } from '../support/scope.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { waitFor } from '../support/wait-for.ts'

const HEADERS = {
  'Content-Type': 'application/json',
  Accept: 'application/json, text/event-stream',
}
const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"lookup"}}'

type Signal = 'traces' | 'metrics' | 'logs'
const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs']

interface Collector {
  readonly url: string
  /** Paths of the requests that came. */
  readonly paths: readonly string[]
}

/** An OTLP/HTTP endpoint that answers as it is told. */
async function startCollector(answer: (response: ServerResponse) => void): Promise<Collector> {
  const paths: string[] = []
  const server = createServer((request, response) => {
    paths.push(request.url ?? '')
    request.resume()
    request.on('end', () => answer(response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  closeAfterTest(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { url: `http://127.0.0.1:${port}`, paths }
}

/** Fails every call, so each has a log record. */
const failing: RawHandler = (_request, reply) => reply.send({ status: '500 Oops', body: '{}' })

/** Exports one signal alone, soon. */
function only(signal: Signal, url: string): Record<string, string> {
  const exporter = (one: Signal): string => (one === signal ? 'otlp' : 'none')
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
    OTEL_TRACES_EXPORTER: exporter('traces'),
    OTEL_METRICS_EXPORTER: exporter('metrics'),
    OTEL_LOGS_EXPORTER: exporter('logs'),
    OTEL_BSP_SCHEDULE_DELAY: '50',
    OTEL_BLRP_SCHEDULE_DELAY: '50',
    OTEL_METRIC_EXPORT_INTERVAL: '300',
  }
}

async function dropped(
  sidecar: TestSidecar,
  signal: Signal,
  reason: 'export_failed' | 'queue_full' = 'export_failed',
): Promise<number> {
  return (await sidecar.metrics()).sum('sidelight_telemetry_dropped_total', {
    sidelight_telemetry_signal: signal,
    sidelight_telemetry_drop_reason: reason,
  })
}

async function closesSoon(sidecar: TestSidecar): Promise<void> {
  const startedAt = performance.now()
  await sidecar.close()
  assert.ok(performance.now() - startedAt < 5_000)
}

const HTML = '<html>sign in</html>'

const faults: readonly (readonly [what: string, answer: (response: ServerResponse) => void])[] = [
  ['answers a page of HTML', (response) => response.writeHead(200).end(HTML)],
  ['answers 400', (response) => response.writeHead(400).end('no')],
  [
    'answers 429 with a Retry-After beyond the timeout',
    (response) => response.writeHead(429, { 'Retry-After': '60' }).end(),
  ],
  ['answers 503 for ever', (response) => response.writeHead(503).end()],
  ['breaks the connection', (response) => response.destroy()],
  ['hangs', () => {}],
  ['hangs in the middle of its answer', (response) => response.writeHead(200).write('{')],
]

for (const [what, answer] of faults) {
  for (const signal of SIGNALS) {
    test(`a collector of ${signal} that ${what} costs no call, and what it loses is counted`, async () => {
      const { url } = await startCollector(answer)
      await losesAll(signal, url)
    })
  }
}

for (const signal of SIGNALS) {
  test(`an absent collector of ${signal} costs no call, and what it loses is counted`, async () => {
    // Nobody can listen on port 1 of loopback but the superuser.
    await losesAll(signal, 'http://127.0.0.1:1')
  })
}

async function losesAll(signal: Signal, url: string): Promise<void> {
  const upstream = await startRawUpstream(signal === 'logs' ? failing : undefined)
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url },
    otel: only(signal, url),
  })
  const { status } = await requestOnce(sidecar.url('main'), { body: CALL })
  assert.equal(status, signal === 'logs' ? 500 : 200)
  // Two spans; one record of the call; every point of an export.
  const lost = { traces: 2, metrics: 20, logs: 1 }[signal]
  await waitFor(async () => (await dropped(sidecar, signal)) >= lost, {
    within: 15_000,
    what: 'the loss to be counted',
  })
  if (signal === 'traces') assert.equal(await dropped(sidecar, signal), 2)
  for (const other of SIGNALS) {
    if (other !== signal) assert.equal(await dropped(sidecar, other), 0)
  }
  await closesSoon(sidecar)
}

const REJECTED = {
  traces: 'rejectedSpans',
  metrics: 'rejectedDataPoints',
  logs: 'rejectedLogRecords',
}

for (const signal of SIGNALS) {
  test(`what a collector of ${signal} says it did not take is counted, and no more`, async () => {
    let answers = 0
    const { url } = await startCollector((response) => {
      answers += 1
      const partialSuccess = { [REJECTED[signal]]: '1', errorMessage: 'too old' }
      response.writeHead(200, { 'Content-Type': 'application/json' })
      response.end(JSON.stringify(answers === 1 ? { partialSuccess } : {}))
    })
    const upstream = await startRawUpstream(signal === 'logs' ? failing : undefined)
    const sidecar = await startTestSidecar({
      upstreams: { main: upstream.url },
      otel: only(signal, url),
    })
    await requestOnce(sidecar.url('main'), { body: CALL })
    await waitFor(async () => (await dropped(sidecar, signal)) > 0, {
      within: 15_000,
      what: 'the loss to be counted',
    })
    assert.equal(await dropped(sidecar, signal), 1)
    await closesSoon(sidecar)
  })
}

test('points that are not taken within OTEL_METRIC_EXPORT_TIMEOUT are counted then', async () => {
  const { url } = await startCollector(() => {})
  const upstream = await startRawUpstream()
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url },
    otel: {
      ...only('metrics', url),
      OTEL_EXPORTER_OTLP_TIMEOUT: '60000',
      OTEL_METRIC_EXPORT_TIMEOUT: '100',
    },
  })
  await waitFor(async () => (await dropped(sidecar, 'metrics')) > 0, {
    within: 15_000,
    what: 'the loss to be counted',
  })
  await closesSoon(sidecar)
})

test('a long outage holds no more than the queues: the rest is dropped, counted, and calls go on', async () => {
  const { url, paths } = await startCollector(() => {})
  const upstream = await startRawUpstream(failing)
  const sidecar = await startTestSidecar({
    // A breaker would refuse calls, and a refused call has one span.
    upstreams: { main: { url: upstream.url, breaker: { mode: 'off' } } },
    otel: {
      ...only('traces', url),
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_LOGS_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_TIMEOUT: '60000',
      OTEL_BSP_EXPORT_TIMEOUT: '60000',
      OTEL_BLRP_EXPORT_TIMEOUT: '60000',
      OTEL_METRIC_EXPORT_INTERVAL: '20',
      OTEL_BSP_SCHEDULE_DELAY: '60000',
      OTEL_BLRP_SCHEDULE_DELAY: '60000',
      OTEL_BSP_MAX_QUEUE_SIZE: '64',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '16',
      OTEL_BLRP_MAX_QUEUE_SIZE: '64',
      OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: '16',
    },
  })
  for (let round = 0; round < 100; round += 1) {
    const replies = await Promise.all(
      Array.from({ length: 20 }, () =>
        fetch(sidecar.url('main'), { method: 'POST', headers: HEADERS, body: CALL }),
      ),
    )
    for (const reply of replies) {
      assert.equal(reply.status, 500)
      await reply.arrayBuffer()
    }
  }
  // Of 4,000 spans and at least 2,000 records, 16 are under way and 64 wait.
  assert.equal(await dropped(sidecar, 'traces', 'queue_full'), 3_920)
  assert.ok((await dropped(sidecar, 'logs', 'queue_full')) >= 1_920)
  await waitFor(async () => (await dropped(sidecar, 'metrics')) > 0, {
    within: 15_000,
    what: 'the loss of metrics to be counted',
  })
  const requests = (path: string): number => paths.filter((one) => one === path).length
  assert.equal(requests('/v1/traces'), 1)
  assert.equal(requests('/v1/logs'), 1)
  assert.ok(requests('/v1/metrics') <= 30, String(requests('/v1/metrics')))
  await closesSoon(sidecar)
})
