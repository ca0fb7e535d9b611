/** `OTEL_EXPORTER_OTLP_*`: every signal obeys its own variable, else that of all. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startOtlpSink } from '../support/otlp-sink.ts'
import { requestOnce } from '../support/raw-client.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { startSidecarProcess } from '../support/sidecar-process.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"lookup"}}'

for (const signal of ['TRACES', 'METRICS', 'LOGS']) {
  test(`headers and compression of ${signal} alone win over those of all signals`, async () => {
    const sink = await startOtlpSink()
    const upstream = await startRawUpstream()
    const sidecar = await startSidecarProcess({
      args: ['--upstream', `main=${upstream.url}`],
      env: {
        ...sink.env,
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${sink.url}/v1/traces`,
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${sink.url}/v1/metrics`,
        OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `${sink.url}/v1/logs`,
        OTEL_EXPORTER_OTLP_HEADERS: 'x-key=all,x-all=a%20b',
        OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
        [`OTEL_EXPORTER_OTLP_${signal}_HEADERS`]: 'x-key=own',
        [`OTEL_EXPORTER_OTLP_${signal}_COMPRESSION`]: 'none',
      },
    })
    await requestOnce(sidecar.url('main'), { body: CALL })
    sidecar.signal('SIGTERM')
    await sidecar.finished(10_000)
    for (const path of ['/v1/traces', '/v1/metrics', '/v1/logs']) {
      const own = path === `/v1/${signal.toLowerCase()}`
      const headers = sink.received.find((item) => item.path === path)?.headers
      assert.equal(headers?.['x-key'], own ? 'own' : 'all', path)
      assert.equal(headers?.['x-all'], 'a b', path)
      assert.equal(headers?.['content-encoding'], own ? undefined : 'gzip', path)
    }
  })
}
