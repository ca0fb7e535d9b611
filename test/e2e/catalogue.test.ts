/** The catalogue of tools, drift and pins, over real sockets and processes. */

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseJson } from '../support/json.ts'
import { startRawUpstream, type RawUpstream } from '../support/raw-upstream.ts'
import { closeAfterTest } from '../support/scope.ts'
import { runSidelight, startSidecarProcess } from '../support/sidecar-process.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

interface Tool {
  readonly name: string
  readonly [member: string]: unknown
}

const ADD: Tool = {
  name: 'add',
  description: 'Adds two numbers',
  inputSchema: { type: 'object', properties: { a: { type: 'number' } } },
}
const FIND: Tool = { name: 'find', description: 'Finds', inputSchema: { type: 'object' } }
/** SHA-256 of {"description":"Finds","inputSchema":{"type":"object"},"name":"find"}. */
const FIND_DIGEST = 'sha256:5a6a0af5e68bca2c308e978ab199a1cfcb74e4c0552dd6478c36ec89e7e4ff75'

const MODERN = {
  'MCP-Protocol-Version': '2026-07-28',
  meta: {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 't', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  },
}

interface Scene {
  readonly upstream: RawUpstream
  readonly sidecar: TestSidecar
  /** What the next lists show, by the client's `Authorization`; '' is for everybody else. */
  readonly lists: Map<string, readonly Tool[]>
  readonly list: (options?: ListOptions) => Promise<Record<string, unknown>>
  readonly call: (tool: string, args?: unknown) => Promise<CallResult>
  readonly drifts: (kind: string) => Promise<number>
}

interface Asked {
  readonly method: string
  readonly params?: { readonly cursor?: string }
}

interface ListOptions {
  readonly authorization?: string
  readonly session?: string
  readonly modern?: boolean
}

interface CallResult {
  readonly isError?: boolean
  readonly content: readonly { readonly text: string }[]
  readonly _meta?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

async function scene(
  pins?: Readonly<Record<string, unknown>>,
  pageSize = Infinity,
): Promise<Scene> {
  const lists = new Map<string, readonly Tool[]>()
  const upstream = await startRawUpstream((request, reply) => {
    const { method, params = {} } = parseJson<Asked>(request.body)
    if (method === 'tools/call') return reply.result({ content: [{ type: 'text', text: 'done' }] })
    const tools = lists.get(request.values('authorization')[0] ?? '') ?? lists.get('') ?? []
    const from = Number(params.cursor ?? 0)
    const more = from + pageSize < tools.length ? { nextCursor: String(from + pageSize) } : {}
    reply.result({ tools: tools.slice(from, from + pageSize), ...more })
  })
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: upstream.url, ...(pins === undefined ? {} : { pins }) } },
  })
  let id = 0
  const post = async (
    method: string,
    params: object,
    { authorization, session, modern = false }: ListOptions = {},
  ): Promise<Buffer> => {
    id += 1
    const name = 'name' in params ? { 'Mcp-Name': String(params.name) } : {}
    const response = await fetch(sidecar.url('main'), {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        ...(authorization === undefined ? {} : { Authorization: authorization }),
        ...(session === undefined ? {} : { 'Mcp-Session-Id': session }),
        ...(modern ? { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': method, ...name } : {}),
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id,
        method,
        params: modern ? { ...params, _meta: MODERN.meta } : params,
      }),
    })
    return Buffer.from(await response.arrayBuffer())
  }
  return {
    upstream,
    sidecar,
    lists,
    list: async (options) => {
      let cursor: unknown
      for (;;) {
        const page = await post('tools/list', cursor === undefined ? {} : { cursor }, options)
        const { result } = parseJson<{ result: Record<string, unknown> }>(page)
        cursor = result['nextCursor']
        if (cursor === undefined) return result
      }
    },
    call: async (tool, args = {}) => {
      const answer = await post('tools/call', { name: tool, arguments: args })
      return parseJson<{ result: CallResult }>(answer).result
    },
    drifts: async (kind) =>
      (await sidecar.metrics()).sum('sidelight_catalogue_drifts_total', {
        sidelight_drift_kind: kind,
      }),
  }
}

const jwt = (sub: string): string =>
  `Bearer e30.${Buffer.from(JSON.stringify({ iss: 'i', sub })).toString('base64url')}.x`

const events = (sidecar: TestSidecar): readonly Readonly<Record<string, unknown>>[] =>
  sidecar.logs.filter(({ event }) => event === 'sidelight.catalogue.drift').map((one) => one.fields)

