/** Calls that fail after they were sent, over real sockets: what is made again, and what never is. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseJson } from '../support/json.ts'
import { startOtlpSink } from '../support/otlp-sink.ts'
import { OTLP, plainAttributes } from '../support/otlp-types.ts'
import { JSON_HEADERS, RawClient, requestOnce } from '../support/raw-client.ts'
import { answerWell, freePort, startRawUpstream, type RawHandler } from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
const callOf = (name: string): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } })

const hangUp: RawHandler = (_request, reply) => reply.socket.destroy()

/** Fails the first request, and answers the others. */
function failingOnce(fail: RawHandler, then: RawHandler = answerWell): RawHandler {
  let failed = false
  return (request, reply) => {
    if (failed) return then(request, reply)
    failed = true
    fail(request, reply)
  }
}

interface Answer {
  readonly result?: {
    readonly content?: readonly { readonly text: string }[]
    readonly _meta?: Readonly<Record<string, { readonly reason: string }>>
  }
}

async function ask(sidecar: TestSidecar, body: string): Promise<Answer & { status: number }> {
  const response = await requestOnce(sidecar.url('main'), { body })
  return { ...parseJson<Answer>(response.body), status: response.status }
}

const counted = async (sidecar: TestSidecar, name: string): Promise<number> =>
  (await sidecar.metrics()).sum(`sidelight_${name}_total`, { sidelight_upstream_name: 'main' })

describe('A list that failed after it was sent', () => {
  it('is asked again, each attempt with a span of its own', async () => {
    const sink = await startOtlpSink()
    const upstream = await startRawUpstream(failingOnce(hangUp))
    const sidecar = await startTestSidecar({
      upstreams: { main: upstream.url },
      otel: sink.env,
    })
    assert.deepEqual((await ask(sidecar, LIST)).result, {})
    assert.equal(upstream.requests.length, 2)
    assert.equal(await counted(sidecar, 'retries'), 1)
    const spans = await sink.waitForSpans(3)
    const attempts = spans
      .filter(({ kind }) => kind === OTLP.client)
      .map((span) => plainAttributes(span.attributes))
      .toSorted((a, b) => Number(a['sidelight.attempt']) - Number(b['sidelight.attempt']))
    assert.deepEqual(
      attempts.map((one) => [one['sidelight.attempt'], one['error.type']]),
      [
        [1, 'closed'],
        [2, undefined],
      ],
    )
    const sent = upstream.requests.map((one) => one.values('traceparent')[0])
    assert.notEqual(sent[0], sent[1])
  })

  it('is asked again after 502, 503 and 504, of which its client sees nothing', async () => {
    for (const status of ['502 Bad Gateway', '503 Busy', '504 Gateway Timeout']) {
      const fail: RawHandler = (_, reply) => reply.send({ status, body: 'x'.repeat(200_000) })
      const upstream = await startRawUpstream(failingOnce(fail))
      const sidecar = await startTestSidecar({ upstreams: { main: upstream.url } })
      assert.equal((await ask(sidecar, LIST)).status, 200)
      assert.equal(upstream.requests.length, 2)
    }
  })

  it('is not asked again after 503 with Retry-After, which passes through', async () => {
    const upstream = await startRawUpstream((_, reply) =>
      reply.send({ status: '503 Busy', headers: ['Retry-After: 7'], body: '{}' }),
    )
    const sidecar = await startTestSidecar({ upstreams: { main: upstream.url } })
    const response = await requestOnce(sidecar.url('main'), { body: LIST })
    assert.equal(response.status, 503)
    assert.deepEqual(response.values('retry-after'), ['7'])
    assert.equal(upstream.requests.length, 1)
  })

  it('is not asked again when its failure opened the breaker, or with attempts: 1', async () => {
    for (const options of [{ breaker: { failureThreshold: 1 } }, { retry: { attempts: 1 } }]) {
      const upstream = await startRawUpstream(hangUp)
      const sidecar = await startTestSidecar({
        upstreams: { main: { url: upstream.url, ...options } },
      })
      await ask(sidecar, LIST)
      assert.equal(upstream.requests.length, 1)
    }
  })

  it('is not asked again once its reply has begun', async () => {
    const upstream = await startRawUpstream((_, reply) => {
      reply.stream()
      reply.event({ jsonrpc: '2.0', method: 'notifications/message', params: {} })
      setImmediate(() => reply.socket.destroy())
    })
    const sidecar = await startTestSidecar({ upstreams: { main: upstream.url } })
    const client = await RawClient.open(sidecar.dataUrl)
    client.send({ path: '/main/mcp', headers: JSON_HEADERS, body: LIST })
    await client.head()
    await waitFor(() => client.closed, { within: SOON, what: 'the reply to be broken off' })
    assert.equal(upstream.requests.length, 1)
  })

  it('is not asked again in a batch', async () => {
    const upstream = await startRawUpstream(hangUp)
    const sidecar = await startTestSidecar({ upstreams: { main: upstream.url } })
    await requestOnce(sidecar.url('main'), { body: `[${LIST}]` })
    assert.equal(upstream.requests.length, 1)
  })

  it('costs an upstream that always fails a bounded number of requests more', async () => {
    const upstream = await startRawUpstream(hangUp)
    const sidecar = await startTestSidecar({
      upstreams: { main: { url: upstream.url, breaker: { mode: 'off' } } },
    })
    const beganMs = performance.now()
    for (let round = 0; round < 5; round += 1)
      await Promise.all(Array.from({ length: 20 }, () => ask(sidecar, LIST)))
    const retries = await counted(sidecar, 'retries')
    assert.equal(upstream.requests.length, 100 + retries)
    // Ten saved up, ten for a hundred calls, and one for each second that the test took.
    const seconds = (performance.now() - beganMs) / 1_000
    assert.ok(retries >= 19 && retries <= 21 + seconds, `${retries} in ${seconds} s`)
    assert.equal(await counted(sidecar, 'retry_refusals'), 100 - retries)
  })
})

