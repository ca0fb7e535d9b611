/** What a policy lets through, what it refuses, and what can be learned from its answers. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JSON_HEADERS, RawClient, requestOnce, type RawResponse } from '../support/raw-client.ts'
import { startRawUpstream, type RawUpstream } from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

interface Scene {
  readonly sidecar: TestSidecar
  readonly upstream: RawUpstream
  /** Sends a message to the upstream `main`, or to another. */
  readonly send: (
    message: unknown,
    to?: string,
    headers?: readonly string[],
  ) => Promise<RawResponse>
}

interface Rules {
  readonly allow: readonly unknown[]
  readonly deny?: readonly unknown[]
}

async function scene(rules: Rules, more: Readonly<Record<string, unknown>> = {}): Promise<Scene> {
  const upstream = await startRawUpstream()
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url, other: upstream.url },
    config: { policy: { ...more, roles: { anonymous: rules } } },
  })
  return {
    sidecar,
    upstream,
    send: (message, to = 'main', headers = []) =>
      requestOnce(sidecar.url(to), {
        headers: [...JSON_HEADERS, ...headers],
        body: typeof message === 'string' ? message : JSON.stringify(message),
      }),
  }
}

const request = (method: string, params: object = {}, id: unknown = 1): object => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
})

const call = (name: string, args: object = {}, id: unknown = 1): object =>
  request('tools/call', { name, arguments: args }, id)

interface Answered {
  readonly id?: unknown
  readonly result?: {
    readonly isError?: boolean
    readonly content?: readonly { readonly text: string }[]
    readonly _meta?: Readonly<Record<string, { readonly reason?: string }>>
  }
  readonly error?: {
    readonly code: number
    readonly message: string
    readonly data?: { readonly reason?: string }
  }
}

function answerOf(response: RawResponse): Answered {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- looked at by the test
  return response.json() as Answered
}

/** Why a call was refused, or `passed`. */
function verdict(response: RawResponse): string {
  const { result, error } = answerOf(response)
  return result?._meta?.['sidelight/rejection']?.reason ?? error?.data?.reason ?? 'passed'
}

test('a call that is not allowed never reaches the upstream, and its answer tells the model', async () => {
  const { send, upstream, sidecar } = await scene({ allow: ['main:read_*'] })
  assert.equal(verdict(await send(call('read_file'))), 'passed')
  const refused = await send(call('write_file', {}, 'a'))
  assert.equal(refused.status, 200)
  const { id, result } = answerOf(refused)
  assert.equal(id, 'a')
  assert.equal(result?.isError, true)
  assert.equal(
    result.content?.[0]?.text,
    'The MCP server "main" was not called: The policy of its operator does not allow the tool "write_file". Your arguments are not at fault. Do not repeat the call: waiting does not help. Go on without this tool and tell the user.',
  )
  assert.equal(upstream.requests.length, 1)
  const denied = sidecar.logs.filter(({ event }) => event === 'sidelight.policy.denied')
  assert.deepEqual(
    denied.map(({ level, fields }) => [
      level,
      fields['sidelight.upstream.name'],
      fields['gen_ai.tool.name'],
      fields['sidelight.policy.outcome'],
      fields['sidelight.policy.reason'],
    ]),
    [['info', 'main', 'write_file', 'deny', 'no_rule']],
  )
  const metrics = await sidecar.metrics()
  const decisions = (outcome: string): number =>
    metrics.sum('sidelight_policy_decisions_total', {
      sidelight_upstream_name: 'main',
      sidelight_policy_outcome: outcome,
    })
  assert.deepEqual([decisions('allow'), decisions('deny')], [1, 1])
})

