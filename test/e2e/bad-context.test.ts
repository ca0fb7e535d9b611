/** Context and names that nobody should send: the call goes on unharmed. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startOtlpSink } from '../support/otlp-sink.ts'
import { OTLP } from '../support/otlp-types.ts'
import { requestOnce } from '../support/raw-client.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { startTestSidecar } from '../support/test-sidecar.ts'

const PARENT = `00-${'a'.repeat(32)}-${'1'.repeat(16)}-01`
const MEGABYTE = 'x'.repeat(1024 * 1024)

const rows: readonly (readonly [
  what: string,
  params: object,
  spanName: string,
  parent: boolean,
])[] = [
  [
    'an invalid traceparent',
    { name: 't', _meta: { traceparent: '00-zz-1-01' } },
    'tools/call t',
    false,
  ],
  [
    '1 MB of tracestate',
    { name: 't', _meta: { traceparent: PARENT, tracestate: `a=${MEGABYTE}` } },
    'tools/call t',
    true,
  ],
  [
    '1 MB of baggage',
    { name: 't', _meta: { traceparent: PARENT, baggage: `a=${MEGABYTE}` } },
    'tools/call t',
    true,
  ],
  ['control characters in the name of a tool', { name: 'a\u0000\u001b[2J\n' }, 'tools/call', false],
  ['a tool name of 10 kB', { name: 'n'.repeat(10_000) }, 'tools/call', false],
]

for (const [what, params, spanName, parent] of rows) {
  test(`${what} harms no call and no span`, async () => {
    const sink = await startOtlpSink()
    const upstream = await startRawUpstream()
    const sidecar = await startTestSidecar({ upstreams: { main: upstream.url }, otel: sink.env })
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
    const { status } = await requestOnce(sidecar.url('main'), { body })
    assert.equal(status, 200)
    const [server] = await sink.waitForSpans(1, ({ kind }) => kind === OTLP.server)
    assert.equal(server?.name, spanName)
    assert.equal(server?.parentSpanId, parent ? '1'.repeat(16) : '')
    assert.equal(server?.traceState ?? '', '')
    const arrived = await upstream.request()
    assert.ok(arrived.body.length < 12_000, 'what is too long does not go on')
  })
}
