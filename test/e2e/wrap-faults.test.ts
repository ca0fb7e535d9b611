/** Wrap between a client and a server that break: it goes on reading, and it ends when its client does. */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { call, FAULT_SERVER, initialize, note, settled } from '../support/fault-client.ts'
import { parseJson } from '../support/json.ts'
import { startRawUpstream, type RawHandler, type Reply } from '../support/raw-upstream.ts'
import { bounded, SOON, waitFor } from '../support/wait-for.ts'
import { rssMiB, startWrapProcess } from '../support/wrap-process.ts'
import { startWrapped, type Wrapped } from '../support/wrapped.ts'

/** The time that a client may take to read the last answers, the server to end, and some more. */
const END_WITHIN = 12_000

const PING = '{"jsonrpc":"2.0","id":"ping","method":"ping"}'
const PONG = '{"jsonrpc":"2.0","id":"ping","result":{}}'

function tell(wrapped: Wrapped, message: string): void {
  wrapped.write(`${message}\n`)
}

function said(wrapped: Wrapped, line: string): Promise<true> {
  return waitFor(() => wrapped.lines.includes(line), { within: SOON, what: line })
}

/** A Streamable HTTP server with sessions; `others` answers what is no POST, and calls. */
function sessionServer(others: RawHandler): RawHandler {
  return (request, reply) => {
    const { method, id } = request.json()
    if (request.method !== 'POST' || method === 'tools/call') return others(request, reply)
    if (id === undefined) return reply.send({ status: '202 Accepted', headers: [] })
    const result = { protocolVersion: '2025-11-25', capabilities: {} }
    reply.send({
      headers: ['Content-Type: application/json', 'Mcp-Session-Id: s1'],
      body: JSON.stringify({ jsonrpc: '2.0', id, result }),
    })
  }
}

test('wrap in front of a URL ends though the server never answers the DELETE of its session', async () => {
  const upstream = await startRawUpstream(
    sessionServer(({ method }, reply) => {
      if (method === 'GET')
        reply.send({ status: '405 Method Not Allowed', headers: ['Allow: POST'] })
    }),
  )
  const wrapped = startWrapped({ server: upstream.url })
  tell(wrapped, initialize('2025-11-25'))
  await wrapped.line(0)
  wrapped.end()
  assert.equal(await wrapped.ended(SOON), 0)
  assert.equal(upstream.requests.filter(({ method }) => method === 'DELETE').length, 1)
})

for (const how of ['SIGTERM', 'the end of its input', 'the end of the server'] as const) {
  test(`wrap whose client reads nothing ends with ${how}`, async () => {
    const wrap = startWrapProcess(['--', ...FAULT_SERVER], { reads: false })
    wrap.say(initialize())
    wrap.say(call(1, 'large', { bytes: 1_000_000 }))
    const { stdout } = wrap.child
    assert.ok(stdout !== null)
    await waitFor(
      () => {
        // Makes it fill its buffer, and no more than that.
        stdout.read(0)
        return stdout.readableLength > 10_000
      },
      { within: 2 * SOON, what: 'the beginning of the large answer' },
    )
    if (how === 'SIGTERM') wrap.child.kill('SIGTERM')
    else if (how === 'the end of its input') wrap.end()
    else wrap.say(call(2, 'exit', { code: 5 }))
    await waitFor(() => wrap.child.exitCode !== null || wrap.child.signalCode !== null, {
      within: END_WITHIN,
      what: `the end of wrap after ${how}`,
    })
  })
}

