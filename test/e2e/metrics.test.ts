/** `/metrics` and pushed metrics of a whole sidecar, in every form that they take. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseExposition, type ExpositionSample } from '../support/exposition.ts'
import { startOtlpSink, type OtlpSink } from '../support/otlp-sink.ts'
import { requestOnce } from '../support/raw-client.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { parseJson } from '../support/json.ts'

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'

function call(tool: string, flags = '01'): string {
  const traceparent = `00-${TRACE_ID}-b7ad6b7169203331-${flags}`
  const params = { name: tool, arguments: {}, _meta: { traceparent } }
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
}

async function scene(
  otel: Readonly<Record<string, string>>,
): Promise<{ sink: OtlpSink; sidecar: TestSidecar }> {
  const name = 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE'
  const sink = await startOtlpSink({ delta: otel[name] === 'delta' })
  const upstream = await startRawUpstream((_request, reply) => reply.result({ content: [] }))
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: upstream.url } },
    otel: { ...sink.env, ...otel },
  })
  return { sink, sidecar }
}

async function scrape(
  sidecar: TestSidecar,
  accept: string,
  format: 'text' | 'openmetrics',
): Promise<readonly ExpositionSample[]> {
  const reply = await fetch(`${sidecar.adminUrl}/metrics`, { headers: { Accept: accept } })
  assert.equal(reply.status, 200)
  assert.equal(
    reply.headers.get('content-type'),
    format === 'text'
      ? 'text/plain; version=0.0.4; charset=utf-8'
      : 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  )
  return parseExposition(await reply.text(), format).flatMap(({ samples }) => samples)
}

test('both text formats of a scrape follow their specification and say the same', async () => {
  const { sidecar } = await scene({ OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=prod' })
  await requestOnce(sidecar.url('main'), { body: call('one') })
  const text = await scrape(sidecar, 'text/plain', 'text')
  const openMetrics = await scrape(sidecar, 'application/openmetrics-text', 'openmetrics')
  const steady = (samples: readonly ExpositionSample[]): string[] =>
    samples
      .filter(({ name }) => /^(mcp|sidelight|target)_/.test(name))
      .map(({ name, labels, value }) => {
        const le = labels['le']
        const bound = le === undefined ? {} : { le: String(Number(le.replace('+Inf', 'Infinity'))) }
        return JSON.stringify([name, { ...labels, ...bound }, value])
      })
  assert.deepEqual(steady(openMetrics), steady(text))
  assert.ok(steady(text).length > 50)
  const [target] = text.filter(({ name }) => name === 'target_info')
  assert.equal(target?.labels['service_name'], 'sidelight')
  assert.equal(target?.labels['deployment_environment_name'], 'prod')
  const names = new Set(text.map(({ name }) => name))
  for (const name of [
    'nodejs_eventloop_utilization_ratio',
    'v8js_memory_heap_used_bytes',
    'process_memory_usage_bytes',
  ]) {
    assert.ok(names.has(name), name)
  }
})

test('an exemplar leads from a bucket to the span of a sampled call', async () => {
  const { sink, sidecar } = await scene({})
  await requestOnce(sidecar.url('main'), { body: call('sampled') })
  await requestOnce(sidecar.url('main'), { body: call('unsampled', '00') })
  const spans = await sink.waitForSpans(2)
  const samples = await scrape(sidecar, 'application/openmetrics-text', 'openmetrics')
  for (const [side, kind] of [
    ['server', 2],
    ['client', 3],
  ] as const) {
    const buckets = samples.filter(
      ({ name, exemplar }) =>
        name === `mcp_${side}_operation_duration_seconds_bucket` && exemplar !== undefined,
    )
    assert.deepEqual(
      buckets.map(({ labels, exemplar }) => [labels['gen_ai_tool_name'], exemplar?.labels]),
      [
        [
          'sampled',
          { trace_id: TRACE_ID, span_id: spans.find((span) => span.kind === kind)?.spanId },
        ],
      ],
    )
    const ended = Number(spans.find((span) => span.kind === kind)?.endTimeUnixNano) / 1e9
    assert.ok(Math.abs((buckets[0]?.exemplar?.timestamp ?? 0) - ended) < 0.01)
  }
})

test('OTEL_METRICS_EXEMPLAR_FILTER=always_off keeps none', async () => {
  const { sidecar } = await scene({ OTEL_METRICS_EXEMPLAR_FILTER: 'always_off' })
  await requestOnce(sidecar.url('main'), { body: call('sampled') })
  const samples = await scrape(sidecar, 'application/openmetrics-text', 'openmetrics')
  assert.ok(samples.some(({ name }) => name === 'mcp_server_operation_duration_seconds_bucket'))
  assert.deepEqual(
    samples.filter(({ exemplar }) => exemplar !== undefined),
    [],
  )
})

interface Exported {
  readonly name: string
  readonly sum?: { readonly aggregationTemporality: number; readonly isMonotonic?: boolean }
  readonly histogram?: unknown
  readonly exponentialHistogram?: {
    readonly aggregationTemporality: number
    readonly dataPoints: readonly {
      readonly count: number | string
      readonly scale: number
      readonly positive: { readonly bucketCounts: readonly (number | string)[] }
    }[]
  }
}

function exported(sink: OtlpSink): Exported[] {
  return sink.received
    .filter(({ path }) => path === '/v1/metrics')
    .flatMap(
      ({ body }) =>
        parseJson<{
          resourceMetrics: { scopeMetrics: { metrics: Exported[] }[] }[]
        }>(body).resourceMetrics,
    )
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .flatMap(({ metrics }) => metrics)
}

test('exponential histograms and delta temporality are exported when asked for', async () => {
  const { sink, sidecar } = await scene({
    OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: 'base2_exponential_bucket_histogram',
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta',
  })
  for (let i = 0; i < 3; i += 1) await requestOnce(sidecar.url('main'), { body: call('one') })
  await sidecar.close()
  const metrics = exported(sink)
  const duration = metrics.find(({ name }) => name === 'mcp.server.operation.duration')
  assert.equal(duration?.histogram, undefined)
  const DELTA = 1
  const CUMULATIVE = 2
  assert.equal(duration?.exponentialHistogram?.aggregationTemporality, DELTA)
  const [point] = duration.exponentialHistogram.dataPoints
  assert.equal(Number(point?.count), 3)
  const counted = point?.positive.bucketCounts.reduce((sum: number, one) => sum + Number(one), 0)
  assert.equal(counted, 3)
  assert.equal(
    metrics.find(({ name }) => name === 'sidelight.calls')?.sum?.aggregationTemporality,
    DELTA,
  )
  const memory = metrics.find(({ name }) => name === 'process.memory.usage')?.sum
  assert.equal(memory?.aggregationTemporality, CUMULATIVE)
  assert.notEqual(memory.isMonotonic, true)
})
