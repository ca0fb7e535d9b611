/** The ways from a client to a server that lead through Sidelight. */

import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { startV1Server } from '../support/mcp-server-v1.ts'
import { startV2Server } from '../support/mcp-server-v2.ts'
import type { OutcomeRecorder } from '../support/outcome-recorder.ts'
import { startOtlpSink, type OtlpSink } from '../support/otlp-sink.ts'
import { plainAttributes } from '../support/otlp-types.ts'
import { startTestSidecar } from '../support/test-sidecar.ts'
import { makeHome } from './program.ts'

/** What a client is told to start. */
export interface Program {
  readonly command: string
  readonly args: string[]
  readonly env: Record<string, string>
}

/** What Sidelight says of the calls that went through it. */
export interface Witness {
  /** The outcomes of the calls of one method (and tool) so far. */
  outcomes(method: string, tool?: string): Promise<readonly string[]>
  /** Asserts that calls of tools were counted with these outcomes. */
  assertCounted(outcomes: readonly string[]): Promise<void>
  /** Asserts, once the client has gone, that every call has ended, and ended once. */
  assertSettled(): Promise<void>
}

export interface Route {
  readonly name: string
  readonly from: 'http' | 'stdio'
  readonly server: 'v1' | 'v2'
  /** Whether the server is a process, whose end is part of the matter. */
  readonly process: boolean
  readonly open: () => Promise<{
    readonly target: string | Program
    readonly witness: Witness
    /** Ends what is not ended by the client's going. */
    readonly close: () => Promise<void>
  }>
}

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const STDIO = {
  v1: fileURLToPath(new URL('../support/stdio-server-v1.ts', import.meta.url)),
  v2: fileURLToPath(new URL('../support/stdio-server-v2.ts', import.meta.url)),
}

/** Real servers over HTTP, by the SDK they are written on. */
export const HTTP = { v1: () => startV1Server(), v2: () => startV2Server() }

export const ROUTES: readonly Route[] = (['v1', 'v2'] as const).flatMap((server): Route[] => [
  {
    name: `over HTTP to an HTTP server on SDK ${server}`,
    from: 'http',
    server,
    process: false,
    open: async () => throughSidecar((await HTTP[server]()).url),
  },
  {
    name: `over HTTP to a process on SDK ${server}`,
    from: 'http',
    server,
    process: true,
    open: () => throughSidecar({ command: [process.execPath, STDIO[server]] }),
  },
  {
    name: `over stdio to a wrapped process on SDK ${server}`,
    from: 'stdio',
    server,
    process: true,
    open: () => throughWrap('--', process.execPath, STDIO[server]),
  },
  {
    name: `over stdio to an HTTP server on SDK ${server}`,
    from: 'stdio',
    server,
    process: false,
    open: async () => throughWrap('--upstream', (await HTTP[server]()).url),
  },
])

/** Sidelight in this process, in front of a URL or a command. */
async function throughSidecar(
  upstream: string | Readonly<Record<string, unknown>>,
): ReturnType<Route['open']> {
  const sidecar = await startTestSidecar({ upstreams: { main: upstream } })
  const { recorder } = sidecar
  return {
    target: sidecar.url('main'),
    witness: {
      outcomes: async (method, tool) => outcomesOf(recorder, method, tool),
      assertCounted: async (outcomes) => {
        const metrics = await sidecar.metrics()
        for (const outcome of outcomes) {
          const labels = { mcp_method_name: 'tools/call', sidelight_outcome: outcome }
          assert.ok(metrics.sum('sidelight_calls_total', labels) >= 1, outcome)
        }
      },
      assertSettled: async () => {
        assert.deepEqual(recorder.open, [])
        assert.ok(recorder.calls.every((call) => call.endings === 1))
      },
    },
    close: () => sidecar.close(),
  }
}

function outcomesOf(recorder: OutcomeRecorder, method: string, tool?: string): readonly string[] {
  return recorder
    .of(method)
    .filter((call) => tool === undefined || call.target === tool)
    .flatMap((call) => call.outcome?.kind ?? [])
}

/** `sidelight wrap` as a program for the client to start, and a collector for its spans. */
export async function throughWrap(...args: readonly string[]): ReturnType<Route['open']> {
  const sink = await startOtlpSink()
  return {
    target: {
      command: process.execPath,
      args: [MAIN, 'wrap', ...args],
      env: { PATH: process.env['PATH'] ?? '', HOME: await makeHome(), ...sink.env },
    },
    witness: {
      outcomes: async (method, tool) => spanOutcomes(sink, method, tool),
      // It has no admin plane, and it may be ended before it exports its metrics.
      assertCounted: async () => {},
      assertSettled: async () => {},
    },
    close: async () => {},
  }
}

/** OpenTelemetry's number for the side that answers: one such span per call. */
const SERVER_SPAN = 2

function spanOutcomes(sink: OtlpSink, method: string, tool?: string): readonly string[] {
  return sink.spans
    .filter((span) => span.kind === SERVER_SPAN)
    .map((span) => plainAttributes(span.attributes))
    .filter((attributes) => attributes['mcp.method.name'] === method)
    .filter((attributes) => tool === undefined || attributes['gen_ai.tool.name'] === tool)
    .map((attributes) => String(attributes['sidelight.outcome']))
}
