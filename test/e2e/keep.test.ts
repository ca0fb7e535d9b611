/** Calls that were not sampled and are exported all the same: errors, and slow ones. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startOtlpSink, type OtlpSink } from '../support/otlp-sink.ts'
import { OTLP } from '../support/otlp-types.ts'
import { requestOnce } from '../support/raw-client.ts'
import { freePort, startRawUpstream, type RawHandler } from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'

const NEVER = { OTEL_TRACES_SAMPLER: 'always_off' }

const byTool: RawHandler = (request, reply) => {
  const { params } = request.json()
  const name = typeof params === 'object' && params !== null && 'name' in params ? params.name : ''
  if (name === 'fails') return reply.result({ isError: true, content: [] })
  if (name === 'slow') return void setTimeout(() => reply.result({ content: [] }), 1_100)
  if (name === 'refuses') {
    const error = { code: -32602, message: 'no such tool' }
    return reply.send({ body: JSON.stringify({ jsonrpc: '2.0', id: 1, error }) })
  }
  return reply.result({ content: [] })
}

async function scene(
  keep: Readonly<Record<string, unknown>>,
  otel: Readonly<Record<string, string>> = NEVER,
): Promise<{ sink: OtlpSink; sidecar: TestSidecar }> {
  const sink = await startOtlpSink()
  const upstream = await startRawUpstream(byTool)
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url },
    config: { telemetry: { keep } },
    otel: { ...sink.env, ...otel },
  })
  return { sink, sidecar }
}

async function callAll(sidecar: TestSidecar, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await requestOnce(sidecar.url('main'), {
      body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}"}}`,
    })
  }
}

function exported({ spans }: OtlpSink): string[] {
  return spans
    .map(({ name, kind }) => `${name} ${kind === OTLP.server ? 'SERVER' : 'CLIENT'}`)
    .toSorted()
}

test('errors are kept with both spans, and what went well is not', async () => {
  const { sink, sidecar } = await scene({ errors: true })
  await callAll(sidecar, ['fine', 'fails', 'fine', 'refuses'])
  await sidecar.close()
  // A -32602 is an error for the client alone, and that is enough.
  assert.deepEqual(exported(sink), [
    'tools/call fails CLIENT',
    'tools/call fails SERVER',
    'tools/call refuses CLIENT',
    'tools/call refuses SERVER',
  ])
  const [server] = sink.spans.filter(({ kind }) => kind === OTLP.server)
  const [client] = sink.spans.filter(({ kind }) => kind === OTLP.client)
  assert.equal(client?.parentSpanId, server?.spanId)
  // What went to the upstream said unsampled, and so does the span.
  assert.equal((server?.flags ?? 0) & 1, 0)
  assert.ok((server?.attributes.length ?? 0) > 5)
})

test('slow calls are kept, and quick ones are not', async () => {
  const { sink, sidecar } = await scene({ slowerThan: '1s' })
  await callAll(sidecar, ['fine', 'slow', 'fails'])
  await sidecar.close()
  assert.deepEqual(exported(sink), ['tools/call slow CLIENT', 'tools/call slow SERVER'])
})

test('a call that was sampled is exported once, kept or not', async () => {
  const { sink, sidecar } = await scene({ errors: true }, { OTEL_TRACES_SAMPLER: 'always_on' })
  await callAll(sidecar, ['fails', 'fine'])
  await sidecar.close()
  assert.equal(sink.spans.length, 4)
})

test('a call to an upstream that is not there is kept, with both attempts', async () => {
  const sink = await startOtlpSink()
  const sidecar = await startTestSidecar({
    upstreams: { main: `http://127.0.0.1:${await freePort()}/mcp` },
    config: { telemetry: { keep: { errors: true } } },
    otel: { ...sink.env, ...NEVER },
  })
  await callAll(sidecar, ['fine'])
  await sidecar.close()
  assert.deepEqual(exported(sink), [
    'tools/call fine CLIENT',
    'tools/call fine CLIENT',
    'tools/call fine SERVER',
  ])
})
