/** What agents do to a sidecar: call again and again, call what was refused, make names up. */

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseJson } from '../support/json.ts'
import type { Metrics } from '../support/metrics.ts'
import { startOtlpSink } from '../support/otlp-sink.ts'
import { startRawUpstream, type RawHandler } from '../support/raw-upstream.ts'
import { closeAfterTest } from '../support/scope.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'

const CANARY = 'SECRET-CANARY-IN-ARGUMENTS'

interface Asked {
  readonly id: number
  readonly method: string
  readonly params: { readonly name: string }
}

async function post(sidecar: TestSidecar, body: unknown, session?: string): Promise<Buffer> {
  const response = await fetch(sidecar.url('main'), {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      ...(session === undefined ? {} : { 'Mcp-Session-Id': session }),
    },
    body: JSON.stringify(body),
  })
  return Buffer.from(await response.arrayBuffer())
}

const call = (name: string, args: unknown): object => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name, arguments: args },
})

const FIND = { gen_ai_tool_name: 'find', sidelight_upstream_name: 'main' }

test('a stuck agent shows: the same call again is counted, and its span says how often', async () => {
  const sink = await startOtlpSink()
  const upstream = await startRawUpstream()
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url },
    otel: { ...sink.env, OTEL_METRICS_EXPORTER: 'none' },
  })
  for (let i = 0; i < 3; i += 1) await post(sidecar, call('find', { q: CANARY }), 'one')
  await post(sidecar, call('find', { q: 'other' }), 'one')
  await post(sidecar, call('find', { q: CANARY }), 'two')
  const metrics = await sidecar.metrics()
  assert.equal(metrics.sum('sidelight_calls_repeated_total', FIND), 2)
  assert.equal(metrics.sum('sidelight_tool_result_size_bytes_count', FIND), 5)
  // {"content":[{"type":"text","text":"done"}]} is 43 bytes, or 11 tokens by four bytes each.
  assert.equal(metrics.sum('sidelight_tool_result_size_bytes_sum', FIND), 5 * 43)
  assert.equal(metrics.sum('sidelight_tool_result_tokens_total', FIND), 5 * 11)
  await sidecar.close()
  const repeats = sink.spans
    .filter(({ kind }) => kind === 2)
    .map(({ attributes }) => attributes.find(({ key }) => key === 'sidelight.call.repeats'))
    .map((attribute) => attribute?.value.intValue)
  assert.deepEqual(repeats.filter((value) => value !== undefined).map(Number), [1, 2])
  for (const { body } of sink.received) assert.ok(!body.includes(CANARY))
  assert.ok(!metrics.text.includes(CANARY))
})

test('an agent that calls a refused tool again is counted', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sidelight-'))
  closeAfterTest(() => rm(directory, { recursive: true }))
  const file = join(directory, 'pins.json')
  await writeFile(file, '{"version":1,"tools":{}}')
  const upstream = await startRawUpstream()
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: upstream.url, pins: { file, mode: 'block' } } },
  })
  for (let i = 0; i < 3; i += 1) await post(sidecar, call('find', { i }), 'one')
  await post(sidecar, call('other', {}), 'one')
  await post(sidecar, call('find', {}), 'two')
  const metrics = await sidecar.metrics()
  // A name that nobody has listed and no answer has proved is no label.
  const labels = { gen_ai_tool_name: '_OTHER', sidelight_upstream_name: 'main' }
  assert.equal(metrics.sum('sidelight_calls_after_refusal_total', labels), 2)
  assert.equal(upstream.requests.length, 0)
})

/** Answers lists with 300 tools, and calls, also in batches, as a server that knows no such tool. */
const knowsNothing: RawHandler = (request, reply) => {
  const asked = parseJson<Asked | readonly Asked[]>(request.body)
  if (!Array.isArray(asked)) {
    return reply.result({ tools: Array.from({ length: 300 }, (_, i) => ({ name: `tool-${i}` })) })
  }
  const answers = asked.map(({ id }: Asked) => ({
    jsonrpc: '2.0',
    id,
    error: { code: -32_602, message: 'Unknown tool' },
  }))
  reply.send({ body: JSON.stringify(answers) })
}

const toolsIn = (metrics: Metrics): number =>
  new Set(metrics.samples.flatMap(({ labels }) => labels['gen_ai_tool_name'] ?? [])).size

test('100,000 names that a model made up add one label, and listed ones at most 256', async () => {
  const upstream = await startRawUpstream(knowsNothing)
  // Nothing is exported: 200,000 spans would be looked at one by one.
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url },
    otel: {
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
    },
  })
  const batch = (from: number): object[] =>
    Array.from({ length: 100 }, (_, i) => ({ ...call(`made-up-${from + i}`, {}), id: i + 1 }))
  await post(sidecar, batch(0))
  const before = await sidecar.metrics()
  for (let from = 100; from < 100_000; from += 100) await post(sidecar, batch(from))
  const after = await sidecar.metrics()
  assert.equal(
    after.sum('mcp_server_operation_duration_seconds_count', { mcp_method_name: 'tools/call' }),
    100_000,
  )
  assert.equal(toolsIn(after), 1)
  assert.ok(after.samples.length - before.samples.length < 50)
  await post(sidecar, { jsonrpc: '2.0', id: 1, method: 'tools/list' })
  await post(
    sidecar,
    Array.from({ length: 100 }, (_, i) => ({ ...call(`tool-${i}`, {}), id: i + 1 })),
  )
  await post(
    sidecar,
    Array.from({ length: 100 }, (_, i) => ({ ...call(`tool-${i + 200}`, {}), id: i + 1 })),
  )
  const listed = await sidecar.metrics()
  // 100 of the first, 56 of the others, and _OTHER.
  assert.equal(toolsIn(listed), 157)
  assert.equal(listed.sum('sidelight_limit_hits_total', { sidelight_limit: 'label_values' }), 44)
})
