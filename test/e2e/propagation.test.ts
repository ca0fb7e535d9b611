/** What of a caller's context is read, and what upstreams get. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROOT_CONTEXT, SpanKind, trace, type SpanContext } from '@opentelemetry/api'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { parseJson } from '../support/json.ts'
import { startOtlpSink, type OtlpSink } from '../support/otlp-sink.ts'
import { OTLP, type OtlpSpan } from '../support/otlp-types.ts'
import { JSON_HEADERS, requestOnce } from '../support/raw-client.ts'
import {
  startRawUpstream,
  type RawUpstream,
  type UpstreamRequest,
} from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { waitFor, SOON } from '../support/wait-for.ts'

const PARENT_A = `00-${'a'.repeat(32)}-${'1'.repeat(16)}-01`
const PARENT_B = `00-${'b'.repeat(32)}-${'2'.repeat(16)}-01`
const UNSAMPLED = `00-${'a'.repeat(32)}-${'1'.repeat(16)}-00`
const HEX = /^[0-9a-f]+$/

interface Scene {
  readonly sink: OtlpSink
  readonly upstream: RawUpstream
  readonly sidecar: TestSidecar
}

async function scene(
  telemetry: Readonly<Record<string, unknown>>,
  otel: Readonly<Record<string, string>> = {},
): Promise<Scene> {
  const sink = await startOtlpSink()
  const upstream = await startRawUpstream()
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url },
    config: { telemetry },
    otel: { ...sink.env, ...otel },
  })
  return { sink, upstream, sidecar }
}

function call(meta: string): string {
  return `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"_meta":{${meta}},"name":"lookup","arguments":{"n":1.0}}}`
}

async function pass(
  { sidecar, upstream }: Scene,
  body: string,
  headers: readonly string[] = [],
): Promise<UpstreamRequest> {
  const index = upstream.requests.length
  const { status } = await requestOnce(sidecar.url('main'), {
    headers: [...JSON_HEADERS, ...headers],
    body,
  })
  assert.equal(status, 200)
  return upstream.request(index)
}

async function pair(sink: OtlpSink): Promise<{ server: OtlpSpan; client: OtlpSpan }> {
  const spans = await sink.waitForSpans(2)
  const server = spans.find(({ kind }) => kind === OTLP.server)
  const client = spans.find(({ kind }) => kind === OTLP.client)
  assert.ok(server !== undefined && client !== undefined)
  return { server, client }
}

function metaOf({ body }: UpstreamRequest): Record<string, unknown> {
  return parseJson<{ params: { _meta: Record<string, unknown> } }>(body).params._meta
}

test('in mode link a trace of our own begins, with links to what the caller sent', async () => {
  const here = await scene({ propagation: 'link' })
  const arrived = await pass(here, call(`"traceparent":"${PARENT_A}","tracestate":"v=1"`), [
    `traceparent: ${PARENT_B}`,
  ])
  const { server, client } = await pair(here.sink)
  assert.equal(server.parentSpanId, '')
  assert.match(server.traceId, HEX)
  assert.ok(server.traceId !== 'a'.repeat(32) && server.traceId !== 'b'.repeat(32))
  assert.deepEqual(
    (server.links ?? []).map(({ traceId, spanId }) => [traceId, spanId]),
    [
      ['a'.repeat(32), '1'.repeat(16)],
      ['b'.repeat(32), '2'.repeat(16)],
    ],
  )
  const own = `00-${server.traceId}-${client.spanId}-01`
  assert.deepEqual(arrived.values('traceparent'), [own])
  assert.equal(metaOf(arrived)['traceparent'], own)
  // The caller's vendors' state belongs to the caller's trace.
  assert.equal(metaOf(arrived)['tracestate'], '')
})

test('in mode link a caller that says unsampled does not decide', async () => {
  const here = await scene({ propagation: 'link' })
  await pass(here, call(`"traceparent":"${UNSAMPLED}"`))
  await pair(here.sink)
})

test('in mode off nothing is read or written, baggage included', async () => {
  const here = await scene({ propagation: 'off' })
  const body = call(`"traceparent":"${PARENT_A}","baggage":"a=1"`)
  const arrived = await pass(here, body, [`traceparent: ${PARENT_B}`, 'baggage: b=2'])
  assert.equal(arrived.body.toString(), body)
  assert.deepEqual(arrived.values('traceparent'), [PARENT_B])
  assert.deepEqual(arrived.values('baggage'), ['b=2'])
  const { server } = await pair(here.sink)
  assert.equal(server.parentSpanId, '')
  assert.deepEqual(server.links ?? [], [])
})

test('trustSampled: false samples by our own rule, in the trace of the caller', async () => {
  const on = await scene({ trustSampled: false })
  await pass(on, call(`"traceparent":"${UNSAMPLED}"`))
  const { server } = await pair(on.sink)
  assert.equal(server.traceId, 'a'.repeat(32))
  assert.equal(server.parentSpanId, '1'.repeat(16))

  const off = await scene(
    { trustSampled: false },
    { OTEL_TRACES_SAMPLER: 'parentbased_always_off' },
  )
  const arrived = await pass(off, call(`"traceparent":"${PARENT_A}"`))
  assert.match(String(metaOf(arrived)['traceparent']), /^00-a{32}-[0-9a-f]{16}-00$/)
  await off.sidecar.close()
  assert.equal(off.sink.spans.length, 0)
})

test('a caller that says unsampled decides by default', async () => {
  const here = await scene({})
  const arrived = await pass(here, call(`"traceparent":"${UNSAMPLED}"`))
  assert.match(String(metaOf(arrived)['traceparent']), /^00-a{32}-[0-9a-f]{16}-00$/)
  await here.sidecar.close()
  assert.equal(here.sink.spans.length, 0)
})

test('no baggage goes on by default, and every other byte does', async () => {
  const here = await scene({})
  const arrived = await pass(here, call('"x":1.0, "baggage":"user=u1","y":[ ]'), [
    'Baggage: user=u1',
    'X-Kept: yes',
    'baggage: tenant=t',
  ])
  assert.deepEqual(arrived.values('baggage'), [])
  assert.deepEqual(arrived.values('x-kept'), ['yes'])
  assert.match(
    arrived.body.toString(),
    /"_meta":\{"x":1\.0, "traceparent":"00-[0-9a-f-]+","y":\[ \]\},"name":"lookup","arguments":\{"n":1\.0\}\}\}$/,
  )
})

test('entries of baggage that are allowed go on, in the header and in _meta', async () => {
  const here = await scene({ baggage: ['tenant'] })
  const arrived = await pass(here, call('"baggage":"user=u1,tenant=in-meta;p=1"'), [
    'baggage: user=u1',
    'baggage: tenant=in-header',
  ])
  assert.deepEqual(arrived.values('baggage'), ['tenant=in-header'])
  assert.equal(metaOf(arrived)['baggage'], 'tenant=in-meta;p=1')
  const untouched = await pass(here, call('"baggage":" tenant=t "'), ['baggage: tenant=t'])
  assert.deepEqual(untouched.values('baggage'), ['tenant=t'])
  assert.equal(metaOf(untouched)['baggage'], ' tenant=t ')
})

test('OTEL_PROPAGATORS decides of trace context and baggage apart', async () => {
  const context = await scene({}, { OTEL_PROPAGATORS: 'tracecontext' })
  const one = await pass(context, call('"baggage":"a=1"'), ['baggage: a=1'])
  assert.deepEqual(one.values('baggage'), ['a=1'])
  assert.equal(metaOf(one)['baggage'], 'a=1')
  assert.match(String(metaOf(one)['traceparent']), /^00-/)

  const baggage = await scene({}, { OTEL_PROPAGATORS: 'baggage' })
  const two = await pass(baggage, call(`"traceparent":"${PARENT_A}","baggage":"a=1"`), [
    `traceparent: ${PARENT_B}`,
    'baggage: a=1',
  ])
  assert.deepEqual(two.values('baggage'), [])
  assert.deepEqual(two.values('traceparent'), [PARENT_B])
  assert.deepEqual(metaOf(two), { traceparent: PARENT_A })

  const none = await scene({}, { OTEL_PROPAGATORS: 'none' })
  const body = call('"baggage":"a=1"')
  assert.equal((await pass(none, body)).body.toString(), body)
})

test('propagateMeta and propagateHeaders leave baggage alone too', async () => {
  const here = await scene({ propagateMeta: false, propagateHeaders: false })
  const body = call('"baggage":"a=1"')
  const arrived = await pass(here, body, ['baggage: b=2'])
  assert.equal(arrived.body.toString(), body)
  assert.deepEqual(arrived.values('baggage'), ['b=2'])
})

test('a client and a server that are instrumented nest with the sidecar between, nothing doubled', async () => {
  const here = await scene({})
  const ended = new InMemorySpanExporter()
  const tracer = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter: ended })],
  }).getTracer('ends')
  const format = ({ traceId, spanId }: SpanContext): string => `00-${traceId}-${spanId}-01`
  here.upstream.handle((request, reply) => {
    const [, traceId = '', spanId = ''] = String(metaOf(request)['traceparent']).split('-')
    const parent = trace.setSpanContext(ROOT_CONTEXT, {
      traceId,
      spanId,
      traceFlags: 1,
      isRemote: true,
    })
    const span = tracer.startSpan('tools/call lookup', { kind: SpanKind.SERVER }, parent)
    reply.result({ content: [] })
    span.end()
  })
  const client = tracer.startSpan('tools/call lookup', { kind: SpanKind.CLIENT }, ROOT_CONTEXT)
  // The HTTP client's own instrumentation makes a span of its own below.
  const http = tracer.startSpan(
    'POST',
    { kind: SpanKind.CLIENT },
    trace.setSpan(ROOT_CONTEXT, client),
  )
  await pass(here, call(`"traceparent":"${format(client.spanContext())}"`), [
    `traceparent: ${format(http.spanContext())}`,
  ])
  http.end()
  client.end()
  const sidecar = await pair(here.sink)
  assert.equal(here.sink.spans.length, 2)
  const server = await waitFor(
    () => ended.getFinishedSpans().find(({ kind }) => kind === SpanKind.SERVER),
    {
      within: SOON,
      what: "the server's span",
    },
  )
  const { traceId, spanId } = client.spanContext()
  assert.deepEqual(
    [sidecar.server.traceId, sidecar.client.traceId, server.spanContext().traceId],
    [traceId, traceId, traceId],
  )
  assert.equal(sidecar.server.parentSpanId, spanId)
  assert.equal(sidecar.client.parentSpanId, sidecar.server.spanId)
  assert.equal(server.parentSpanContext?.spanId, sidecar.client.spanId)
  assert.deepEqual(
    sidecar.server.links?.map((link) => link.spanId),
    [http.spanContext().spanId],
  )
})
