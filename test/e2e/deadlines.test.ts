/** Upstreams that take too long: what clients and upstreams see of it. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FakeClock } from '../support/fake-clock.ts'
import { parseJson } from '../support/json.ts'
import { startPuppets } from '../support/puppets.ts'
import { JSON_HEADERS, RawClient } from '../support/raw-client.ts'
import { startRawUpstream, type RawHandler, type Reply } from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const LATE_TEXT =
  'The MCP server "a" did not answer in time. It is not known whether the tool ran: before you repeat a call that changes something, check with one that only reads. Your arguments are not at fault. You may try once more in 5 s; if that fails too, go on without this tool and tell the user.'

const META =
  '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}'

const MODERN_HEADERS = [
  ...JSON_HEADERS,
  'MCP-Protocol-Version: 2026-07-28',
  'Mcp-Method: tools/call',
  'Mcp-Name: t',
]
const MODERN_CALL = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t",${META}}}`

/** Time passes a little with each look, so that no duration is a whole number of seconds. */
class DriftingClock extends FakeClock {
  override monotonicMs(): number {
    this.nowMs += 0.0101
    return this.nowMs
  }
}

interface Scene {
  readonly clock: FakeClock
  readonly sidecar: TestSidecar
  readonly send: (body: string, headers?: readonly string[]) => Promise<RawClient>
}

async function startScene(upstream: Readonly<Record<string, unknown>>): Promise<Scene> {
  const clock = new DriftingClock()
  const sidecar = await startTestSidecar({ upstreams: { a: upstream }, clock })
  return {
    clock,
    sidecar,
    send: async (body, headers = JSON_HEADERS) => {
      const client = await RawClient.open(sidecar.dataUrl)
      client.send({ path: '/a/mcp', headers, body })
      return client
    },
  }
}

/** Keeps every reply for the test to give. */
function holding(): { readonly replies: Reply[]; readonly handler: RawHandler } {
  const replies: Reply[] = []
  return { replies, handler: (_, reply) => void replies.push(reply) }
}

function textOf(body: unknown): string | undefined {
  return parseJson<{ result?: { content?: { text?: string }[] } }>(JSON.stringify(body)).result
    ?.content?.[0]?.text
}

describe('A call that takes too long', () => {
  test('is answered for the model, its connection is closed, and it counts as a timeout', async () => {
    const { replies, handler } = holding()
    const upstream = await startRawUpstream(handler)
    const { clock, sidecar, send } = await startScene({ url: upstream.url })
    const client = await send(MODERN_CALL, MODERN_HEADERS)
    await upstream.request(0)
    clock.advance(29_000)
    const other = await send(CALL)
    await upstream.request(1)
    replies[1]?.result({})
    assert.equal((await other.response()).status, 200)
    clock.advance(1_000)
    const response = await client.response()
    assert.equal(response.status, 200)
    assert.equal(textOf(response.json()), LATE_TEXT)
    assert.deepEqual(response.values('retry-after'), ['5'])
    await waitFor(() => replies[0]?.socket.destroyed === true || upstream.sockets.size < 2, {
      within: SOON,
      what: 'the connection to be closed',
    })
    const metrics = await sidecar.metrics()
    assert.equal(metrics.sum('sidelight_calls_total', { sidelight_outcome_reason: 'timeout' }), 1)
    assert.equal(upstream.requests.length, 2)
  })

  test('is taken back at a server of sessions, though every connection is in use', async () => {
    const { handler } = holding()
    const upstream = await startRawUpstream(handler)
    const { clock, send } = await startScene({ url: upstream.url, connections: 1 })
    const client = await send(CALL, [...JSON_HEADERS, 'Mcp-Session-Id: s'])
    await upstream.request(0)
    clock.advance(30_000)
    assert.equal((await client.response()).status, 200)
    const notice = await upstream.request(1)
    assert.deepEqual(notice.json(), {
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 7, reason: 'The call took too long.' },
    })
    assert.deepEqual(notice.values('mcp-session-id'), ['s'])
  })

  test('did not run when it was still waiting for a connection', async () => {
    const { handler } = holding()
    const upstream = await startRawUpstream(handler)
    const { clock, send, sidecar } = await startScene({
      url: upstream.url,
      connections: 1,
      timeout: '10s',
    })
    const first = await send(CALL)
    await upstream.request(0)
    const second = await send(CALL)
    await waitFor(async () => (await sidecar.metrics()).sum('sidelight_exchanges_active') === 2, {
      within: SOON,
      what: 'the second call to wait',
    })
    clock.advance(10_000)
    assert.match((await first.response()).body.toString(), /It is not known whether the tool ran/)
    assert.match((await second.response()).body.toString(), /The tool did not run/)
    assert.equal(upstream.requests.length, 1)
  })

  test('gets its answer as the last event of a stream that has begun', async () => {
    const upstream = await startRawUpstream((_, reply) => {
      reply.stream()
      reply.event({ jsonrpc: '2.0', method: 'notifications/progress', params: {} })
    })
    const { clock, send } = await startScene({ url: upstream.url, timeout: '10s' })
    const client = await send(MODERN_CALL, MODERN_HEADERS)
    await waitFor(() => client.received.includes('progress'), { within: SOON, what: 'progress' })
    clock.advance(10_000)
    const { body } = await client.response()
    const events = body.toString().trim().split('\n\n')
    assert.equal(events.length, 2)
    const data = events[1]?.split('\n').find((line) => line.startsWith('data: ')) ?? ''
    assert.equal(textOf(parseJson(data.slice(6))), LATE_TEXT)
  })
})

