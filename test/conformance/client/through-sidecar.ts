/**
 * The conformance client behind a sidecar that stands before the scenario's server as a sidecar
 * beside it does: `host: preserve`, and everything else of the server's origin passed through.
 */

import { startSidecar, type Sidecar } from '../../../src/cli/sidecar.ts'
import { formatProblems, validateConfig } from '../../../src/config/load.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { readTelemetryEnv } from '../../../src/telemetry/env.ts'
import { OutcomeRecorder } from '../../support/outcome-recorder.ts'
import { runClient, serverUrl } from './run-client.ts'

const recorder = new OutcomeRecorder()
const server = serverUrl()
const sidecar = await startBeside(server)
const code = await runClient(server, new URL(sidecar.dataUrl).port)
await sidecar.drain()
console.log(describeCalls())
process.exit(code)

/** Shows that the calls did go through the sidecar, and that it has lost none of them. */
function describeCalls(): string {
  const loose = recorder.calls.filter(({ endings }) => endings !== 1).map(({ method }) => method)
  if (recorder.calls.length === 0) return 'no calls'
  return loose.length === 0 ? 'every call has ended once' : `not ended once: ${loose.join(', ')}`
}

async function startBeside(url: URL): Promise<Sidecar> {
  const upstream = new URL(url)
  // The server's address here and its name in `Host`: what it sees is what the client called it.
  upstream.hostname = '127.0.0.1'
  const result = validateConfig({
    listen: { data: '127.0.0.1:0', admin: 'off' },
    upstreams: {
      server: { url: upstream.href, host: 'preserve', path: url.pathname, passthrough: ['/'] },
    },
    shutdown: { drainTimeout: '1s', flushTimeout: '1s' },
  })
  if (result.kind === 'invalid') throw new Error(formatProblems('client suite', result.problems))
  // Spans are made and dropped, so that what is sent to the server carries trace context.
  const telemetry = readTelemetryEnv({
    OTEL_TRACES_EXPORTER: 'console',
    OTEL_METRICS_EXPORTER: 'none',
    OTEL_LOGS_EXPORTER: 'none',
  })
  if ('kind' in telemetry) throw new Error(telemetry.message)
  const started = await startSidecar({
    config: result.config,
    telemetry: telemetry.settings,
    version: '0.0.0-test',
    env: {},
    clock: systemClock,
    log: {
      enabled: () => true,
      attach: () => {},
      write: (level, event, body, fields) => {
        if (level === 'warn' || level === 'error') console.error(level, event, body, fields)
      },
    },
    print: () => {},
    observers: [recorder],
  })
  if ('kind' in started) throw new Error(`${started.address}: ${started.code}`)
  return started
}
