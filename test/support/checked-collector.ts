/**
 * The collector that every sidecar of the tests exports to, unless its test has one of its own. What
 * arrives in a test is held against the rules in test/otel when the test has ended.
 */

import { checkExports } from '../otel/check.ts'
import { createCollector, listen, type Received } from './otlp-collector.ts'
import { closeAfterTest } from './scope.ts'

const received: Received[] = []
const server = createCollector(received, true)
// The process may end though it listens.
server.unref()
server.on('connection', (socket) => socket.unref())
const url = await listen(server)
// OpenTelemetry's exporters read the environment of the process, whatever a command is given.
process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = url

let watched = false

/** The variables that make a sidecar export there; for one that closes when its test ends. */
export function checkedExports(): Readonly<Record<string, string>> {
  if (!watched) {
    watched = true
    closeAfterTest(async () => {
      watched = false
      // Exporters of this process keep their connections, and those would keep the process.
      server.closeAllConnections()
      checkExports(received.splice(0))
    })
  }
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_LOGS_EXPORTER: 'otlp',
  }
}
