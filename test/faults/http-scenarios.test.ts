/**
 * What an agent gets from an upstream over HTTP that is dead, hangs, drips, flaps, throttles or is
 * half broken: quick answers that a model can read, and the tool again as soon as it works.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SOON, waitFor } from '../support/wait-for.ts'
import {
  ask,
  askInTurn,
  askMany,
  askUntilWell,
  breakerIs,
  breakerState,
  countOf,
  startScene,
  tally,
  TOOL_CALL,
  TOOL_LIST,
} from './scene.ts'
import { flapping } from './schedule.ts'

const NOT_REACHED =
  'The MCP server "main" cannot be reached. The tool did not run. Your arguments are not at fault. ' +
  'You may try once more in 5 s; if that fails too, go on without this tool and tell the user.'

const NOT_BEFORE =
  'Your arguments are not at fault. Do not call it before 1 s have passed, with these or other ' +
  'arguments: it would be refused again. Go on with what does not need it, or tell the user; ' +
  'you may try once more after that.'

const PAUSED = `The MCP server "main" was not called: The upstream has been failing, so calls to it are paused. ${NOT_BEFORE}`

const THROTTLED = `The MCP server "main" was not called: The upstream asked for fewer calls (it answered 429 with Retry-After). ${NOT_BEFORE}`

// A call makes two attempts when none can have reached the upstream, so the fifth failure is the third's.
test('a dead upstream: three calls say that it cannot be reached, the next that it is paused', async () => {
  const { sidecar, proxy } = await startScene({ breaker: { openTime: '1m' } })
  await proxy.set({ kind: 'refuse' })
  const answers = await askInTurn(sidecar.url('main'), 4)
  assert.deepEqual(
    answers.map(({ status, kind, reason }) => [status, kind, reason]),
    [
      ...Array.from({ length: 3 }, () => [200, 'isError', 'connect']),
      [200, 'isError', 'breaker_open'],
    ],
  )
  assert.equal(answers[0]?.text, NOT_REACHED)
  assert.equal(await countOf(sidecar, 'sidelight_retries_total'), 2)
  // Open for half a minute to a minute, by chance.
  assert.match(
    answers[3]?.text ?? '',
    /^The MCP server "main" was not called: The upstream has been failing, so calls to it are paused\. Your arguments are not at fault\. Do not call it before (?:3\d|4\d|5\d|60) s have passed, /,
  )
  assert.match(answers[3]?.retryAfter ?? '', /^(?:3\d|4\d|5\d|60)$/)
  assert.equal(await breakerState(sidecar), 'open')
  assert.equal((await ask(sidecar.url('good'))).text, 'done')
})

test('a dead upstream that comes back is used again after three trials, without anybody doing anything', async () => {
  const { sidecar, proxy, upstream } = await startScene()
  await proxy.set({ kind: 'refuse' })
  const refused = await askInTurn(sidecar.url('main'), 4)
  assert.equal(refused[3]?.text, PAUSED)
  await proxy.clear()
  // Its open time ends by the clock: no call is needed for that.
  await breakerIs(sidecar, 'half_open')
  assert.deepEqual(tally(await askInTurn(sidecar.url('main'), 3)), { result: 3 })
  await breakerIs(sidecar, 'closed')
  assert.deepEqual(tally(await askMany(sidecar.url('main'), 50)), { result: 50 })
  assert.ok(upstream.requests.length >= 53)
})

test('a dead upstream is tried again and again, each time after twice as long, up to the maximum', async () => {
  const { sidecar, proxy } = await startScene({
    breaker: { openTime: '40ms', recoveryTimeout: '200ms', slowStart: '0s' },
  })
  await proxy.set({ kind: 'refuse' })
  await askInTurn(sidecar.url('main'), 5)
  const openTimes = (): readonly number[] =>
    sidecar.logs.flatMap(({ event, fields }) => {
      const seconds = fields['sidelight.breaker.open_time']
      const opened = event === 'sidelight.breaker.transition' && typeof seconds === 'number'
      return opened ? [Math.round(seconds * 1000)] : []
    })
  await waitFor(
    async () => {
      await ask(sidecar.url('main'))
      return openTimes().length >= 5
    },
    { within: SOON, what: 'four more openings' },
  )
  // Half of each is chance, so that many sidecars do not come back at once.
  for (const [i, wholeMs] of [40, 80, 160, 200, 200].entries()) {
    const ms = openTimes()[i] ?? 0
    assert.ok(ms >= wholeMs / 2 && ms <= wholeMs, `opening ${i}: ${openTimes().join()}`)
  }
  assert.ok(new Set(openTimes()).size > 1)
  assert.equal(proxy.counts.connections, 0)
})

test('an upstream that answers 429 is left alone until then, which no breaker counts', async () => {
  const { sidecar, proxy, upstream } = await startScene()
  await proxy.set({
    kind: 'answer',
    methods: ['tools/call'],
    status: '429 Too Many Requests',
    headers: ['Retry-After: 1'],
  })
  // The upstream's own answer passes as it is.
  assert.equal((await ask(sidecar.url('main'))).status, 429)
  const answers = await askInTurn(sidecar.url('main'), 8)
  assert.deepEqual(tally(answers), { throttled: 8 })
  assert.equal(answers[0]?.text, THROTTLED)
  assert.equal(proxy.counts.answered, 1)
  assert.equal(upstream.requests.length, 0)
  assert.equal(await breakerState(sidecar), 'closed')
  await proxy.clear()
  assert.deepEqual(Object.keys(tally(await askUntilWell(sidecar.url('main')))), ['throttled'])
})

test('an agent that keeps calling what was refused is asked to wait longer', async () => {
  const { sidecar, proxy } = await startScene()
  await proxy.set({
    kind: 'answer',
    status: '503 Service Unavailable',
    headers: ['Retry-After: 2'],
  })
  await ask(sidecar.url('main'))
  const waits = (await askInTurn(sidecar.url('main'), 5)).map(({ retryAfter }) =>
    Number(retryAfter),
  )
  assert.deepEqual(
    waits,
    waits.toSorted((a, b) => a - b),
  )
  assert.equal(waits[0], 2)
  assert.ok((waits[4] ?? 0) >= 16, waits.join())
})

test('an upstream whose lists work and whose calls fail is paused all the same', async () => {
  const { sidecar, proxy } = await startScene({ breaker: { openTime: '1m' } })
  await proxy.set({
    kind: 'answer',
    methods: ['tools/call'],
    status: '500 Internal Server Error',
  })
  const calls: string[] = []
  for (let i = 0; i < 6; i += 1) {
    const list = await ask(sidecar.url('main'), TOOL_LIST)
    assert.equal(list.reason ?? list.kind, i < 5 ? 'result' : 'breaker_open')
    const call = await ask(sidecar.url('main'))
    calls.push(call.reason ?? String(call.status))
  }
  assert.deepEqual(calls, ['500', '500', '500', '500', '500', 'breaker_open'])
})

test('an upstream that fails four calls of five is paused by the rate, though never five in a row fail', async () => {
  const { sidecar, proxy } = await startScene({ breaker: { openTime: '1m' } })
  const fault = { kind: 'answer', status: '500 Internal Server Error' } as const
  const seen: string[] = []
  for (let i = 0; i < 25; i += 1) {
    await (i % 5 === 4 ? proxy.clear() : proxy.set(fault))
    const answer = await ask(sidecar.url('main'))
    seen.push(answer.reason ?? String(answer.status))
  }
  // The twentieth call is the first that a rate may be taken of; the next failure opens it.
  assert.equal(seen.indexOf('breaker_open'), 21)
})

test('a tool that fails inside while others work is paused alone', async () => {
  const { sidecar, upstream } = await startScene({ breaker: { openTime: '1m' } })
  upstream.handle((request, reply) => {
    if (!request.body.includes('"bad"')) return reply.result({ content: [] })
    const error = { code: -32603, message: 'Internal error' }
    const { id } = request.json()
    reply.send({ body: JSON.stringify({ jsonrpc: '2.0', id, error }) })
  })
  const bad = TOOL_CALL.replace('"t"', '"bad"')
  const answers = await askInTurn(sidecar.url('main'), 21, bad)
  assert.equal(answers[19]?.text, 'Internal error')
  assert.match(
    answers[20]?.text ?? '',
    /^The MCP server "main" was not called: The tool has been failing, so calls of it are paused; other tools of the upstream can be called\. Your arguments are not at fault\. /,
  )
  assert.equal((await ask(sidecar.url('main'))).kind, 'result')
  assert.equal(await breakerState(sidecar), 'closed')
})

test('a flapping upstream: every call is answered at once, by the tool or with why not', async () => {
  const { sidecar, proxy } = await startScene({
    breaker: { openTime: '100ms', recoveryTimeout: '200ms', slowStart: '0s' },
  })
  proxy.play(flapping({ faults: [{ kind: 'refuse' }], downMs: 400, upMs: 400, times: 3 }))
  const answers: Awaited<ReturnType<typeof ask>>[] = []
  const until = performance.now() + 2_600
  while (performance.now() < until) answers.push(await ask(sidecar.url('main')))
  const counts = tally(answers)
  for (const what of ['result', 'connect', 'breaker_open']) {
    assert.ok((counts[what] ?? 0) > 0, `${what}: ${JSON.stringify(counts)}`)
  }
  assert.deepEqual(
    Object.keys(counts).filter(
      (what) => !['result', 'connect', 'breaker_open', 'reset', 'closed'].includes(what),
    ),
    [],
  )
  await askUntilWell(sidecar.url('main'))
})

for (const kind of ['reset', 'truncate', 'half_close'] as const) {
  test(`an upstream whose connections end in ${kind} before the answer: the model hears that nobody knows whether the tool ran`, async () => {
    const { sidecar, proxy, upstream } = await startScene({ breaker: { openTime: '1m' } })
    await proxy.set({ kind, afterBytes: 0 })
    const answers = await askInTurn(sidecar.url('main'), 6)
    const reason = kind === 'reset' ? 'reset' : 'closed'
    assert.deepEqual(
      answers.map((answer) => answer.reason),
      [...Array.from({ length: 5 }, () => reason), 'breaker_open'],
    )
    assert.match(
      answers[0]?.text ?? '',
      /It is not known whether the tool ran: before you repeat a call that changes something, check with one that only reads\./,
    )
    // Not one was made twice.
    assert.equal(upstream.requests.length, 5)
  })
}

test('an upstream that talks garbage is paused, and what it says reaches nobody', async () => {
  const { sidecar, proxy } = await startScene({ breaker: { openTime: '1m' } })
  await proxy.set({ kind: 'garbage' })
  const answers = await askInTurn(sidecar.url('main'), 6)
  assert.deepEqual(
    answers.map((answer) => answer.reason),
    [...Array.from({ length: 5 }, () => 'bad_message'), 'breaker_open'],
  )
  assert.match(answers[0]?.text ?? '', /sent something that is not a valid answer\./)
})

test('an upstream that is late, sliced into single bytes and thin is slow and not broken', async () => {
  const { sidecar, proxy } = await startScene()
  await proxy.set(
    { kind: 'latency', ms: 20, jitterMs: 20 },
    { kind: 'slice', bytes: 1 },
    { kind: 'slice', way: 'toServer', bytes: 1 },
    { kind: 'bandwidth', bytesPerSecond: 100_000 },
  )
  assert.deepEqual(tally(await askMany(sidecar.url('main'), 10)), { result: 10 })
  assert.equal(await breakerState(sidecar), 'closed')
})
