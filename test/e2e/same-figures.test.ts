/** Recorded traffic through a real sidecar: all that shows figures says the same of it, and it is true. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { takePicture } from '../../src/cli/top/client.ts'
import type { ToolStats, UpstreamStats, WindowStats } from '../../src/insight/views.ts'
import { requestOnce } from '../support/raw-client.ts'
import { startRawUpstream, type RawUpstream } from '../support/raw-upstream.ts'
import { closeAfterTest } from '../support/scope.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import type { Metrics } from '../support/metrics.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

interface Recording {
  readonly tools: readonly string[]
  /** Start, tool, ending, duration in ms, first event, bytes of the reply. */
  readonly calls: readonly (readonly [number, number, string, number, number, number])[]
}

const RECORDING: Recording = JSON.parse(
  readFileSync(new URL('../insight/traffic.json', import.meta.url), 'utf8'),
)

/** What an upstream can answer; the other endings are our own, or take too long. */
const ANSWERS: ReadonlySet<string> = new Set(['ok', 'tool_error', '-32602', '-32603'])

const CALLS = RECORDING.calls.filter(([, , ending]) => ANSWERS.has(ending)).slice(0, 400)

/** Calls at a time, and the longest that one may take: the recording is not played at its own pace. */
const AT_A_TIME = 32
const LONGEST_MS = 60

const METHOD = { mcp_method_name: 'tools/call' }

/** Does with each call what its number in the recording says. */
async function startRecorded(): Promise<RawUpstream> {
  return startRawUpstream((request, reply) => {
    const { id } = request.json()
    const [, , ending, durationMs = 0] = CALLS[Number(id)] ?? []
    setTimeout(
      () => {
        const fails = ending === 'tool_error'
        if (fails || ending === 'ok') return reply.result({ content: [], isError: fails })
        const error = { code: Number(ending), message: 'no' }
        reply.send({ body: JSON.stringify({ jsonrpc: '2.0', id, error }) })
      },
      Math.min(durationMs, LONGEST_MS),
    )
  })
}

async function replay(sidecar: TestSidecar): Promise<void> {
  const numbers = CALLS.keys()
  const agent = async (): Promise<void> => {
    for (const id of numbers) {
      const params = { name: RECORDING.tools[CALLS[id]?.[1] ?? 0], arguments: {} }
      const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })
      // oxlint-disable-next-line no-await-in-loop -- an agent makes one call at a time
      await requestOnce(sidecar.url('weather'), { body })
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, agent))
}

async function ask<T>(sidecar: TestSidecar, path: string): Promise<T> {
  return JSON.parse(await (await fetch(`${sidecar.adminUrl}/api/v1${path}`)).text())
}

const recorded = (ending: string, tool?: number): number =>
  CALLS.filter(([, its, end]) => end === ending && (tool === undefined || its === tool)).length

/** The histogram's own count, mean in seconds, and the bucket in which its 95th percentile lies. */
function histogram(
  metrics: Metrics,
  labels: Readonly<Record<string, string>>,
): {
  readonly count: number
  readonly mean: number
  readonly p95: readonly [above: number, upTo: number]
} {
  const name = 'mcp_server_operation_duration_seconds'
  const count = metrics.sum(`${name}_count`, labels)
  const upTo = new Map<number, number>()
  for (const { labels: its, value } of metrics.find(`${name}_bucket`, labels)) {
    const bound = its['le'] === '+Inf' ? Infinity : Number(its['le'])
    upTo.set(bound, (upTo.get(bound) ?? 0) + value)
  }
  const bounds = [...upTo.keys()].toSorted((a, b) => a - b)
  const rank = Math.floor(0.95 * (count - 1)) + 1
  const bucket = bounds.findIndex((bound) => (upTo.get(bound) ?? 0) >= rank)
  return {
    count,
    mean: metrics.sum(`${name}_sum`, labels) / count,
    p95: [bounds[bucket - 1] ?? 0, bounds[bucket] ?? Infinity],
  }
}

function holdDurations(stats: WindowStats, truth: ReturnType<typeof histogram>): void {
  assert.equal(stats.all?.calls, truth.count)
  const meanMs = stats.all.meanMs
  // Durations are counted in whole microseconds here and in seconds there.
  assert.ok(Math.abs(meanMs - truth.mean * 1_000) < 0.001, `${meanMs} ms, ${truth.mean} s`)
  const p95 = stats.all.p95Ms / 1_000
  const { relativeError } = stats.all
  const [above, upTo] = truth.p95
  const inBucket = p95 >= above * (1 - relativeError) && p95 <= upTo * (1 + relativeError)
  assert.ok(inBucket, `${p95} s is not between ${above} and ${upTo}`)
}

