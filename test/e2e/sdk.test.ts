/** The official clients and servers, old and new, do through the sidecar what they do without it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Client as ClientV2,
  ProtocolError,
  StreamableHTTPClientTransport as TransportV2,
  type VersionNegotiationOptions,
} from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CallToolResultSchema,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  McpError,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { startEverythingServer } from '../support/everything-server.ts'
import { startV1Server } from '../support/mcp-server-v1.ts'
import { startV2Server } from '../support/mcp-server-v2.ts'
import { freePort, startRawUpstream } from '../support/raw-upstream.ts'
import { closeAfterTest } from '../support/scope.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { bounded, signal, SOON, waitFor } from '../support/wait-for.ts'

async function connectV1(url: string): Promise<{ client: ClientV1; transport: TransportV1 }> {
  const client = new ClientV1(
    { name: 'test-v1', version: '1.0.0' },
    { capabilities: { sampling: {}, elicitation: {} } },
  )
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    model: 'none',
    role: 'assistant',
    content: { type: 'text', text: 'forty-two' },
  }))
  client.setRequestHandler(ElicitRequestSchema, () => ({
    action: 'accept',
    content: { name: 'Ada' },
  }))
  const transport = new TransportV1(new URL(url))
  closeAfterTest(() => client.close())
  await client.connect(transport)
  return { client, transport }
}

type Mode = NonNullable<VersionNegotiationOptions['mode']>

async function connectV2(url: string, mode: Mode): Promise<ClientV2> {
  const client = new ClientV2(
    { name: 'test-v2', version: '2.0.0' },
    { capabilities: { sampling: {}, elicitation: { form: {} } }, versionNegotiation: { mode } },
  )
  client.setRequestHandler('elicitation/create', () => ({
    action: 'accept',
    content: { name: 'Ada' },
  }))
  client.setRequestHandler('sampling/createMessage', () => ({
    model: 'none',
    role: 'assistant',
    content: { type: 'text', text: 'forty-two' },
  }))
  closeAfterTest(() => client.close())
  await client.connect(new TransportV2(new URL(url)))
  return client
}

/** What tests ask of a client, whichever SDK it comes from. */
interface AnyClient {
  listTools(): Promise<{ readonly tools: readonly { readonly name: string }[] }>
  callTool(params: { name: string; arguments?: Record<string, unknown> }): Promise<object>
  listResources(): Promise<{ readonly resources: readonly object[] }>
  readResource(params: { uri: string }): Promise<{ readonly contents: readonly object[] }>
  listPrompts(): Promise<{ readonly prompts: readonly object[] }>
  getPrompt(params: {
    name: string
    arguments: Record<string, string>
  }): Promise<{ readonly messages: readonly object[] }>
}

const CLIENTS: Readonly<Record<string, (url: string) => Promise<AnyClient>>> = {
  'SDK v1': async (url) => (await connectV1(url)).client,
  'SDK v2 as a legacy client': (url) => connectV2(url, 'legacy'),
  'SDK v2 that finds out the era': (url) => connectV2(url, 'auto'),
  'SDK v2 pinned to 2026-07-28': (url) => connectV2(url, { pin: '2026-07-28' }),
}

const SERVERS: Readonly<Record<string, () => Promise<{ readonly url: string }>>> = {
  'SDK v1 with event streams': () => startV1Server(),
  'SDK v1 with JSON replies': () => startV1Server({ json: true }),
  'SDK v2': () => startV2Server(),
  'SDK v2, modern only': () => startV2Server({ modernOnly: true }),
}

/** Pairs that cannot talk to each other with or without a sidecar. */
function compatible(client: string, server: string): boolean {
  if (client.includes('pinned')) return server.startsWith('SDK v2')
  return !server.includes('modern only') || client.includes('era')
}