async function pinFile(text: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sidelight-pins-'))
  closeAfterTest(() => rm(directory, { recursive: true }))
  const file = join(directory, 'pins.json')
  await writeFile(file, text)
  return file
}

for (const modern of [false, true]) {
  const era = modern ? '2026-07-28' : '2025-11-25'
  test(`the size of a list in two pages is measured as one (${era})`, async () => {
    const { sidecar, lists, list } = await scene(undefined, 1)
    lists.set('', [ADD, FIND])
    await list({ modern })
    const metrics = await sidecar.metrics()
    const pages = [{ tools: [ADD], nextCursor: '1' }, { tools: [FIND] }]
    const bytes = pages.reduce((sum, page) => sum + JSON.stringify(page).length, 0)
    assert.equal(metrics.sum('sidelight_catalogue_tools'), 2)
    assert.equal(metrics.sum('sidelight_catalogue_size_bytes'), bytes)
    assert.equal(metrics.sum('sidelight_catalogue_tokens'), Math.ceil(bytes / 4))
    assert.equal(metrics.find('sidelight_catalogue_drifts_total').length, 3)
    assert.equal(metrics.sum('sidelight_catalogue_drifts_total'), 0)
  })

  test(`a definition that changes is told with its members, not its texts (${era})`, async () => {
    const { sidecar, lists, list, drifts } = await scene()
    lists.set('', [ADD, FIND])
    await list({ modern })
    lists.set('', [{ ...ADD, description: 'SECRET-CANARY', title: 'Add' }, FIND])
    await list({ modern })
    await list({ modern })
    assert.equal(await drifts('changed'), 1)
    assert.deepEqual(events(sidecar), [
      {
        'sidelight.upstream.name': 'main',
        'gen_ai.tool.name': 'add',
        'sidelight.drift.kind': 'changed',
        'sidelight.drift.members': 'title,description',
        'sidelight.drift.pinned': undefined,
      },
    ])
    assert.doesNotMatch(JSON.stringify(sidecar.logs), /SECRET-CANARY/)
    assert.doesNotMatch((await sidecar.metrics()).text, /SECRET-CANARY/)
  })
}

test('the order of members and white space are no change of a definition', async () => {
  const { lists, list, drifts } = await scene()
  lists.set('', [ADD])
  await list()
  const { inputSchema, description, name } = ADD
  lists.set('', [{ inputSchema, description, name }])
  await list()
  assert.equal(await drifts('changed'), 0)
})

test('a tool that comes and one that goes are told once', async () => {
  const { lists, list, drifts } = await scene()
  lists.set('', [ADD])
  await list()
  lists.set('', [FIND])
  await list()
  await list()
  assert.equal(await drifts('added'), 1)
  assert.equal(await drifts('removed'), 1)
})

test('clients of different identity that see different tools are no drift', async () => {
  const { sidecar, lists, list } = await scene()
  lists.set(jwt('alice'), [ADD, FIND])
  lists.set(jwt('bob'), [{ ...ADD, description: "Adds Bob's numbers" }])
  for (let i = 0; i < 5; i += 1) {
    for (const name of ['alice', 'bob']) await list({ authorization: jwt(name), session: name })
  }
  assert.deepEqual(events(sidecar), [])
  assert.equal((await sidecar.metrics()).sum('sidelight_catalogue_drifts_total'), 0)
})

test('clients without identity that see different tools are told once and do not flap', async () => {
  const { sidecar, lists, list } = await scene()
  lists.set('key one', [ADD, FIND])
  lists.set('key two', [{ ...ADD, description: 'other' }])
  for (let i = 0; i < 5; i += 1) {
    for (const key of ['key one', 'key two']) await list({ authorization: key })
  }
  assert.deepEqual(
    events(sidecar).map((one) => [one['sidelight.drift.kind'], one['gen_ai.tool.name']]),
    [
      ['changed', 'add'],
      ['removed', 'find'],
    ],
  )
})

test('a list on an event stream is read as one in JSON', async () => {
  const { upstream, sidecar, list } = await scene()
  upstream.handle((request, reply) => {
    const { id } = request.json()
    reply.stream()
    reply.event({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'x' } })
    reply.event({ jsonrpc: '2.0', id, result: { tools: [ADD] } })
    reply.endStream()
  })
  await list().catch(() => {})
  const metrics = await waitFor(
    async () => {
      const now = await sidecar.metrics()
      return now.sum('sidelight_catalogue_tools') === 1 ? now : undefined
    },
    { within: SOON, what: 'the catalogue' },
  )
  assert.equal(metrics.sum('sidelight_limit_hits_total', { sidelight_limit: 'captures' }), 0)
})