describe('A call goes on', () => {
  test('while events come, until its longest time is over', async () => {
    const { replies, handler } = holding()
    const upstream = await startRawUpstream(handler)
    const { clock, send } = await startScene({
      url: upstream.url,
      timeout: '10s',
      timeoutMax: '25s',
    })
    const client = await send(MODERN_CALL, MODERN_HEADERS)
    await upstream.request(0)
    replies[0]?.stream()
    for (const progress of [1, 2]) {
      clock.advance(9_000)
      replies[0]?.event({ jsonrpc: '2.0', method: 'notifications/progress', params: { progress } })
      await waitFor(() => client.received.includes(`"progress":${progress}`), {
        within: SOON,
        what: 'progress',
      })
    }
    assert.equal(client.ended, false)
    clock.advance(7_000)
    assert.match((await client.response()).body.toString(), /did not answer in time/)
  })

  test('when its answer has come and the stream stays open', async () => {
    const { replies, handler } = holding()
    const upstream = await startRawUpstream(handler)
    const { clock, send } = await startScene({ url: upstream.url, timeout: '1s' })
    const client = await send(MODERN_CALL, MODERN_HEADERS)
    await upstream.request(0)
    replies[0]?.stream()
    replies[0]?.event({ jsonrpc: '2.0', id: 7, result: { content: [] } })
    await waitFor(() => client.received.includes('"id":7'), { within: SOON, what: 'the answer' })
    clock.advance(3_600_000)
    // Another call that is late shows that deadlines have been looked at.
    const late = await send(MODERN_CALL, MODERN_HEADERS)
    await upstream.request(1)
    clock.advance(1_000)
    await late.response()
    assert.equal(client.ended, false)
  })

  test('on streams that stay open, and with timeout: off', async () => {
    const { replies, handler } = holding()
    const upstream = await startRawUpstream(handler)
    const { clock, send, sidecar } = await startScene({
      url: upstream.url,
      timeout: 'off',
      timeoutMax: 'off',
    })
    const call = await send(CALL)
    await upstream.request(0)
    const stream = await RawClient.open(sidecar.dataUrl)
    stream.send({ path: '/a/mcp', method: 'GET', headers: ['Accept: text/event-stream'] })
    await upstream.request(1)
    clock.advance(86_400_000)
    replies[0]?.result({})
    assert.equal((await call.response()).status, 200)
    assert.equal(stream.ended, false)
  })
})

describe('Limits that are off by default', () => {
  test('end a call whose reply does not begin, or falls silent', async () => {
    const { replies, handler } = holding()
    const upstream = await startRawUpstream(handler)
    const { clock, send } = await startScene({
      url: upstream.url,
      timeoutFirstByte: '2s',
      timeoutIdle: '3s',
    })
    const silent = await send(MODERN_CALL, MODERN_HEADERS)
    await upstream.request(0)
    clock.advance(2_000)
    assert.equal(textOf((await silent.response()).json()), LATE_TEXT)
    const stuck = await send(MODERN_CALL, MODERN_HEADERS)
    await upstream.request(1)
    replies[1]?.stream()
    await waitFor(() => stuck.received.includes('200 OK'), { within: SOON, what: 'the head' })
    clock.advance(3_000)
    assert.match((await stuck.response()).body.toString(), /did not answer in time/)
  })
})

describe('A program that takes too long', () => {
  test('is told by notifications/cancelled, and its late answer reaches nobody', async () => {
    const puppets = await startPuppets({
      onLine: (line, process) => {
        const { id, method } = parseJson<{ id?: number | string; method: string }>(line)
        if (method !== 'tools/list') return
        process.say(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"tools":[]}}`)
      },
    })
    const { clock, send, sidecar } = await startScene({ command: puppets.command })
    const client = await send(MODERN_CALL, MODERN_HEADERS)
    const puppet = await puppets.puppet()
    await puppet.line(1)
    clock.advance(30_000)
    assert.match((await client.response()).body.toString(), /did not answer in time/)
    const notice = parseJson<{ method: string; params: { requestId: number } }>(
      await puppet.line(2),
    )
    assert.equal(notice.method, 'notifications/cancelled')
    puppet.say(`{"jsonrpc":"2.0","id":${notice.params.requestId},"result":{"late":true}}`)
    const next = await send(MODERN_CALL, MODERN_HEADERS)
    const asked = parseJson<{ id: number }>(await puppet.line(3))
    puppet.say(`{"jsonrpc":"2.0","id":${asked.id},"result":{"late":false}}`)
    assert.match((await next.response()).body.toString(), /"late":false/)
    assert.equal((await sidecar.metrics()).sum('sidelight_stdio_lines_dropped_total'), 1)
  })
})