for (const [clientName, connect] of Object.entries(CLIENTS)) {
  for (const [serverName, start] of Object.entries(SERVERS)) {
    if (!compatible(clientName, serverName)) continue
    test(`${clientName} lists, calls, reads and fails on ${serverName} as without a sidecar`, async () => {
      const server = await start()
      const sidecar = await startTestSidecar({ upstreams: { main: server.url } })
      const through = await converse(await connect(sidecar.url('main')))
      const direct = await converse(await connect(server.url))
      assert.deepEqual(through, direct)
      const { recorder } = sidecar
      assert.deepEqual(await recorder.outcomeOf('tools/call', 'echo'), { kind: 'ok' })
      assert.deepEqual(await recorder.outcomeOf('tools/call', 'fail'), { kind: 'tool_error' })
      const unknown = await recorder.outcomeOf('tools/call', 'no-such-tool')
      if (through.unknown.startsWith('error')) {
        assert.equal(unknown.kind === 'rpc_error' && `error ${unknown.code}`, through.unknown)
      } else assert.deepEqual(unknown, { kind: 'tool_error' })
      for (const method of ['tools/list', 'resources/list', 'resources/read', 'prompts/get']) {
        assert.deepEqual(await recorder.outcomeOf(method), { kind: 'ok' }, method)
      }
      const modern = serverName.startsWith('SDK v2') && !/v1|legacy/.test(clientName)
      assert.equal(recorder.of('initialize').length, modern ? 0 : 1)
      await assertSettled(sidecar)
    })
  }
}

/** Everything that two servers' worth of answers can be compared by. */
async function converse(client: AnyClient): Promise<{ unknown: string } & Record<string, unknown>> {
  const { tools } = await client.listTools()
  const unknown = await client.callTool({ name: 'no-such-tool' }).then(
    (result) => `result ${String('isError' in result && result.isError)}`,
    (error: unknown) => {
      assert.ok(error instanceof McpError || error instanceof ProtocolError, String(error))
      return `error ${error.code}`
    },
  )
  return {
    unknown,
    tools: tools.map((tool) => tool.name),
    echo: await client.callTool({ name: 'echo', arguments: { text: 'é😀 "x" \u2028' } }),
    fail: await client.callTool({ name: 'fail' }),
    resources: (await client.listResources()).resources,
    read: (await client.readResource({ uri: 'test://fixed' })).contents,
    prompts: (await client.listPrompts()).prompts,
    prompt: (await client.getPrompt({ name: 'greet', arguments: { name: 'Ada' } })).messages,
  }
}

/** Every call has ended once, except streams that are still listened to. */
async function assertSettled(sidecar: TestSidecar): Promise<void> {
  const unsettled = (): readonly string[] =>
    sidecar.recorder.open.map((call) => call.method).filter((m) => m !== 'subscriptions/listen')
  await waitFor(() => unsettled().length === 0, { within: SOON, what: 'every call to be settled' })
  for (const call of sidecar.recorder.calls) assert.ok(call.endings <= 1, call.method)
}

for (const clientName of ['SDK v1', 'SDK v2 as a legacy client']) {
  test(`${clientName} sees progress and answers sampling and elicitation in the middle of a call`, async () => {
    const server = await startV1Server()
    const sidecar = await startTestSidecar({ upstreams: { main: server.url } })
    const seen: number[] = []
    const options = { onprogress: ({ progress }: { progress: number }) => void seen.push(progress) }
    const results: unknown[] = []
    if (clientName === 'SDK v1') {
      const { client } = await connectV1(sidecar.url('main'))
      await client.callTool({ name: 'progress' }, CallToolResultSchema, options)
      for (const name of ['sample', 'elicit']) results.push(await client.callTool({ name }))
    } else {
      const client = await connectV2(sidecar.url('main'), 'legacy')
      await client.callTool({ name: 'progress' }, options)
      for (const name of ['sample', 'elicit']) results.push(await client.callTool({ name }))
    }
    assert.deepEqual(seen, [1, 2, 3])
    assert.match(JSON.stringify(results[0]), /sampled .*forty-two/)
    assert.match(JSON.stringify(results[1]), /elicited .*Ada/)
    for (const tool of ['progress', 'sample', 'elicit']) {
      assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call', tool), { kind: 'ok' })
    }
    await assertSettled(sidecar)
    // The client's answers are messages of their own, not calls.
    assert.equal(sidecar.recorder.of('').length, 0)
  })
}