test('prompts, resources and unknown methods are refused unless a rule names them', async () => {
  const { send, upstream } = await scene({
    allow: ['main:prompt/greet', 'main:resource/test://a/*', 'main:method/acme/*'],
  })
  const rows: readonly [message: object, expected: string][] = [
    [request('prompts/get', { name: 'greet' }), 'passed'],
    [request('prompts/get', { name: 'other' }), 'forbidden'],
    [request('resources/read', { uri: 'test://a/b' }), 'passed'],
    [request('resources/read', { uri: 'test://a/../b' }), 'forbidden'],
    [request('resources/subscribe', { uri: 'test://c' }), 'forbidden'],
    [request('resources/unsubscribe', { uri: 'test://a/b' }), 'passed'],
    [request('acme/count'), 'passed'],
    [request('tasks/get', { taskId: 't' }), 'forbidden'],
    [request('other/method'), 'forbidden'],
    [call('greet'), 'forbidden'],
    [request('tools/call', {}), 'forbidden'],
    [request('ping'), 'passed'],
    [request('initialize', { protocolVersion: '2025-06-18' }), 'passed'],
    [request('tools/list'), 'passed'],
    [request('logging/setLevel', { level: 'info' }), 'passed'],
    [request('completion/complete', { ref: { type: 'ref/prompt', name: 'greet' } }), 'passed'],
    [request('completion/complete', { ref: { type: 'ref/prompt', name: 'other' } }), 'forbidden'],
    [
      request('completion/complete', { ref: { type: 'ref/resource', uri: 'test://a/{x}' } }),
      'passed',
    ],
    [
      request('completion/complete', { ref: { type: 'ref/resource', uri: 'test://{x}' } }),
      'forbidden',
    ],
    [request('completion/complete', {}), 'forbidden'],
  ]
  for (const [message, expected] of rows) {
    assert.equal(verdict(await send(message)), expected, JSON.stringify(message))
  }
  assert.equal(
    upstream.requests.length,
    rows.filter(([, expected]) => expected === 'passed').length,
  )
})

test('a notification that is not allowed goes nowhere', async () => {
  const { send, upstream } = await scene({ allow: ['main:echo'] })
  const refused = await send({ jsonrpc: '2.0', method: 'notifications/acme' })
  assert.equal(refused.status, 403)
  const passed = await send({ jsonrpc: '2.0', method: 'notifications/initialized' })
  assert.equal(passed.status, 202)
  assert.equal(upstream.requests.length, 1)
})

