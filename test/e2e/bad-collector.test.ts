/** Collectors that misbehave cost calls nothing, and what they lose is counted. */

import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import { test } from 'node:test'
import { requestOnce } from '../support/raw-client.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { closeAfterTest } from '../support/scope.ts'
import { startTestSidecar } from '../support/test-sidecar.ts'
import { waitFor } from '../support/wait-for.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"lookup"}}'

/** An OTLP/HTTP endpoint that answers as it is told. */
async function startCollector(answer: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => answer(response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  closeAfterTest(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
}

const answers: readonly (readonly [
  what: string,
  answer: (response: ServerResponse) => void,
  lost: number,
])[] = [
  ['a page of HTML', (response) => response.writeHead(200).end('<html>sign in</html>'), 2],
  ['400', (response) => response.writeHead(400).end('no'), 2],
  [
    '429 with a Retry-After beyond the timeout',
    (response) => response.writeHead(429, { 'Retry-After': '60' }).end(),
    2,
  ],
  ['503 for ever', (response) => response.writeHead(503).end(), 2],
  [
    'a partial success',
    (response) =>
      response
        .writeHead(200, { 'Content-Type': 'application/json' })
        .end('{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}'),
    1,
  ],
]

for (const [what, answer, lost] of answers) {
  test(`a collector that answers ${what} costs no call, and ${lost} of 2 spans are counted as lost`, async () => {
    const url = await startCollector(answer)
    const upstream = await startRawUpstream()
    const sidecar = await startTestSidecar({
      upstreams: { main: upstream.url },
      otel: {
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
        OTEL_METRICS_EXPORTER: 'none',
        OTEL_LOGS_EXPORTER: 'none',
        OTEL_BSP_SCHEDULE_DELAY: '50',
      },
    })
    const { status } = await requestOnce(sidecar.url('main'), { body: CALL })
    assert.equal(status, 200)
    const dropped = async (): Promise<number> =>
      (await sidecar.metrics()).sum('sidelight_telemetry_dropped_total', {
        sidelight_telemetry_signal: 'traces',
        sidelight_telemetry_drop_reason: 'export_failed',
      })
    await waitFor(async () => (await dropped()) >= lost, {
      within: 15_000,
      what: 'the loss to be counted',
    })
    assert.equal(await dropped(), lost)
    const startedAt = performance.now()
    await sidecar.close()
    assert.ok(performance.now() - startedAt < 5_000)
  })
}
