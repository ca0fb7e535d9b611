/** Breakers, the throttle gate and the queue, over real sockets, as agents and operators see them. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { requestOnce } from '../support/raw-client.ts'
import { parseJson } from '../support/json.ts'
import {
  answerWell,
  freePort,
  startRawUpstream,
  type Reply,
  type RawUpstream,
} from '../support/raw-upstream.ts'
import { startOtlpSink } from '../support/otlp-sink.ts'
import { OTLP, plainAttributes, type OtlpSpan } from '../support/otlp-types.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const call = (id: number, name = 'add'): string =>
  JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name } })

const LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'

interface Answer {
  readonly result?: {
    readonly isError?: boolean
    readonly content?: readonly { readonly text: string }[]
    readonly _meta?: Readonly<Record<string, { readonly reason: string; retryAfterMs: number }>>
  }
  readonly error?: { readonly code: number; readonly message: string }
}

interface Told {
  readonly answer: Answer
  readonly retryAfter: string | undefined
  /** Why Sidelight refused, if it did. */
  readonly reason: string | undefined
}

async function ask(sidecar: TestSidecar, body: string, upstream = 'main'): Promise<Told> {
  const response = await requestOnce(sidecar.url(upstream), { body })
  const answer = parseJson<Answer>(response.body)
  return {
    answer,
    retryAfter: response.values('retry-after')[0],
    reason: answer.result?._meta?.['sidelight/rejection']?.reason,
  }
}

const fail = (_request: unknown, reply: Reply): void =>
  reply.send({ status: '502 Bad Gateway', body: '{}' })

/** A breaker whose times fit a test. */
const QUICK = { openTime: '400ms', recoveryTimeout: '400ms', slowStart: '0ms' }

async function startScene(
  upstream: RawUpstream,
  options: Readonly<Record<string, unknown>> = {},
): Promise<TestSidecar> {
  return startTestSidecar({ upstreams: { main: { url: upstream.url, ...options } } })
}