test('an upstream without any right looks like one that does not exist', async () => {
  const { send, sidecar } = await scene({ allow: ['main:echo'] })
  for (const message of [
    request('initialize'),
    request('tools/list'),
    call('echo'),
    request('server/discover'),
  ]) {
    const hidden = await send(message, 'other')
    const unknown = await send(message, 'nowhere')
    const plain = (response: RawResponse): string =>
      `${response.status} ${response.body.toString('utf8').replaceAll(/other|nowhere/g, 'X')}`
    assert.equal(plain(hidden), plain(unknown))
    assert.match(plain(hidden), /configured: main"|configured: main\b/)
    assert.deepEqual(
      hidden.rawHeaders.filter((_, index) => index % 2 === 0),
      unknown.rawHeaders.filter((_, index) => index % 2 === 0),
    )
  }
  for (const method of ['GET', 'DELETE', 'HEAD', 'OPTIONS']) {
    const headers = ['Accept: text/event-stream', 'Mcp-Session-Id: s']
    const hidden = await requestOnce(sidecar.url('other'), { method, headers })
    const unknown = await requestOnce(sidecar.url('nowhere'), { method, headers })
    assert.equal(hidden.status, unknown.status)
  }
  const { host } = new URL(sidecar.dataUrl)
  for (const spelled of ['/oth%65r/mcp', '/./other/mcp', `http://${host}/other/mcp`]) {
    const client = await RawClient.open(sidecar.dataUrl)
    const answer = async (path: string): Promise<string> => {
      client.send({ path, body: JSON.stringify(call('echo')) })
      const { status, body } = await client.response()
      return `${status} ${body.toString('utf8').replaceAll(/other|nowhere/g, 'X')}`
    }
    const unknown = spelled.replace(/oth(?:%65|e)r/, 'nowh%65re')
    assert.equal(await answer(spelled), await answer(unknown), spelled)
  }
  // Operators see the truth.
  const reasons = (upstream: string): string[] =>
    sidecar.recorder.calls
      .filter((one) => one.upstream === upstream)
      .map(({ outcome }) => (outcome?.kind === 'rejected' ? outcome.reason : 'none'))
  assert.deepEqual(new Set(reasons('other')), new Set(['forbidden']))
  assert.deepEqual(new Set(reasons('nowhere')), new Set(['unknown_upstream']))
})

test('the answer to a forbidden tool is that to an unknown one', async () => {
  const { send, upstream } = await scene({ allow: ['main:echo'] })
  const existing = await send(call('delete_everything'))
  const made = await send(call('no_such_tool_here'))
  const plain = (response: RawResponse): string =>
    response.body.toString('utf8').replaceAll(/delete_everything|no_such_tool_here/g, 'X')
  assert.equal(plain(existing), plain(made))
  assert.equal(upstream.requests.length, 0)
})

test('a batch is refused as a whole when one of its calls is, and says which', async () => {
  const { send, upstream } = await scene({ allow: ['main:echo'] })
  upstream.handle((_request, reply) =>
    reply.send({
      body: '[{"jsonrpc":"2.0","id":1,"result":{"content":[]}},{"jsonrpc":"2.0","id":2,"result":{"content":[]}}]',
    }),
  )
  assert.ok(Array.isArray((await send([call('echo', {}, 1), call('echo', {}, 2)])).json()))
  assert.equal(upstream.requests.length, 1)
  const refused = await send([call('echo', {}, 1), call('drop', {}, 2), request('ping', {}, 3)])
  assert.equal(upstream.requests.length, 1)
  const answers = refused.json()
  assert.ok(Array.isArray(answers))
  assert.deepEqual(
    answers.map((answer: Answered) => answer.id),
    [1, 2, 3],
  )
  assert.match(
    refused.body.toString('utf8'),
    /does not allow the tool .{1,2}drop.{1,2}; nothing of this batch was passed on/,
  )
})

test('decides on the body, whatever the headers say', async () => {
  const { send, upstream } = await scene({ allow: ['main:echo'] })
  const modern = {
    _meta: {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 't', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  }
  const body = request('tools/call', { name: 'drop', ...modern })
  const headers = ['MCP-Protocol-Version: 2026-07-28', 'Mcp-Method: tools/call']
  const mismatch = await send(body, 'main', [...headers, 'Mcp-Name: echo'])
  assert.equal(mismatch.status, 400)
  assert.equal(answerOf(mismatch).error?.code, -32020)
  const encoded = Buffer.from('echo').toString('base64')
  const sentinel = await send(body, 'main', [...headers, `Mcp-Name: =?base64?${encoded}?=`])
  assert.equal(sentinel.status, 400)
  assert.equal(verdict(await send(body, 'main', headers)), 'forbidden')
  // Before 2026-07-28 these headers mean nothing, and they change nothing.
  const legacy = await send(call('drop'), 'main', ['Mcp-Method: ping', 'Mcp-Name: echo'])
  assert.equal(verdict(legacy), 'forbidden')
  assert.equal(upstream.requests.length, 0)
})

test('a message that servers may read in two ways is refused', async () => {
  const { send, upstream } = await scene({ allow: ['main:echo'] })
  for (const body of [
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop","name":"echo"}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","Name":"drop"}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","n\\u0061me":"drop"}}',
    '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"echo"}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop"},"params":{"name":"echo"}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"},"Params":{"name":"drop"}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"},"param\u017f":{"name":"drop"}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"},"param\\u017f":{"name":"drop"}}',
    '[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"METHOD":"x","method":"ping"}]',
  ]) {
    const refused = await send(body)
    assert.equal(refused.status, 400, body)
    assert.equal(answerOf(refused).error?.code, -32600)
  }
  assert.equal(upstream.requests.length, 0)
  assert.equal(
    verdict(
      await send(
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"name":"x","Name":"y"}}}',
      ),
    ),
    'passed',
  )
})

