/** Collectors behind TLS, with certificates that nobody else trusts, and time limits of exports. */

import assert from 'node:assert/strict'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import type { Server } from 'node:net'
import { test } from 'node:test'
import { newKeyPair } from '../support/key-pair.ts'
import { listen } from '../support/otlp-collector.ts'
import { requestOnce } from '../support/raw-client.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { closeAfterTest } from '../support/scope.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"lookup"}}'

function closing<T extends Server & { closeAllConnections(): void }>(server: T): T {
  closeAfterTest(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return server
}

/** Collects the paths of what arrives. */
async function startTlsCollector(
  options: ServerOptions,
): Promise<{ readonly url: string; readonly paths: ReadonlySet<string> }> {
  const paths = new Set<string>()
  const answer: RequestListener = (request, response) => {
    paths.add(request.url ?? '')
    request.resume()
    request.on('end', () => response.writeHead(200).end())
  }
  const url = await listen(closing(createServer(options, answer)))
  return { url: url.replace('http:', 'https:'), paths }
}

async function sidecarWith(otel: Readonly<Record<string, string>>): Promise<TestSidecar> {
  // A call that fails has a log record.
  const upstream = await startRawUpstream((_request, reply) =>
    reply.send({ status: '500 Oops', body: '{}' }),
  )
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url },
    otel: {
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_LOGS_EXPORTER: 'otlp',
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_BLRP_SCHEDULE_DELAY: '50',
      OTEL_METRIC_EXPORT_INTERVAL: '300',
      ...otel,
    },
  })
  const { status } = await requestOnce(sidecar.url('main'), { body: CALL })
  assert.equal(status, 500)
  return sidecar
}

async function lost(sidecar: TestSidecar, signal: string): Promise<number> {
  return (await sidecar.metrics()).sum('sidelight_telemetry_dropped_total', {
    sidelight_telemetry_signal: signal,
  })
}

const ALL = ['/v1/logs', '/v1/metrics', '/v1/traces']

async function arrives(sidecar: TestSidecar, paths: ReadonlySet<string>): Promise<void> {
  await waitFor(() => paths.size === 3, { within: SOON, what: 'an export of each signal' })
  assert.deepEqual([...paths].toSorted(), ALL)
  for (const signal of ['traces', 'metrics', 'logs']) assert.equal(await lost(sidecar, signal), 0)
}

test('OTEL_EXPORTER_OTLP_CERTIFICATE makes all signals trust a collector that nobody else trusts', async () => {
  const pair = await newKeyPair('collector')
  const { url, paths } = await startTlsCollector(pair)
  const sidecar = await sidecarWith({
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_CERTIFICATE: pair.certFile,
  })
  await arrives(sidecar, paths)
})

test('a collector whose certificate is not trusted gets nothing, and the loss is counted', async () => {
  const [pair, other] = [await newKeyPair('collector'), await newKeyPair('other')]
  const { url, paths } = await startTlsCollector(pair)
  const sidecar = await sidecarWith({
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_CERTIFICATE: other.certFile,
  })
  for (const signal of ['traces', 'metrics', 'logs']) {
    await waitFor(async () => (await lost(sidecar, signal)) > 0, {
      within: SOON,
      what: `the loss of ${signal} to be counted`,
    })
  }
  assert.equal(paths.size, 0)
})

test('a client certificate opens a collector that asks for one, and without it nothing gets in', async () => {
  const [pair, client] = [await newKeyPair('collector'), await newKeyPair('sidelight')]
  const { url, paths } = await startTlsCollector({
    ...pair,
    ca: client.cert,
    requestCert: true,
    rejectUnauthorized: true,
  })
  const trusting = {
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_CERTIFICATE: pair.certFile,
  }
  const stranger = await sidecarWith(trusting)
  await waitFor(async () => (await lost(stranger, 'traces')) === 2, {
    within: SOON,
    what: 'the loss to be counted',
  })
  await stranger.close()
  assert.equal(paths.size, 0)
  const known = await sidecarWith({
    ...trusting,
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: client.certFile,
    OTEL_EXPORTER_OTLP_CLIENT_KEY: client.keyFile,
  })
  await arrives(known, paths)
})

test('OTEL_EXPORTER_OTLP_TIMEOUT ends exports that hang, and a signal goes by its own', async () => {
  const hanging = new Map<string, 'open' | 'given up'>()
  const url = await listen(
    closing(
      createHttpServer((request, response) => {
        const path = request.url ?? ''
        hanging.set(path, hanging.get(path) ?? 'open')
        response.on('close', () => hanging.set(path, 'given up'))
        request.resume()
      }),
    ),
  )
  const sidecar = await sidecarWith({
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_TIMEOUT: '200',
    OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: '12000',
  })
  for (const signal of ['traces', 'metrics']) {
    await waitFor(() => hanging.get(`/v1/${signal}`) === 'given up', {
      // Well below the default of 10 s.
      within: 8_000,
      what: `the export of ${signal} to be given up`,
    })
  }
  await waitFor(() => hanging.has('/v1/logs'), { within: SOON, what: 'an export of logs' })
  assert.equal(hanging.get('/v1/logs'), 'open')
  assert.equal(await lost(sidecar, 'logs'), 0)
  const startedAt = performance.now()
  await sidecar.close()
  assert.ok(performance.now() - startedAt < 5_000)
})