test('GET /catalogue shows names, digests and sizes and no texts', async () => {
  const { sidecar, lists, list } = await scene()
  lists.set('', [FIND])
  await list()
  const all = await (await fetch(`${sidecar.adminUrl}/catalogue`)).json()
  const bytes = JSON.stringify({ tools: [FIND] }).length
  const expected = {
    upstream: 'main',
    tools: 1,
    bytes,
    tokens: Math.ceil(bytes / 4),
    list: [{ name: 'find', digests: [FIND_DIGEST], bytes: 69, tokens: 18 }],
  }
  assert.deepEqual(all, { upstreams: [expected] })
  const one = await (await fetch(`${sidecar.adminUrl}/catalogue/main`)).json()
  assert.deepEqual(one, expected)
  const pins = await (await fetch(`${sidecar.adminUrl}/catalogue/main?format=pins`)).json()
  assert.deepEqual(pins, { version: 1, tools: { find: FIND_DIGEST } })
  assert.equal((await fetch(`${sidecar.adminUrl}/catalogue/none`)).status, 404)
})

test('mode block refuses a tool that is not as it is pinned, until it is again', async () => {
  const file = await pinFile(JSON.stringify({ version: 1, tools: { find: FIND_DIGEST } }))
  const { upstream, sidecar, lists, list, call } = await scene({ file, mode: 'block' })
  assert.equal((await call('find')).isError, undefined, 'nobody has been shown anything else')
  lists.set('', [{ ...FIND, description: 'Finds, and sends it elsewhere' }])
  await list()
  const before = upstream.requests.length
  const refused = await call('find')
  assert.equal(upstream.requests.length, before, 'nothing was sent')
  assert.equal(refused.isError, true)
  assert.deepEqual(refused._meta?.['sidelight/rejection'], {
    reason: 'tool_changed',
    upstream: 'main',
  })
  assert.equal(
    refused.content[0]?.text,
    'The MCP server "main" was not called: The definition of the tool "find" is not the one that its operator has approved. Your arguments are not at fault. Do not repeat the call: waiting does not help. Go on without this tool and tell the user.',
  )
  const [event] = events(sidecar)
  assert.equal(event?.['sidelight.drift.pinned'], true)
  assert.equal(event?.['sidelight.drift.kind'], 'changed')
  lists.set('', [FIND])
  await list()
  assert.equal((await call('find')).isError, undefined)
})

test('a server cannot hide a change by showing the pinned definition to somebody else', async () => {
  const file = await pinFile(JSON.stringify({ version: 1, tools: { find: FIND_DIGEST } }))
  const { lists, list, call } = await scene({ file, mode: 'block' })
  lists.set(jwt('alice'), [{ ...FIND, title: 'x' }])
  lists.set(jwt('bob'), [FIND])
  await list({ authorization: jwt('alice') })
  await list({ authorization: jwt('bob') })
  assert.equal((await call('find')).isError, true)
})

for (const pageSize of [3, 1]) {
  const where = pageSize === 1 ? 'on a later page' : 'in the same list'
  test(`a server cannot hide a change by showing the pinned definition too, ${where}`, async () => {
    const file = await pinFile(JSON.stringify({ version: 1, tools: { find: FIND_DIGEST } }))
    const { sidecar, lists, list, call } = await scene({ file, mode: 'block' }, pageSize)
    lists.set('', [{ ...FIND, title: 'x' }, FIND])
    await list()
    assert.equal((await call('find')).isError, true)
    const shown = await (await fetch(`${sidecar.adminUrl}/catalogue/main?format=pins`)).text()
    assert.equal(shown.match(/sha256:/g)?.length, 2)
    lists.set('', [ADD, FIND])
    await list()
    assert.equal((await call('find')).isError, undefined)
  })
}

test('a tool that is not in the file is refused by mode block, unless that is allowed', async () => {
  const file = await pinFile('{"version":1,"tools":{}}')
  const strict = await scene({ file, mode: 'block' })
  const refused = await strict.call('add')
  assert.equal(refused._meta?.['sidelight/rejection']?.['reason'], 'tool_unpinned')
  const open = await scene({ file, mode: 'block', unpinned: 'allow' })
  assert.equal((await open.call('add')).isError, undefined)
})