test('a modern client sees the progress of its call', async () => {
  const server = await startV2Server()
  const sidecar = await startTestSidecar({ upstreams: { main: server.url } })
  const client = await connectV2(sidecar.url('main'), { pin: '2026-07-28' })
  const seen: number[] = []
  await client.callTool(
    { name: 'progress' },
    { onprogress: ({ progress }) => void seen.push(progress) },
  )
  assert.deepEqual(seen, [1, 2, 3])
  assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call', 'progress'), { kind: 'ok' })
})

test('a call that needs input takes two legs: input_required, then the answer', async () => {
  const server = await startV2Server()
  const sidecar = await startTestSidecar({ upstreams: { main: server.url } })
  const client = await connectV2(sidecar.url('main'), { pin: '2026-07-28' })
  const result = await client.callTool({ name: 'ask' })
  assert.match(JSON.stringify(result.content), /asked Ada/)
  assert.equal(server.runs.get('ask'), 2)
  await assertSettled(sidecar)
  assert.deepEqual(
    sidecar.recorder.of('tools/call').map((call) => call.outcome),
    [{ kind: 'input_required' }, { kind: 'ok' }],
  )
})

test('a subscription hears of changes until its client closes it', async () => {
  const server = await startV2Server()
  const sidecar = await startTestSidecar({ upstreams: { main: server.url } })
  const client = await connectV2(sidecar.url('main'), { pin: '2026-07-28' })
  const heard = signal()
  client.setNotificationHandler('notifications/tools/list_changed', () => heard.resolve())
  const subscription = await client.listen({ toolsListChanged: true })
  server.announceTools()
  await bounded(heard.promise, { within: SOON, what: 'the notification' })
  assert.equal(sidecar.recorder.of('subscriptions/listen')[0]?.outcome, undefined)
  await subscription.close()
  assert.deepEqual(await sidecar.recorder.outcomeOf('subscriptions/listen'), { kind: 'cancelled' })
  const metrics = await sidecar.metrics()
  const labels = { mcp_method_name: 'subscriptions/listen' }
  assert.equal(metrics.sum('mcp_server_operation_duration_seconds_count', labels), 0)
  assert.equal(metrics.sum('sidelight_calls_total', labels), 1)
})

test('a subscription that the server ends is over for the client too', async () => {
  const server = await startV2Server()
  const sidecar = await startTestSidecar({ upstreams: { main: server.url } })
  const client = await connectV2(sidecar.url('main'), { pin: '2026-07-28' })
  const subscription = await client.listen({ toolsListChanged: true })
  await server.close()
  const how = await bounded(subscription.closed, { within: SOON, what: 'the subscription to end' })
  assert.ok(how === 'remote' || how === 'graceful', how)
  const outcome = await sidecar.recorder.outcomeOf('subscriptions/listen')
  assert.ok(outcome.kind === 'upstream_failed' || outcome.kind === 'ok', outcome.kind)
})

test('a modern client that gives up a call ends the work at the server', async () => {
  const server = await startV2Server()
  const sidecar = await startTestSidecar({ upstreams: { main: server.url } })
  const client = await connectV2(sidecar.url('main'), { pin: '2026-07-28' })
  const abort = new AbortController()
  const call = client.callTool({ name: 'wait' }, { signal: abort.signal })
  await waitFor(() => server.runs.get('wait') === 1, { within: SOON, what: 'the call to arrive' })
  abort.abort()
  await assert.rejects(call)
  await bounded(server.aborted.promise, { within: SOON, what: 'the server to notice' })
  assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call', 'wait'), { kind: 'cancelled' })
})

