/** Arguments and results on spans: only where they are asked for, redacted, and nowhere else. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startOtlpSink, type OtlpSink } from '../support/otlp-sink.ts'
import { OTLP, plainAttributes } from '../support/otlp-types.ts'
import { requestOnce } from '../support/raw-client.ts'
import { startRawUpstream, type RawHandler } from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'

const answer: RawHandler = (request, reply) => {
  const failing = request.body.includes('"fails"')
  reply.result({
    content: [{ type: 'text', text: '{"token":"result-canary","n":1}' }],
    ...(failing ? { isError: true } : {}),
  })
}

async function scene(
  capture: readonly object[],
): Promise<{ sink: OtlpSink; sidecar: TestSidecar }> {
  const sink = await startOtlpSink({ optIn: true })
  const upstream = await startRawUpstream(answer)
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url },
    config: { telemetry: { capture } },
    otel: sink.env,
  })
  return { sink, sidecar }
}

async function call(sidecar: TestSidecar, tool: string): Promise<void> {
  await requestOnce(sidecar.url('main'), {
    body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${tool}","arguments":{"city":"Paris","password":"argument-canary"}}}`,
  })
}

function shown(sink: OtlpSink, tool: string): unknown[] {
  return [OTLP.server, OTLP.client].map((kind) => {
    const span = sink.spans.find((one) => one.kind === kind && one.name === `tools/call ${tool}`)
    const attributes = plainAttributes(span?.attributes ?? [])
    return [attributes['gen_ai.tool.call.arguments'], attributes['gen_ai.tool.call.result']]
  })
}

const NOTHING = [undefined, undefined]

test('arguments and results of the named tools are on the SERVER span, redacted', async () => {
  const { sink, sidecar } = await scene([
    { upstream: 'm*n', tool: 'get_secret', arguments: false },
    { tool: 'get_*', arguments: true, results: true },
    { tool: 'fails', arguments: true, results: true },
  ])
  for (const tool of ['get_weather', 'get_secret', 'put_weather', 'fails'])
    await call(sidecar, tool)
  await sidecar.close()
  const sent = '{"city":"Paris","password":"[redacted]"}'
  const got = JSON.stringify({
    content: [{ type: 'text', text: '{"token":"[redacted]","n":1}' }],
  })
  assert.deepEqual(shown(sink, 'get_weather'), [[sent, got], NOTHING])
  assert.deepEqual(shown(sink, 'get_secret'), [NOTHING, NOTHING])
  assert.deepEqual(shown(sink, 'put_weather'), [NOTHING, NOTHING])
  // The result of a failure is not shown.
  assert.deepEqual(shown(sink, 'fails'), [[sent, undefined], NOTHING])
  const everything = sink.received.map(({ body }) => body.toString()).join('')
  assert.doesNotMatch(everything, /canary/)
  assert.doesNotMatch(JSON.stringify(sidecar.logs), /Paris|canary/)
  const elsewhere = sink.received.filter(({ path }) => path !== '/v1/traces')
  assert.doesNotMatch(elsewhere.map(({ body }) => body.toString()).join(''), /Paris/)
})

test('what is longer than bytesMax is left out', async () => {
  const { sink, sidecar } = await scene([{ arguments: true, results: true, bytesMax: '20B' }])
  await call(sidecar, 'get_weather')
  await sidecar.close()
  assert.deepEqual(shown(sink, 'get_weather'), [NOTHING, NOTHING])
})
