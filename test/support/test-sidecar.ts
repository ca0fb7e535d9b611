/** A whole sidecar inside the test's process, on ports of its own. */

import assert from 'node:assert/strict'
import { policyProblems } from '../../src/cli/policy.ts'
import { startSidecar, type Sidecar } from '../../src/cli/sidecar.ts'
import type { ReloadReport } from '../../src/cli/reload.ts'
import { formatProblems, validateConfig, type ConfigResult } from '../../src/config/load.ts'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import { EVENTS, type EventName, type LogLevel } from '../../src/core/events.ts'
import type { LogFields, LogSink, SharedLog } from '../../src/core/log.ts'
import { readTelemetryEnv } from '../../src/telemetry/env.ts'
import { checkedExports } from './checked-collector.ts'
import { Metrics } from './metrics.ts'
import { OutcomeRecorder } from './outcome-recorder.ts'
import { closeAfterTest } from './scope.ts'

export interface TestSidecarOptions {
  /** Each upstream's URL by name, or its whole configuration. */
  readonly upstreams: Readonly<Record<string, string | Readonly<Record<string, unknown>>>>
  /** Merged over a configuration with ephemeral ports and short shutdown times. */
  readonly config?: Readonly<Record<string, unknown>>
  /** `OTEL_*` variables; without any, all is exported to the collector that checks it. */
  readonly otel?: Readonly<Record<string, string>>
  readonly clock?: Clock
  readonly version?: string
}

export interface LogRecord {
  readonly level: LogLevel
  readonly event: EventName
  readonly body: string
  readonly fields: LogFields
}

export interface TestSidecar {
  readonly dataUrl: string
  readonly adminUrl: string
  /** The MCP endpoint of an upstream. */
  url(upstream: string): string
  readonly recorder: OutcomeRecorder
  readonly logs: readonly LogRecord[]
  metrics(): Promise<Metrics>
  /** Follows a configuration that is given in the same way as the first. */
  reload(next: Pick<TestSidecarOptions, 'upstreams' | 'config'>): ReloadReport
  /** Drains and ends it; telemetry has been sent when this resolves. */
  close(): Promise<void>
}

export async function startTestSidecar(options: TestSidecarOptions): Promise<TestSidecar> {
  const result = configOf(options)
  if (result.kind === 'invalid') assert.fail(formatProblems('test', result.problems))
  const env = options.otel ?? checkedExports()
  const telemetry = readTelemetryEnv(env)
  if ('kind' in telemetry) assert.fail(telemetry.message)
  const recorder = new OutcomeRecorder()
  const logs: LogRecord[] = []
  const sidecar = await withEnv(env, () =>
    startSidecar({
      config: result.config,
      telemetry: telemetry.settings,
      version: options.version ?? '0.0.0-test',
      env: process.env,
      clock: options.clock ?? systemClock,
      log: recordingLog(logs),
      print: () => {},
      observers: [recorder],
    }),
  )
  if ('kind' in sidecar) assert.fail(`${sidecar.address}: ${sidecar.code}`)
  return toTestSidecar(sidecar, recorder, logs)
}

function configOf({ config, upstreams }: TestSidecarOptions): ConfigResult {
  const { listen, ...others }: { listen?: object } = config ?? {}
  return validateConfig(
    {
      listen: { data: '127.0.0.1:0', admin: '127.0.0.1:0', ...listen },
      shutdown: { drainTimeout: '2s', flushTimeout: '2s', linger: '0s' },
      ...others,
      upstreams: Object.fromEntries(
        Object.entries(upstreams).map(([name, value]) => [
          name,
          // Requests of the sidecar's own would be among those that tests count.
          { health: { method: 'off' }, ...(typeof value === 'string' ? { url: value } : value) },
        ]),
      ),
    },
    undefined,
    policyProblems,
  )
}

/** Keeps every record, and tells the exporter of those that may leave. */
function recordingLog(logs: LogRecord[]): SharedLog {
  const sinks: LogSink[] = []
  return {
    enabled: () => true,
    attach: (sink) => void sinks.push(sink),
    write: (level, event, body, fields = {}, trace) => {
      logs.push({ level, event, body, fields })
      if ('local' in EVENTS[event]) return
      const atWallMs = systemClock.wallMs()
      for (const sink of sinks) sink({ level, event, body, fields, trace, atWallMs })
    },
  }
}

function toTestSidecar(
  sidecar: Sidecar,
  recorder: OutcomeRecorder,
  logs: readonly LogRecord[],
): TestSidecar {
  const adminUrl = sidecar.adminUrl ?? ''
  closeAfterTest(() => sidecar.drain())
  return {
    dataUrl: sidecar.dataUrl,
    adminUrl,
    url: (upstream) => `${sidecar.dataUrl}/${upstream}/mcp`,
    recorder,
    logs,
    metrics: async () => new Metrics(await (await fetch(`${adminUrl}/metrics`)).text()),
    reload: (next) => sidecar.reload('test', configOf(next)),
    close: () => sidecar.drain(),
  }
}

/** OpenTelemetry's exporters and detectors read the process's environment when they are made. */
async function withEnv<T>(
  env: Readonly<Record<string, string>>,
  work: () => Promise<T>,
): Promise<T> {
  const before = Object.keys(env).map((name) => [name, process.env[name]] as const)
  Object.assign(process.env, env)
  try {
    return await work()
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
}