test('conditions look at the arguments, and the model is told that other ones may pass', async () => {
  const { send, upstream } = await scene({
    allow: [
      { match: 'main:write', when: 'args.path.startsWith("/tmp/") && !args.path.contains("..")' },
      { match: 'main:prompt/greet', when: 'args.name == "Ada"' },
    ],
  })
  assert.equal(verdict(await send(call('write', { path: '/tmp/a' }))), 'passed')
  assert.equal(
    verdict(await send(request('prompts/get', { name: 'greet', arguments: { name: 'Ada' } }))),
    'passed',
  )
  assert.equal(upstream.requests.length, 2)
  const refused = await send(call('write', { path: '/tmp/../etc/passwd' }))
  assert.equal(verdict(refused), 'forbidden_arguments')
  assert.equal(
    answerOf(refused).result?.content?.[0]?.text,
    'The MCP server "main" was not called: The policy of its operator does not allow these arguments for the tool "write". Do not repeat the call with the same arguments. Go on without it, or tell the user what is not allowed.',
  )
  for (const message of [
    call('write', {}),
    call('write', { path: '/tmp/a', more: 'x'.repeat(70_000) }),
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write","arguments":{"path":"/etc/x","path":"/tmp/a"}}}',
    request('prompts/get', { name: 'greet', arguments: { name: 'Eve' } }),
  ]) {
    assert.equal(verdict(await send(message)), 'forbidden_arguments')
  }
  assert.equal(upstream.requests.length, 2)
})

test('a dry run lets everything pass, and shows what it would have refused', async () => {
  const { send, upstream, sidecar } = await scene({ allow: ['main:echo'] }, { mode: 'dry_run' })
  assert.equal(verdict(await send(call('drop'))), 'passed')
  const twice = '{"jsonrpc":"2.0","id":1,"method":"ping","method":"ping"}'
  assert.equal(verdict(await send(twice, 'other')), 'passed')
  assert.equal(upstream.requests.length, 2)
  await waitFor(
    async () =>
      (await sidecar.metrics()).sum('sidelight_policy_decisions_total', {
        sidelight_policy_outcome: 'would_deny',
      }) === 2,
    { within: SOON, what: 'two decisions' },
  )
  const unknown = await send(call('drop'), 'nowhere')
  assert.match(unknown.body.toString('utf8'), /configured: main, other/)
})

test('what is passed unread needs a rule for its path, except metadata that is for everybody', async () => {
  const upstream = await startRawUpstream((_request, reply) => reply.result({}))
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: upstream.url, passthrough: ['/'] } },
    config: { policy: { roles: { anonymous: { allow: ['main:echo', 'main:path/files/*'] } } } },
  })
  const status = async (method: string, path: string): Promise<number> => {
    const body = method === 'POST' ? JSON.stringify(call('drop')) : ''
    return (await requestOnce(`${sidecar.dataUrl}${path}`, { method, body })).status
  }
  assert.equal(await status('GET', '/files/a'), 200)
  assert.equal(await status('GET', '/.well-known/oauth-authorization-server'), 200)
  assert.equal(upstream.requests.length, 2)
  for (const path of ['/internal', '/files/%2e%2e/internal', '/files/a%2fb', '//mcp', '/mcp/']) {
    assert.notEqual(await status('POST', path), 200, path)
    assert.notEqual(await status('GET', path), 200, path)
  }
  assert.notEqual(await status('POST', '/.well-known/x'), 200)
  // This is the endpoint in other letters, so the call in it is read.
  const encoded = { body: JSON.stringify(call('drop')) }
  assert.equal(verdict(await requestOnce(`${sidecar.dataUrl}/%6dcp`, encoded)), 'forbidden')
  assert.equal(upstream.requests.length, 2)
})