const order = (sidecar: TestSidecar, body: unknown, headers = {}): Promise<Response> =>
  fetch(`${sidecar.adminUrl}/breakers/main`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

const FORCE = { action: 'force-open', reason: 'a test', actor: 'ann', ttlSeconds: 60 }

describe('An upstream that fails', () => {
  it('is called five times, and then refused in words for the model', async () => {
    const upstream = await startRawUpstream(fail)
    const sidecar = await startScene(upstream)
    for (let id = 1; id <= 5; id += 1) await ask(sidecar, call(id))
    const refused = await ask(sidecar, call(6))
    assert.equal(upstream.requests.length, 5)
    assert.equal(refused.reason, 'breaker_open')
    assert.equal(refused.answer.result?.isError, true)
    const wait = Number(refused.retryAfter)
    assert.ok(wait >= 2 && wait <= 5, `${wait}`)
    assert.equal(
      refused.answer.result?.content?.[0]?.text,
      `The MCP server "main" was not called: The upstream has been failing, so calls to it are paused. Your arguments are not at fault. Do not call it before ${wait} s have passed, with these or other arguments: it would be refused again. Go on with what does not need it, or tell the user; you may try once more after that.`,
    )
    const list = await ask(sidecar, LIST)
    assert.equal(list.answer.error?.code, 1031)
    const again = await ask(sidecar, call(7))
    assert.ok(Number(again.retryAfter) > wait, 'it is asked to wait longer')
  })

  it('says why in the log and in metrics', async () => {
    const upstream = await startRawUpstream(fail)
    const sidecar = await startScene(upstream)
    for (let id = 1; id <= 7; id += 1) await ask(sidecar, call(id))
    const record = sidecar.logs.find(({ event }) => event === 'sidelight.breaker.transition')
    assert.equal(record?.level, 'warn')
    assert.equal(record.fields['sidelight.breaker.state'], 'open')
    assert.equal(record.fields['sidelight.breaker.cause'], 'failures_in_row')
    assert.equal(record.fields['sidelight.breaker.window.failed'], 5)
    const metrics = await sidecar.metrics()
    const of = (name: string, labels: Record<string, string> = {}): number =>
      metrics.sum(`sidelight_breaker_${name}`, { sidelight_upstream_name: 'main', ...labels })
    assert.equal(of('status', { sidelight_breaker_state: 'open' }), 1)
    assert.equal(of('status', { sidelight_breaker_state: 'closed' }), 0)
    assert.equal(of('transitions_total', { sidelight_breaker_state: 'open' }), 1)
    assert.equal(of('rejections_total'), 2)
    assert.equal(
      metrics.sum('sidelight_calls_total', { sidelight_outcome_reason: 'breaker_open' }),
      2,
    )
  })

  it('does not hold up the others', async () => {
    const bad = await startRawUpstream(fail)
    const good = await startRawUpstream()
    const sidecar = await startTestSidecar({ upstreams: { main: bad.url, good: good.url } })
    for (let id = 1; id <= 10; id += 1) await ask(sidecar, call(id))
    assert.equal((await ask(sidecar, call(1), 'good')).answer.result?.content?.[0]?.text, 'done')
  })

  it('is tried again by itself, and called again after three trials', async () => {
    const upstream = await startRawUpstream(fail)
    const sidecar = await startScene(upstream, { breaker: QUICK })
    for (let id = 1; id <= 6; id += 1) await ask(sidecar, call(id))
    upstream.handle(answerWell)
    const states = (): unknown[] =>
      sidecar.logs
        .filter(({ event }) => event === 'sidelight.breaker.transition')
        .map(({ fields }) => fields['sidelight.breaker.state'])
    await waitFor(() => states().includes('half_open'), { within: SOON, what: 'half open' })
    for (let id = 1; id <= 3; id += 1)
      assert.equal((await ask(sidecar, call(id))).reason, undefined)
    assert.deepEqual(states(), ['open', 'half_open', 'closed'])
  })

  it('is asked by health checks while its breaker is open, and tried as soon as it is up', async () => {
    const upstream = await startRawUpstream(fail)
    const sidecar = await startScene(upstream, {
      health: { method: 'discover' },
      breaker: { openTime: '200ms', recoveryTimeout: '60s', slowStart: '0ms' },
    })
    for (let id = 1; id <= 5; id += 1) await ask(sidecar, call(id))
    const causes = (): unknown[] =>
      sidecar.logs
        .filter(({ event }) => event === 'sidelight.breaker.transition')
        .map(({ fields }) => fields['sidelight.breaker.cause'])
    // Twice, so that its open time has grown beyond the time between checks.
    await waitFor(() => causes().filter((one) => one === 'probe_failed').length >= 2, {
      within: SOON,
      what: 'two open times to end with a check that failed',
    })
    upstream.handle(answerWell)
    await waitFor(() => causes().includes('probe_passed'), { within: SOON, what: 'a trial' })
    const methods = upstream.requests.map((request) => request.json()['method'])
    assert.equal(methods.filter((method) => method === 'tools/call').length, 5)
    assert.ok(methods.slice(5).every((method) => method === 'server/discover'))
    assert.equal((await ask(sidecar, call(6))).reason, undefined)
  })

  it('that is not checked leaves its open state by time alone', async () => {
    const upstream = await startRawUpstream(fail)
    const sidecar = await startScene(upstream, { breaker: QUICK, health: { method: 'off' } })
    for (let id = 1; id <= 5; id += 1) await ask(sidecar, call(id))
    const causes = (): unknown[] =>
      sidecar.logs.map(({ fields }) => fields['sidelight.breaker.cause'])
    await waitFor(() => causes().includes('open_time_over'), { within: SOON, what: 'half open' })
    assert.equal(upstream.requests.length, 5)
  })

  it('gets one trial at a time, of a hundred calls at once', async () => {
    const upstream = await startRawUpstream(fail)
    const sidecar = await startScene(upstream, { breaker: QUICK, health: { method: 'off' } })
    for (let id = 1; id <= 5; id += 1) await ask(sidecar, call(id))
    const held: Reply[] = []
    upstream.handle((_request, reply) => void held.push(reply))
    await waitFor(
      () => sidecar.logs.some(({ fields }) => fields['sidelight.breaker.state'] === 'half_open'),
      { within: SOON, what: 'half open' },
    )
    const answers = Array.from({ length: 100 }, (_, id) => ask(sidecar, call(id)))
    const refused = (): boolean =>
      sidecar.recorder.of('tools/call').filter(({ outcome }) => outcome?.kind === 'rejected')
        .length === 99
    await waitFor(refused, { within: SOON, what: '99 refusals' })
    await waitFor(() => held[0], { within: SOON, what: 'a trial' })
    held[0]?.result({})
    const reasons = (await Promise.all(answers)).map(({ reason }) => reason)
    assert.equal(reasons.filter((reason) => reason === undefined).length, 1)
    assert.equal(reasons.filter((reason) => reason === 'breaker_open').length, 99)
    assert.equal(held.length, 1)
  })

  it('shows on the span of the call that opened its breaker, or closed it, that it did', async () => {
    const sink = await startOtlpSink()
    const upstream = await startRawUpstream(fail)
    const main = { url: upstream.url, breaker: QUICK }
    const sidecar = await startTestSidecar({ upstreams: { main }, otel: sink.env })
    for (let id = 1; id <= 5; id += 1) await ask(sidecar, call(id))
    upstream.handle(answerWell)
    await waitFor(async () => (await ask(sidecar, call(6))).reason === undefined, {
      within: SOON,
      what: 'a first trial',
    })
    for (let id = 7; id <= 8; id += 1) await ask(sidecar, call(id))
    const attempts = (): readonly OtlpSpan[] =>
      sink.spans.filter(({ kind }) => kind === OTLP.client)
    await waitFor(() => attempts().length === 8, { within: SOON, what: 'eight attempts' })
    const told = attempts().flatMap(({ events, attributes }) =>
      events.map((event) => {
        const { 'sidelight.breaker.open_time': seconds, ...rest } = plainAttributes(
          event.attributes,
        )
        const id = plainAttributes(attributes)['jsonrpc.request.id']
        return [id, event.name, rest, typeof seconds]
      }),
    )
    const common = { 'sidelight.upstream.name': 'main', 'sidelight.breaker.window.slow': 0 }
    assert.deepEqual(told, [
      [
        '5',
        'sidelight.breaker.transition',
        {
          ...common,
          'sidelight.breaker.state': 'open',
          'sidelight.breaker.previous_state': 'closed',
          'sidelight.breaker.cause': 'failures_in_row',
          'sidelight.breaker.window.calls': 5,
          'sidelight.breaker.window.failed': 5,
        },
        'number',
      ],
      [
        '8',
        'sidelight.breaker.transition',
        {
          ...common,
          'sidelight.breaker.state': 'closed',
          'sidelight.breaker.previous_state': 'half_open',
          'sidelight.breaker.cause': 'trials_passed',
          'sidelight.breaker.window.calls': 0,
          'sidelight.breaker.window.failed': 0,
        },
        'undefined',
      ],
    ])
    assert.ok(sink.spans.every(({ kind, events }) => kind === OTLP.client || events.length === 0))
  })

  it('that cannot be reached is refused after five attempts of three calls', async () => {
    const port = await freePort()
    const sidecar = await startTestSidecar({ upstreams: { main: `http://127.0.0.1:${port}/mcp` } })
    const reasons: (string | undefined)[] = []
    for (let id = 1; id <= 5; id += 1) reasons.push((await ask(sidecar, call(id))).reason)
    assert.deepEqual(reasons, [
      ...Array.from({ length: 3 }, () => 'connect'),
      'breaker_open',
      'breaker_open',
    ])
  })

  it('is not paused for thirty errors of its tools in a row', async () => {
    const upstream = await startRawUpstream((_request, reply) =>
      reply.result({ isError: true, content: [] }),
    )
    const sidecar = await startScene(upstream)
    for (let id = 1; id <= 30; id += 1) await ask(sidecar, call(id))
    assert.equal(upstream.requests.length, 30)
  })

  it('is called all the same with mode: report, and shown as open', async () => {
    const upstream = await startRawUpstream(fail)
    const sidecar = await startScene(upstream, { breaker: { mode: 'report' } })
    for (let id = 1; id <= 10; id += 1) await ask(sidecar, call(id))
    assert.equal(upstream.requests.length, 10)
    const metrics = await sidecar.metrics()
    assert.equal(metrics.sum('sidelight_breaker_status', { sidelight_breaker_state: 'open' }), 1)
  })
})

describe('A tool that fails', () => {
  it('is paused by itself, and its upstream is not', async () => {
    const upstream = await startRawUpstream((request, reply) => {
      const { id, params } = parseJson<{ id: number; params?: { name?: string } }>(request.body)
      const error = { code: -32603, message: 'broken' }
      if (params?.name !== 'broken') return reply.result({})
      reply.send({ body: JSON.stringify({ jsonrpc: '2.0', id, error }) })
    })
    const sidecar = await startScene(upstream)
    for (let id = 1; id <= 20; id += 1) await ask(sidecar, call(id, 'broken'))
    const refused = await ask(sidecar, call(21, 'broken'))
    assert.equal(refused.reason, 'breaker_open')
    assert.match(refused.answer.result?.content?.[0]?.text ?? '', /The tool has been failing/)
    assert.equal((await ask(sidecar, call(22, 'sound'))).reason, undefined)
    const metrics = await sidecar.metrics()
    const open = { gen_ai_tool_name: 'broken', sidelight_breaker_state: 'open' }
    assert.equal(metrics.sum('sidelight_breaker_status', open), 1)
  })
})

describe('An upstream that asks for time', () => {
  it('gets it: its answer passes through, and the next call is refused for that long', async () => {
    const upstream = await startRawUpstream((_request, reply) =>
      reply.send({
        status: '429 Too Many Requests',
        headers: ['Content-Type: application/json', 'Retry-After: 30'],
        body: '{}',
      }),
    )
    const sidecar = await startScene(upstream)
    const first = await requestOnce(sidecar.url('main'), { body: call(1) })
    assert.equal(first.status, 429)
    const second = await ask(sidecar, call(2))
    assert.equal(second.reason, 'throttled')
    assert.equal(second.retryAfter, '30')
    assert.match(
      second.answer.result?.content?.[0]?.text ?? '',
      /^The MCP server "main" was not called: The upstream asked for fewer calls \(it answered 429 with Retry-After\)\. Your arguments/,
    )
    assert.equal(upstream.requests.length, 1)
    const metrics = await sidecar.metrics()
    assert.equal(metrics.sum('sidelight_throttle_closed'), 1)
    assert.equal(metrics.sum('sidelight_breaker_status', { sidelight_breaker_state: 'closed' }), 1)
  })
})

describe('A busy upstream', () => {
  async function busy(
    options: Readonly<Record<string, unknown>>,
  ): Promise<{ upstream: RawUpstream; held: Reply[]; sidecar: TestSidecar }> {
    const held: Reply[] = []
    const upstream = await startRawUpstream((_request, reply) => void held.push(reply))
    const sidecar = await startScene(upstream, { concurrency: 2, ...options })
    return { upstream, held, sidecar }
  }

  it('is given two calls at a time; the third begins when one has ended', async () => {
    const { held, sidecar } = await busy({})
    const answers = [1, 2, 3].map((id) => ask(sidecar, call(id)))
    await waitFor(() => held.length === 2, { within: SOON, what: 'two calls' })
    const queued = async (): Promise<number> =>
      (await sidecar.metrics()).sum('sidelight_queue_length')
    await waitFor(async () => (await queued()) === 1, { within: SOON, what: 'one that waits' })
    held[0]?.result({})
    await waitFor(() => held.length === 3, { within: SOON, what: 'the third call' })
    for (const reply of held.slice(1)) reply.result({})
    for (const { reason } of await Promise.all(answers)) assert.equal(reason, undefined)
    const metrics = await sidecar.metrics()
    const entered = { sidelight_queue_end: 'entered' }
    assert.equal(metrics.sum('sidelight_queue_wait_duration_seconds_count', entered), 1)
    assert.equal(metrics.sum('sidelight_concurrency_active'), 0)
  })

  it('refuses a call that could not begin in time, and one for which there is no room', async () => {
    const { upstream, held, sidecar } = await busy({ queue: 1, queueTimeout: '300ms' })
    const first = [1, 2].map((id) => ask(sidecar, call(id)))
    await waitFor(() => held.length === 2, { within: SOON, what: 'two calls' })
    const reasons = await Promise.all([3, 4].map((id) => ask(sidecar, call(id))))
    assert.deepEqual(reasons.map(({ reason }) => reason ?? 'none').toSorted(), [
      'at_capacity',
      'queue_timeout',
    ])
    for (const reply of held) reply.result({})
    await Promise.all(first)
    assert.equal(upstream.requests.length, 2)
  })

  it('never hears of a call whose client left while it waited', async () => {
    const { upstream, held, sidecar } = await busy({ concurrency: 1 })
    const first = ask(sidecar, call(1))
    await waitFor(() => held.length === 1, { within: SOON, what: 'a call' })
    const gone = new AbortController()
    const waiting = fetch(sidecar.url('main'), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: call(2),
      signal: gone.signal,
    }).catch((error: unknown) => error)
    await waitFor(async () => (await sidecar.metrics()).sum('sidelight_queue_length') === 1, {
      within: SOON,
      what: 'a call that waits',
    })
    gone.abort()
    await waiting
    await waitFor(() => sidecar.recorder.of('tools/call')[1]?.outcome?.kind === 'cancelled', {
      within: SOON,
      what: 'the end of that call',
    })
    held[0]?.result({})
    await first
    assert.equal(upstream.requests.length, 1)
    assert.equal((await sidecar.metrics()).sum('sidelight_queue_length'), 0)
  })

  it('is not waited for by notifications', async () => {
    const { upstream, held, sidecar } = await busy({ concurrency: 1 })
    const first = ask(sidecar, call(1))
    await waitFor(() => held.length === 1, { within: SOON, what: 'a call' })
    const note = requestOnce(sidecar.url('main'), {
      body: '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}',
    })
    await upstream.request(1)
    held[1]?.send({ status: '202 Accepted', headers: [] })
    held[0]?.result({})
    await Promise.all([note, first])
  })

  it('answers those that wait when the sidecar is shut down', async () => {
    const { held, sidecar } = await busy({ concurrency: 1 })
    const first = ask(sidecar, call(1))
    await waitFor(() => held.length === 1, { within: SOON, what: 'a call' })
    const second = ask(sidecar, call(2))
    await waitFor(async () => (await sidecar.metrics()).sum('sidelight_queue_length') === 1, {
      within: SOON,
      what: 'a call that waits',
    })
    const closed = sidecar.close()
    held[0]?.result({})
    await waitFor(() => held.length === 2, { within: SOON, what: 'the second call' })
    held[1]?.result({})
    await Promise.all([first, second, closed])
  })
})