test('wrap goes on reading while more than 1024 calls wait, and ends when its client leaves', async () => {
  const wrapped = startWrapped({ server: FAULT_SERVER })
  tell(wrapped, initialize())
  await wrapped.line(0)
  for (let id = 1; id <= 1_100; id += 1) tell(wrapped, call(id, 'hang'))
  tell(wrapped, PING)
  await said(wrapped, PONG)
  tell(wrapped, note('notifications/cancelled', { requestId: 1 }))
  tell(wrapped, call(2_000, 'seen'))
  const seen = await wrapped.line(2)
  assert.match(seen, /"id":2000/)
  assert.match(seen, /notifications\/cancelled tools\/call"/)
  wrapped.end()
  await wrapped.ended(END_WITHIN)
})

const LINUX = { skip: process.platform !== 'linux' && 'memory is read from /proc' }

test('wrap reads no more of its client than the server does', LINUX, async () => {
  const wrap = startWrapProcess(['--', ...FAULT_SERVER])
  wrap.say(initialize())
  wrap.say(call(1, 'stop_reading'))
  await wrap.line(1)
  const before = await rssMiB(wrap.pid)
  const { stdin } = wrap.child
  assert.ok(stdin !== null)
  const line = call(2, 'hang', { pad: 'y'.repeat(1_000_000) })
  for (let sent = 0; sent < 200; sent += 1) wrap.say(line)
  const left = await settled(() => stdin.writableLength, 'what wrap has not read')
  assert.ok(left > 150_000_000, `${left} bytes are left`)
  const grown = (await rssMiB(wrap.pid)) - before
  assert.ok(grown < 60, `grew by ${grown} MiB`)
})

test('wrap goes on at the answer to initialize, though its stream stays open', async () => {
  const streams: Reply[] = []
  const upstream = await startRawUpstream((request, reply) => {
    const { method, id } = request.json()
    if (method !== 'initialize')
      return reply.result({ sessionId: request.values('mcp-session-id')[0] })
    streams.push(reply)
    reply.stream(['Mcp-Session-Id: s1'])
    reply.event({ jsonrpc: '2.0', id, result: { protocolVersion: '2025-06-18', capabilities: {} } })
  })
  const wrapped = startWrapped({ server: upstream.url })
  tell(wrapped, initialize())
  await wrapped.line(0)
  tell(wrapped, PING)
  const answer = await wrapped.line(1)
  assert.deepEqual(parseJson<object>(answer), {
    jsonrpc: '2.0',
    id: 'ping',
    result: { sessionId: 's1' },
  })
  for (const stream of streams) stream.endStream()
})

test('a notification that the server does not accept holds up what follows for a while only', async () => {
  const waiting: Reply[] = []
  const upstream = await startRawUpstream((request, reply) => {
    if (request.json()['id'] === undefined) waiting.push(reply)
    else reply.result({})
  })
  const wrapped = startWrapped({ server: upstream.url })
  tell(wrapped, note('notifications/roots/list_changed'))
  tell(wrapped, PING)
  await said(wrapped, PONG)
  assert.equal(waiting.length, 1)
  for (const reply of waiting) reply.send({ status: '202 Accepted', headers: [] })
})

test('a call whose stream was closed on purpose gets its answer though the server restarts meanwhile', async () => {
  const answers: RawHandler = (request, reply) => {
    if (request.method !== 'GET') return reply.send({ status: '200 OK', headers: [] })
    reply.stream()
    if (request.values('last-event-id')[0] !== '7') return
    reply.event({ jsonrpc: '2.0', id: 1, result: { content: [] } }, 'id: 8\n')
    reply.endStream()
  }
  const first = await startRawUpstream(
    sessionServer((request, reply) => {
      if (request.json()['method'] !== 'tools/call') return answers(request, reply)
      reply.stream()
      reply.chunk('id: 7\nretry: 100\ndata: \n\n')
      reply.endStream()
    }),
  )
  const wrapped = startWrapped({ server: first.url })
  tell(wrapped, initialize('2025-11-25'))
  await wrapped.line(0)
  tell(wrapped, call(1, 'slow'))
  await first.request(1)
  await first.close()
  const down = await startRawUpstream(undefined, {
    port: first.port,
    onConnection: (socket) => socket.destroy(),
  })
  await waitFor(() => down.connections > 0, { within: SOON, what: 'a try while it is down' })
  await down.close()
  await startRawUpstream(sessionServer(answers), { port: first.port })
  const answer = await bounded(wrapped.line(1), { within: 3 * SOON, what: 'the answer' })
  assert.equal(answer, '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}')
})

test('a wrapped client goes on after the server has forgotten its session', async () => {
  let current = 's1'
  const upstream = await startRawUpstream((request, reply) => {
    const { method, id } = request.json()
    if (request.method !== 'POST') return reply.send({ status: '405 Method Not Allowed' })
    const session = request.values('mcp-session-id')[0]
    if (method !== 'initialize' && session !== current) {
      const error = { code: -32001, message: 'Session not found' }
      const body = JSON.stringify({ jsonrpc: '2.0', id, error })
      return reply.send({ status: '404 Not Found', body })
    }
    if (id === undefined) return reply.send({ status: '202 Accepted', headers: [] })
    const result = method === 'initialize' ? { protocolVersion: '2025-06-18' } : { session }
    reply.send({
      headers: ['Content-Type: application/json', `Mcp-Session-Id: ${current}`],
      body: JSON.stringify({ jsonrpc: '2.0', id, result }),
    })
  })
  const wrapped = startWrapped({ server: upstream.url })
  tell(wrapped, initialize())
  await wrapped.line(0)
  tell(wrapped, note('notifications/initialized'))
  tell(wrapped, PING)
  await said(wrapped, PONG.replace('{}', '{"session":"s1"}'))
  current = 's2'
  tell(wrapped, PING)
  await said(wrapped, PONG.replace('{}', '{"session":"s2"}'))
  assert.equal(wrapped.lines.length, 3, 'the client hears nothing of the new session')
})

test('a flag that is wrong starts nothing', async () => {
  const file = join(tmpdir(), `sidelight-started-${process.pid}`)
  const wrap = startWrapProcess(['--name', 'BAD NAME', '--', '/bin/sh', '-c', `touch '${file}'`])
  assert.equal((await wrap.ended(END_WITHIN)).code, 2)
  assert.match(wrap.stderr, /name/)
  assert.equal(existsSync(file), false)
})

/** Targets and outcomes of the calls that have ended, as the log at level debug tells them. */
function outcomesOf({ errors }: Wrapped): readonly string[] {
  const records = errors
    .split('\n')
    .filter((line) => line.includes('"sidelight.call.ended"'))
    .map((line) => parseJson<{ attributes: Record<string, string> }>(line).attributes)
  return records.map((one) => `${one['gen_ai.tool.name']} ${one['sidelight.outcome']}`)
}

test('each request of a batch has its own outcome, though the server answers them line by line', async () => {
  const wrapped = startWrapped({ server: FAULT_SERVER, flags: { 'log-level': 'debug' } })
  tell(wrapped, `[${call(1, 'pid')},${call(2, 'nowhere')},${call(3, 'seen')}]`)
  await wrapped.line(2)
  assert.deepEqual(outcomesOf(wrapped).toSorted(), ['nowhere rpc_error', 'pid ok', 'seen ok'])
})

test('requests of their own that the server answers in one line have ended each', async () => {
  const wrapped = startWrapped({ server: FAULT_SERVER, flags: { 'log-level': 'debug' } })
  tell(wrapped, call(1, 'hold', { key: 'a' }))
  tell(wrapped, call(2, 'hold', { key: 'b' }))
  tell(wrapped, call(3, 'release_all'))
  const line = await wrapped.line(0)
  assert.equal(parseJson<readonly unknown[]>(line).length, 3)
  assert.deepEqual(wrapped.lines, [line], 'the line is said once, as it came')
  assert.deepEqual(outcomesOf(wrapped), ['hold ok', 'hold ok', 'release_all ok'])
  wrapped.end()
  assert.equal(await wrapped.ended(SOON), 0)
  assert.equal(outcomesOf(wrapped).length, 3)
})