test('a path with broken escapes, passed on to an upstream that is hidden, names none', async () => {
  const upstream = await startRawUpstream()
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url, other: { url: upstream.url, passthrough: ['/'] } },
    config: { policy: { roles: { anonymous: { allow: ['main:echo'] } } } },
  })
  for (const [path, name] of [
    ['/%zz/mcp', '%zz'],
    ['/%41%zz/mcp', 'A%zz'],
    ['/%e0%a4%a/mcp', '%e0%a4%a'],
  ]) {
    const { body } = await requestOnce(`${sidecar.dataUrl}${path}`, {
      body: JSON.stringify(call('echo')),
    })
    const said = `There is no upstream named \\"${name}\\"; configured: main.`
    assert.ok(body.toString('utf8').includes(said), `${path}: ${body.toString('utf8')}`)
  }
  assert.equal(upstream.requests.length, 0)
})

test('with rejections: http a denial is a 403', async () => {
  const upstream = await startRawUpstream()
  const sidecar = await startTestSidecar({
    upstreams: { main: upstream.url },
    config: { rejections: 'http', policy: { roles: { anonymous: { allow: ['main:echo'] } } } },
  })
  const refused = await requestOnce(sidecar.url('main'), { body: JSON.stringify(call('drop')) })
  assert.equal(refused.status, 403)
})

test('a body that comes with another method than POST is not passed on, because nobody has read it', async () => {
  const { upstream, sidecar } = await scene({ allow: ['main:read_*'] })
  for (const method of ['GET', 'DELETE', 'OPTIONS']) {
    const refused = await requestOnce(sidecar.url('main'), {
      method,
      headers: [...JSON_HEADERS, 'X-HTTP-Method-Override: POST'],
      body: JSON.stringify(call('write_file')),
    })
    assert.equal(refused.status, 400, method)
    assert.equal(verdict(refused), 'invalid_request', method)
  }
  assert.equal(upstream.requests.length, 0)
})

test('a reference that servers may read in several ways needs the right to all that it may mean', async () => {
  const { send, upstream } = await scene({
    allow: ['main:resource/ok://*', 'other:resource/*', 'other:prompt/mine'],
  })
  const complete = (ref: object, more: object = {}): object =>
    request('completion/complete', { ref, argument: { name: 'a', value: 'b' }, ...more })
  const listen = (params: object): object => request('subscriptions/listen', params)
  const prompt = { type: 'ref/prompt', name: 'secret' }
  const rows: readonly [message: object, to: string, expected: string][] = [
    [complete({ type: 'ref/resource', uri: 'ok://x' }), 'main', 'passed'],
    [complete({ type: 'ref/prompt', name: 'mine' }), 'other', 'passed'],
    [complete(prompt), 'other', 'forbidden'],
    [complete({ Type: 'ref/prompt', name: 'secret', uri: 'ok://x' }), 'main', 'forbidden'],
    [complete({ Type: 'ref/prompt', name: 'secret', uri: 'ok://x' }), 'other', 'forbidden'],
    // Too large to be read as a whole.
    [complete(prompt, { padding: 'x'.repeat(70_000) }), 'other', 'forbidden'],
    [listen({ notifications: { resourceSubscriptions: ['ok://x'] } }), 'main', 'passed'],
    [listen({ notifications: {} }), 'main', 'passed'],
    [listen({ Notifications: { resourceSubscriptions: ['secret://x'] } }), 'main', 'forbidden'],
    [listen({ notifications: { ResourceSubscriptions: ['secret://x'] } }), 'main', 'forbidden'],
  ]
  for (const [message, to, expected] of rows) {
    assert.equal(verdict(await send(message, to)), expected, JSON.stringify(message).slice(0, 200))
  }
  assert.equal(
    upstream.requests.length,
    rows.filter(([, , expected]) => expected === 'passed').length,
  )
})