describe('By hand', () => {
  it('an upstream is paused, shown as that, and set free again', async () => {
    const upstream = await startRawUpstream()
    const sidecar = await startScene(upstream)
    const forced = await order(sidecar, FORCE)
    assert.equal(forced.status, 200)
    assert.equal((await ask(sidecar, call(1))).reason, 'breaker_open')
    const shown: unknown = await (await fetch(`${sidecar.adminUrl}/breakers`)).json()
    const text = JSON.stringify(shown)
    assert.match(text, /"upstream":"main","breaker":\{"state":"open"/)
    assert.match(text, /"override":\{"mode":"forced_open","reason":"a test","actor":"ann"/)
    const record = sidecar.logs.find(({ event }) => event === 'sidelight.breaker.order')
    assert.deepEqual(
      [
        record?.fields['sidelight.breaker.action'],
        record?.fields['sidelight.breaker.order.reason'],
        record?.fields['sidelight.breaker.order.actor'],
      ],
      ['force-open', 'a test', 'ann'],
    )
    const reset = { action: 'reset', reason: 'done', actor: 'ann' }
    assert.equal((await order(sidecar, reset)).status, 200)
    assert.equal((await ask(sidecar, call(2))).reason, undefined)
  })

  it('orders without a reason, an actor, a time or the right type are refused', async () => {
    const sidecar = await startScene(await startRawUpstream())
    for (const wrong of [
      { ...FORCE, reason: '' },
      { ...FORCE, actor: 7 },
      { ...FORCE, ttlSeconds: undefined },
      { ...FORCE, ttlSeconds: 86_401 },
      { ...FORCE, action: 'explode' },
      { ...FORCE, reason: 'two\nlines' },
      null,
    ]) {
      assert.equal((await order(sidecar, wrong)).status, 400, JSON.stringify(wrong))
    }
    assert.equal((await order(sidecar, FORCE, { 'Content-Type': 'text/plain' })).status, 415)
    assert.equal((await order(sidecar, { ...FORCE, reason: 'x'.repeat(5_000) })).status, 413)
    const unknown = await fetch(`${sidecar.adminUrl}/breakers/nobody`)
    assert.equal(unknown.status, 404)
    assert.equal((await ask(sidecar, call(1))).reason, undefined)
  })

  it('orders are not taken from a web page', async () => {
    const sidecar = await startScene(await startRawUpstream())
    const response = await order(sidecar, FORCE, { Origin: 'https://evil.example' })
    assert.equal(response.status, 403)
  })

  it('orders are not taken where the admin listener can be reached from elsewhere', async () => {
    const upstream = await startRawUpstream()
    const sidecar = await startTestSidecar({
      upstreams: { main: upstream.url },
      config: { listen: { admin: '0.0.0.0:0' } },
    })
    assert.equal((await order(sidecar, FORCE)).status, 403)
    assert.equal((await fetch(`${sidecar.adminUrl}/breakers/main`)).status, 403)
  })

  it('an upstream without a breaker takes no orders', async () => {
    const sidecar = await startScene(await startRawUpstream(), { breaker: { mode: 'off' } })
    assert.equal((await order(sidecar, FORCE)).status, 409)
  })
})