test('a legacy client cancels with a notification, and the sidecar adds none of its own', async () => {
  const server = await startV1Server()
  const sidecar = await startTestSidecar({ upstreams: { main: server.url } })
  const { client, transport } = await connectV1(sidecar.url('main'))
  const abort = new AbortController()
  const call = client.callTool({ name: 'wait' }, undefined, { signal: abort.signal })
  await waitFor(() => server.runs.get('wait') === 1, { within: SOON, what: 'the call to arrive' })
  abort.abort('no longer needed')
  await assert.rejects(call)
  await waitFor(() => server.cancelled.length === 1, { within: SOON, what: 'the cancellation' })
  assert.deepEqual(await sidecar.recorder.outcomeOf('notifications/cancelled'), { kind: 'ok' })
  assert.equal(sidecar.recorder.of('notifications/cancelled').length, 1)
  assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call', 'wait'), { kind: 'cancelled' })
  // A legacy server keeps the stream of a cancelled call open; it ends with the session.
  await transport.terminateSession()
})

test('a legacy client that only disconnects cancels nothing at the server, and may come back for its answer', async () => {
  const server = await startV1Server()
  const sidecar = await startTestSidecar({
    upstreams: { main: server.url },
    config: { limits: { suspendedWait: '1s' } },
  })
  const { client } = await connectV1(sidecar.url('main'))
  const returnable = signal()
  void client
    .callTool({ name: 'wait' }, undefined, { onresumptiontoken: () => returnable.resolve() })
    .catch(() => {})
  // Who leaves before the id of a first event has no way back, and the call is over at once.
  await bounded(returnable.promise, { within: SOON, what: 'the id of an event' })
  await client.close()
  assert.deepEqual(await sidecar.recorder.exchangeOutcome('message', 3), { kind: 'cancelled' })
  assert.equal(sidecar.recorder.of('tools/call')[0]?.outcome, undefined)
  assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call', 'wait'), { kind: 'cancelled' })
  assert.equal(sidecar.recorder.of('notifications/cancelled').length, 0)
  assert.deepEqual(server.cancelled, [])
})

test('DELETE ends a session, and later calls get the 404 of the server', async () => {
  const server = await startV1Server()
  const sidecar = await startTestSidecar({ upstreams: { main: server.url } })
  const { client, transport } = await connectV1(sidecar.url('main'))
  const { sessionId } = transport
  await client.callTool({ name: 'echo', arguments: { text: 'x' } })
  await transport.terminateSession()
  assert.deepEqual(await sidecar.recorder.exchangeOutcome('end_session'), { kind: 'ok' })
  assert.equal(server.sessions, 0)
  const response = await fetch(sidecar.url('main'), {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'Mcp-Session-Id': sessionId ?? '',
    },
    body: '{"jsonrpc":"2.0","id":9,"method":"tools/list"}',
  })
  assert.equal(response.status, 404)
  assert.deepEqual(await response.json(), {
    jsonrpc: '2.0',
    id: null,
    error: { code: -32001, message: 'Session not found' },
  })
  assert.deepEqual(await sidecar.recorder.outcomeOf('tools/list'), {
    kind: 'rpc_error',
    code: -32001,
    message: 'Session not found',
  })
})

test('notifications arrive on the GET stream', async () => {
  const server = await startV1Server()
  const sidecar = await startTestSidecar({ upstreams: { main: server.url } })
  const { client } = await connectV1(sidecar.url('main'))
  const heard = signal()
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => heard.resolve())
  // The client opens its stream after it has connected, without telling anybody.
  const again = setInterval(() => server.announceTools(), 20)
  try {
    await bounded(heard.promise, { within: SOON, what: 'the notification' })
  } finally {
    clearInterval(again)
  }
  await client.close()
  assert.deepEqual(await sidecar.recorder.exchangeOutcome('stream'), { kind: 'cancelled' })
})