test('the API, top, the MCP endpoint and /metrics say the same of recorded traffic, and it is true', async () => {
  const upstream = await startRecorded()
  const sidecar = await startTestSidecar({ upstreams: { weather: upstream.url } })
  await replay(sidecar)
  const stats = await waitFor(
    async () => {
      const found = await ask<UpstreamStats>(sidecar, '/upstreams/weather')
      const hour = found.windows.find(({ window }) => window === '1h')
      return hour?.calls === CALLS.length && hour
    },
    { within: SOON, what: 'all calls to be counted' },
  )
  const metrics = await sidecar.metrics()

  const errors = recorded('tool_error') + recorded('-32603')
  assert.ok(errors > 5)
  assert.deepEqual(
    [stats.eligible, stats.errors, stats.unavailable],
    [CALLS.length, errors, recorded('-32603')],
  )
  assert.equal(stats.errorRate, errors / CALLS.length)
  const outcomes = stats.outcomes.map(({ outcome, reason, calls }) => [
    `${outcome} ${reason ?? ''}`.trim(),
    calls,
  ])
  assert.deepEqual(Object.fromEntries(outcomes), {
    ok: recorded('ok'),
    tool_error: recorded('tool_error'),
    'rpc_error caller': recorded('-32602'),
    'rpc_error internal': recorded('-32603'),
  })
  for (const outcome of ['ok', 'tool_error', 'rpc_error']) {
    const shown = stats.outcomes.filter((one) => one.outcome === outcome)
    assert.equal(
      metrics.sum('sidelight_calls_total', { ...METHOD, sidelight_outcome: outcome }),
      shown.reduce((sum, { calls }) => sum + calls, 0),
      outcome,
    )
  }
  const sizes = 'sidelight_response_size_bytes_sum'
  assert.equal(stats.responseBytes, metrics.sum(sizes, METHOD))
  assert.equal(stats.resultTokens, metrics.sum('sidelight_tool_result_tokens_total'))
  holdDurations(stats, histogram(metrics, METHOD))

  const { tools } = await ask<{ readonly tools: readonly ToolStats[] }>(sidecar, '/tools?window=1h')
  assert.deepEqual(tools.map(({ tool }) => tool).toSorted(), RECORDING.tools.toSorted())
  for (const { tool, stats: its } of tools) {
    const place = RECORDING.tools.indexOf(tool)
    assert.equal(its.errors, recorded('tool_error', place) + recorded('-32603', place), tool)
    holdDurations(its, histogram(metrics, { ...METHOD, gen_ai_tool_name: tool }))
  }
  await holdOthers(sidecar, stats)
})

/** `top`, and what an agent is told. */
async function holdOthers(sidecar: TestSidecar, stats: WindowStats): Promise<void> {
  const { errors, all, resultTokens } = stats
  const picture = await takePicture({ url: sidecar.adminUrl, tokenFile: undefined }, '1h')
  assert.ok(picture.kind === 'picture')
  for (const its of [picture.snapshot.totals, picture.snapshot.upstreams[0]?.stats]) {
    assert.deepEqual(
      [its?.calls, its?.errors, its?.all, its?.resultTokens],
      [CALLS.length, errors, all, resultTokens],
    )
  }
  const figures = await figuresForAgents(sidecar)
  assert.deepEqual(
    ['calls', 'errors', 'p95Ms', 'resultTokens'].map((name) => figures[name]),
    [CALLS.length, errors, all?.p95Ms, resultTokens],
  )
}

async function figuresForAgents(sidecar: TestSidecar): Promise<Record<string, unknown>> {
  const client = new Client({ name: 'test', version: '1.0.0' })
  closeAfterTest(() => client.close())
  await client.connect(new StreamableHTTPClientTransport(new URL(`${sidecar.adminUrl}/mcp`)))
  const { structuredContent } = await client.callTool({
    name: 'upstream_stats',
    arguments: { upstream: 'weather', window: '1h' },
  })
  const { figures }: { figures?: Record<string, unknown> } = Object(structuredContent)
  return figures ?? {}
}