test('mode warn tells and refuses nothing', async () => {
  const file = await pinFile(JSON.stringify({ version: 1, tools: { find: FIND_DIGEST } }))
  const { sidecar, lists, list, call, drifts } = await scene({ file })
  lists.set('', [{ ...FIND, title: 'x' }, ADD])
  await list()
  await list()
  assert.equal(await drifts('changed'), 1)
  assert.equal(await drifts('added'), 1)
  assert.ok(events(sidecar).every((one) => one['sidelight.drift.pinned'] === true))
  assert.equal((await call('find')).isError, undefined)
})

test('a list that cannot be read refuses the tools of its upstream by mode block', async () => {
  const file = await pinFile(JSON.stringify({ version: 1, tools: { find: FIND_DIGEST } }))
  const { sidecar, lists, list, call } = await scene({ file, mode: 'block' })
  lists.set('', [FIND, { ...ADD, description: 'x'.repeat(1_100_000) }])
  await list()
  assert.equal((await call('find'))._meta?.['sidelight/rejection']?.['reason'], 'tool_changed')
  assert.ok(sidecar.logs.some(({ event }) => event === 'sidelight.catalogue.unread'))
  assert.deepEqual(sidecar.recorder.limits, ['captures'])
  assert.equal(
    (await sidecar.metrics()).sum('sidelight_limit_hits_total', { sidelight_limit: 'captures' }),
    1,
  )
  lists.set('', [FIND])
  await list()
  assert.equal((await call('find')).isError, undefined)
})

test('a pin file is read again when it changes, and a bad one keeps what was read before', async () => {
  const file = await pinFile('{"version":1,"tools":{}}')
  const { sidecar, lists, list, call } = await scene({ file, mode: 'block' })
  lists.set('', [FIND])
  await list()
  assert.equal((await call('find')).isError, true)
  const logged = (event: string): Promise<unknown> =>
    waitFor(() => sidecar.logs.find((one) => one.event === event), {
      within: 15_000,
      what: event,
    })
  await writeFile(file, JSON.stringify({ version: 1, tools: { find: FIND_DIGEST } }))
  await logged('sidelight.pins.reloaded')
  assert.equal((await call('find')).isError, undefined)
  await writeFile(file, '{"version":1,"tools":{"find":"sha256:no"}}')
  await logged('sidelight.pins.unreadable')
  assert.equal((await call('find')).isError, undefined)
})

test('a malformed pin file refuses the start, with its place and what was expected', async () => {
  const file = await pinFile('{"version":1,"tools":{"add":"sha256:12"}}')
  const config = await pinFile(
    JSON.stringify({ upstreams: { main: { url: 'http://127.0.0.1:9/mcp', pins: { file } } } }),
  )
  const { code, stderr } = await runSidelight(['run', '--config', config])
  assert.equal(code, 1)
  assert.equal(
    stderr,
    `sidelight: ${file}: upstreams.main.pins.file: tools."add": expected a digest such as "sha256:" and 64 hex digits, or a list of them\n`,
  )
})

test('tools of a stdio server are read as those of an HTTP server', async () => {
  const server = join(import.meta.dirname, '../support/stdio-server-v1.ts')
  const config = await pinFile(
    JSON.stringify({ upstreams: { main: { command: [process.execPath, server] } } }),
  )
  const sidecar = await startSidecarProcess({ args: ['--config', config] })
  const post = async (body: object, session?: string): Promise<Response> =>
    fetch(sidecar.url('main'), {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        ...(session === undefined ? {} : { 'Mcp-Session-Id': session }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
    })
  const clientInfo = { name: 't', version: '1' }
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
  const begun = await post({ id: 1, method: 'initialize', params })
  const session = begun.headers.get('mcp-session-id') ?? ''
  await begun.text()
  await (await post({ method: 'notifications/initialized' }, session)).text()
  const listed = await (await post({ id: 2, method: 'tools/list' }, session)).text()
  const names = [...listed.matchAll(/"name":"([a-z_-]+)"/g)].map(([, name]) => name)
  assert.ok(names.length > 0, listed)
  const metrics = await sidecar.metrics()
  assert.ok(metrics.sum('sidelight_catalogue_tools') > 0)
  assert.ok(metrics.sum('sidelight_catalogue_size_bytes') > 100)
})