describe('A call whose upstream cannot be reached', () => {
  it('is made once more, whatever it is, so that an upstream that is just starting is no failure', async () => {
    const port = await freePort()
    const sidecar = await startTestSidecar({
      upstreams: { main: { url: `http://127.0.0.1:${port}/mcp`, breaker: { mode: 'off' } } },
    })
    // Ten, as each waits for a time by chance: some of them longer than the upstream takes to listen.
    const answers = Array.from({ length: 10 }, () => ask(sidecar, callOf('send_mail')))
    const failed = (): boolean => sidecar.recorder.calls.some((one) => one.attempts.length > 0)
    await waitFor(failed, { within: SOON, what: 'a first attempt to fail' })
    const upstream = await startRawUpstream(answerWell, { port })
    const texts = (await Promise.all(answers)).map(({ result }) => result?.content?.[0]?.text)
    const done = texts.filter((text) => text === 'done').length
    const { calls } = sidecar.recorder
    const saved = calls.filter(({ attempts }) => attempts[1]?.kind === 'ok')
    assert.ok(saved.length > 0, texts.join())
    // None was made twice at the upstream, and the others are known not to have run.
    const made = upstream.requests.filter(({ body }) => body.includes('send_mail'))
    assert.equal(made.length, done)
    assert.equal(texts.filter((text) => /The tool did not run/.test(text ?? '')).length, 10 - done)
    const second = calls.filter(({ attempts }) => attempts.length === 2)
    assert.equal(await counted(sidecar, 'retries'), second.length)
  })

  it('is not made a third time, nor a second with attempts: 1', async () => {
    for (const [attempts, made] of [
      [1, 1],
      [5, 2],
    ] as const) {
      const url = `http://127.0.0.1:${await freePort()}/mcp`
      const sidecar = await startTestSidecar({ upstreams: { main: { url, retry: { attempts } } } })
      await ask(sidecar, callOf('send_mail'))
      assert.deepEqual(
        sidecar.recorder.calls[0]?.attempts,
        Array.from({ length: made }, () => ({
          kind: 'upstream_failed',
          reason: 'connect',
          sent: false,
        })),
      )
    }
  })
})

describe('A tool that failed after it was called', () => {
  it('is not called again, and the answer says that nobody knows', async () => {
    const upstream = await startRawUpstream(hangUp)
    const sidecar = await startTestSidecar({ upstreams: { main: upstream.url } })
    const { result } = await ask(sidecar, callOf('send_mail'))
    assert.equal(upstream.requests.length, 1)
    assert.match(
      result?.content?.[0]?.text ?? '',
      /It is not known whether the tool ran: before you repeat a call that changes something, check with one that only reads\./,
    )
  })

  it('is called again when the operator names it', async () => {
    const upstream = await startRawUpstream(failingOnce(hangUp))
    const sidecar = await startTestSidecar({
      upstreams: { main: { url: upstream.url, retry: { tools: ['get_*'] } } },
    })
    assert.equal((await ask(sidecar, callOf('get_mail'))).result?.content?.[0]?.text, 'done')
    assert.equal(upstream.requests.length, 2)
    upstream.handle(hangUp)
    await ask(sidecar, callOf('send_mail'))
    assert.equal(upstream.requests.length, 3)
  })

  it('is called again for what its server says of it only when that is trusted', async () => {
    const tools = [
      { name: 'look', inputSchema: {}, annotations: { readOnlyHint: true } },
      { name: 'put', inputSchema: {}, annotations: { idempotentHint: true } },
      { name: 'send', inputSchema: {} },
    ]
    for (const [trustHints, requests] of [
      [true, { look: 2, put: 2, send: 1, unheard: 1 }],
      [false, { look: 1, put: 1, send: 1, unheard: 1 }],
    ] as const) {
      const upstream = await startRawUpstream((_, reply) => reply.result({ tools }))
      const sidecar = await startTestSidecar({
        upstreams: { main: { url: upstream.url, retry: { trustHints }, breaker: { mode: 'off' } } },
      })
      await ask(sidecar, LIST)
      upstream.handle(hangUp)
      for (const [name, count] of Object.entries(requests)) {
        const before = upstream.requests.length
        await ask(sidecar, callOf(name))
        assert.equal(upstream.requests.length - before, count, `${name}, ${trustHints}`)
      }
    }
  })

  it('may have run, though the second attempt found nobody', async () => {
    const upstream = await startRawUpstream((_, reply) => {
      void upstream.close()
      reply.socket.destroy()
    })
    const sidecar = await startTestSidecar({
      upstreams: { main: { url: upstream.url, retry: { tools: ['*'] } } },
    })
    const { result } = await ask(sidecar, callOf('send_mail'))
    assert.equal(result?._meta?.['sidelight/rejection']?.reason, 'connect')
    assert.match(result.content?.[0]?.text ?? '', /It is not known whether the tool ran/)
  })
})