test('a call whose stream the server closes is suspended, resumed with Last-Event-ID, and ends ok', async () => {
  const server = await startV1Server()
  const sidecar = await startTestSidecar({ upstreams: { main: server.url } })
  const { client } = await connectV1(sidecar.url('main'))
  const call = client.callTool({ name: 'suspend' })
  await sidecar.recorder.exchangeOutcome('message', 3)
  assert.equal(sidecar.recorder.of('tools/call')[0]?.outcome, undefined)
  server.release.resolve()
  const result = await bounded(call, { within: SOON, what: 'the resumed result' })
  assert.match(JSON.stringify(result), /resumed/)
  assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call', 'suspend'), { kind: 'ok' })
  assert.equal(server.runs.get('suspend'), 1)
  assert.equal(sidecar.recorder.of('tools/call').length, 1)
})

test('server-everything serves clients of both lines', async () => {
  const server = await startEverythingServer()
  const sidecar = await startTestSidecar({ upstreams: { main: server.url } })
  const { client } = await connectV1(sidecar.url('main'))
  const { tools } = await client.listTools()
  assert.ok(tools.length > 5)
  const seen: number[] = []
  const long = await client.callTool(
    { name: 'trigger-long-running-operation', arguments: { duration: 0.2, steps: 4 } },
    CallToolResultSchema,
    { onprogress: ({ progress }) => void seen.push(progress) },
  )
  assert.match(JSON.stringify(long), /completed/i)
  assert.deepEqual(seen, [1, 2, 3, 4])
  const sampled = await client.callTool({
    name: 'trigger-sampling-request',
    arguments: { prompt: 'x' },
  })
  assert.match(JSON.stringify(sampled), /forty-two/)
  for (const mode of ['legacy', 'auto'] as const) {
    const modern = await connectV2(sidecar.url('main'), mode)
    const sum = await modern.callTool({ name: 'get-sum', arguments: { a: 2, b: 40 } })
    assert.match(JSON.stringify(sum.content), /42/)
  }
  assert.deepEqual(await sidecar.recorder.outcomeOf('tools/call', 'get-sum'), { kind: 'ok' })
  // An older server answers the probe for the era with an error of its own.
  assert.ok(
    ['rpc_error', 'upstream_status'].includes(
      (await sidecar.recorder.outcomeOf('server/discover')).kind,
    ),
  )
})

test('an upstream that is down does not make a dual-era client fall back to the old protocol', async () => {
  const port = await freePort()
  const sidecar = await startTestSidecar({ upstreams: { main: `http://127.0.0.1:${port}/mcp` } })
  await assert.rejects(connectV2(sidecar.url('main'), 'auto'))
  assert.equal(sidecar.recorder.of('server/discover').length, 1)
  assert.equal(sidecar.recorder.of('initialize').length, 0)
})

test('a sidecar at capacity does not make a dual-era client fall back to the old protocol', async () => {
  const upstream = await startRawUpstream((_request, reply) => reply.stream())
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url },
    config: { limits: { streams: 1 } },
  })
  const stream = new AbortController()
  await fetch(sidecar.url('main'), { signal: stream.signal })
  await assert.rejects(connectV2(sidecar.url('main'), 'auto'))
  assert.deepEqual((await sidecar.recorder.outcomeOf('server/discover')).kind, 'rejected')
  assert.equal(sidecar.recorder.of('initialize').length, 0)
  stream.abort()
})

test('a tool that cannot be called because its server is down is a tool failure for the model', async () => {
  const server = await startV2Server()
  const sidecar = await startTestSidecar({ upstreams: { main: server.url } })
  const modern = await connectV2(sidecar.url('main'), { pin: '2026-07-28' })
  const legacy = await connectV1(sidecar.url('main'))
  await server.close()
  for (const client of [modern, legacy.client]) {
    const result = await client.callTool({ name: 'echo', arguments: { text: 'x' } })
    assert.equal(result['isError'], true)
    assert.match(JSON.stringify(result['content']), /The MCP server \\"main\\" /)
  }
  assert.equal((await sidecar.recorder.outcomeOf('tools/call')).kind, 'upstream_failed')
})
