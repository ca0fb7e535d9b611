/** A second attempt beside one that is slow, over real sockets. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseJson } from '../support/json.ts'
import { startOtlpSink } from '../support/otlp-sink.ts'
import { OTLP, plainAttributes } from '../support/otlp-types.ts'
import { requestOnce } from '../support/raw-client.ts'
import {
  answerWell,
  startRawUpstream,
  type RawUpstream,
  type Reply,
} from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const HEDGE = { after: '20ms', tools: ['get_*'] }
const callOf = (name: string): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } })

interface Held {
  readonly upstream: RawUpstream
  /** Calls of tools that have come; the first of them is kept, the others are answered. */
  readonly calls: { readonly reply: Reply; readonly traceparent: string | undefined }[]
}

async function startHolding(): Promise<Held> {
  const calls: Held['calls'] = []
  const upstream = await startRawUpstream((request, reply) => {
    if (!request.body.includes('tools/call')) return answerWell(request, reply)
    calls.push({ reply, traceparent: request.values('traceparent')[0] })
    if (calls.length > 1) answerWell(request, reply)
  })
  return { upstream, calls }
}

const textOf = (body: Buffer): string | undefined =>
  parseJson<{ result?: { content?: readonly { text: string }[] } }>(body).result?.content?.[0]?.text

const hedges = async (sidecar: TestSidecar, result: string): Promise<number> =>
  (await sidecar.metrics()).sum('sidelight_hedges_total', { sidelight_hedge_result: result })

describe('A tool that only reads, and is slow', () => {
  it('is asked a second time, and the first answer is the call’s; the other connection is closed', async () => {
    const sink = await startOtlpSink()
    const { upstream, calls } = await startHolding()
    const main = { url: upstream.url, hedge: HEDGE }
    const sidecar = await startTestSidecar({ upstreams: { main }, otel: sink.env })
    const response = await requestOnce(sidecar.url('main'), { body: callOf('get_mail') })
    assert.equal(textOf(response.body), 'done')
    assert.equal(calls.length, 2)
    await waitFor(() => calls[0]?.reply.socket.destroyed, { within: SOON, what: 'its connection' })
    assert.deepEqual([await hedges(sidecar, 'won'), await hedges(sidecar, 'lost')], [1, 0])
    const spans = await sink.waitForSpans(3)
    const attempts = spans
      .filter(({ kind }) => kind === OTLP.client)
      .map((span) => ({ span, values: plainAttributes(span.attributes) }))
      .toSorted(
        (a, b) => Number(a.values['sidelight.attempt']) - Number(b.values['sidelight.attempt']),
      )
    assert.deepEqual(
      attempts.map(({ values }) => [values['sidelight.attempt'], values['sidelight.outcome']]),
      [
        [1, 'cancelled'],
        [2, 'ok'],
      ],
    )
    // Each carries its own span to the server.
    assert.deepEqual(
      calls.map(({ traceparent }) => traceparent?.split('-')[2]),
      attempts.map(({ span }) => span.spanId),
    )
    const metrics = await sidecar.metrics()
    assert.equal(
      metrics.sum('sidelight_concurrency_active', { sidelight_upstream_name: 'main' }),
      0,
    )
  })

  it('is asked once when it is not named, does not only read, or is in a session', async () => {
    const { upstream, calls } = await startHolding()
    const main = { url: upstream.url, hedge: { ...HEDGE, after: '1ms' }, timeout: '300ms' }
    const sidecar = await startTestSidecar({ upstreams: { main } })
    await requestOnce(sidecar.url('main'), { body: callOf('send_mail') })
    assert.equal(calls.length, 1)
    calls.length = 0
    const headers = ['Content-Type: application/json', 'Mcp-Session-Id: s']
    await requestOnce(sidecar.url('main'), { headers, body: callOf('get_mail') })
    assert.equal(calls.length, 1)
    assert.equal(await hedges(sidecar, 'lost'), 0)
  })

  it('is known from readOnlyHint when that is trusted', async () => {
    const tools = [
      { name: 'look', inputSchema: {}, annotations: { readOnlyHint: true } },
      { name: 'put', inputSchema: {}, annotations: { idempotentHint: true } },
    ]
    for (const [tool, made] of [
      ['look', 2],
      ['put', 1],
    ] as const) {
      const { upstream, calls } = await startHolding()
      const hedge = { after: '20ms', trustHints: true }
      const sidecar = await startTestSidecar({
        upstreams: { main: { url: upstream.url, hedge, timeout: '500ms' } },
      })
      upstream.handle((_, reply) => reply.result({ tools }))
      await requestOnce(sidecar.url('main'), {
        body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
      })
      upstream.handle((request, reply) => {
        if (!request.body.includes('tools/call')) return answerWell(request, reply)
        calls.push({ reply, traceparent: undefined })
        if (calls.length > 1) answerWell(request, reply)
      })
      const { body } = await requestOnce(sidecar.url('main'), { body: callOf(tool) })
      assert.equal(calls.length, made, tool)
      assert.equal(textOf(body) === 'done', made === 2, tool)
    }
  })

  it('gives the first answer although the second attempt fails', async () => {
    const { upstream, calls } = await startHolding()
    const sidecar = await startTestSidecar({
      upstreams: { main: { url: upstream.url, hedge: HEDGE } },
    })
    upstream.handle((request, reply) => {
      if (!request.body.includes('tools/call')) return answerWell(request, reply)
      calls.push({ reply, traceparent: undefined })
      if (calls.length > 1) reply.socket.destroy()
    })
    const call = requestOnce(sidecar.url('main'), { body: callOf('get_mail') })
    await waitFor(() => sidecar.recorder.calls[0]?.attempts.length === 1, {
      within: SOON,
      what: 'the second attempt to fail',
    })
    calls[0]?.reply.result({ content: [{ type: 'text', text: 'done' }] })
    assert.equal(textOf((await call).body), 'done')
    assert.deepEqual([await hedges(sidecar, 'won'), await hedges(sidecar, 'lost')], [0, 1])
  })
})
