/** Sidelight's own MCP endpoint, asked by official clients of both lines about calls that were really made. */

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { runSuite, complaints } from '../conformance/run-suite.ts'
import { startRawUpstream, answerWell } from '../support/raw-upstream.ts'
import { closeAfterTest } from '../support/scope.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const READ_TOOLS = [
  'active_alerts',
  'explain_call',
  'list_upstreams',
  'recent_failures',
  'tool_stats',
  'upstream_stats',
]

interface Caller {
  tools(): Promise<readonly string[]>
  call(name: string, args?: Record<string, unknown>): Promise<Called>
}

interface Called {
  readonly isError: boolean
  readonly text: string
  readonly value: Record<string, unknown>
}

function calledOf(result: object): Called {
  const { content, structuredContent, isError }: Record<string, unknown> = { ...result }
  const [first]: unknown[] = Array.isArray(content) ? content : []
  const text = typeof first === 'object' && first !== null && 'text' in first ? first.text : ''
  return {
    isError: isError === true,
    text: String(text),
    value: typeof structuredContent === 'object' ? { ...structuredContent } : {},
  }
}

async function connectV1(url: string, token?: string): Promise<Caller> {
  const client = new ClientV1({ name: 'test-v1', version: '1.0.0' })
  closeAfterTest(() => client.close())
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` }
  await client.connect(new TransportV1(new URL(`${url}/mcp`), { requestInit: { headers } }))
  return {
    tools: async () => (await client.listTools()).tools.map(({ name }) => name).toSorted(),
    call: async (name, args = {}) => calledOf(await client.callTool({ name, arguments: args })),
  }
}

async function connectV2(
  url: string,
  mode: { pin: string } | 'legacy',
  token?: string,
): Promise<Caller> {
  const client = new ClientV2(
    { name: 'test-v2', version: '2.0.0' },
    { versionNegotiation: { mode } },
  )
  closeAfterTest(() => client.close())
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` }
  await client.connect(new TransportV2(new URL(`${url}/mcp`), { requestInit: { headers } }))
  return {
    tools: async () => (await client.listTools()).tools.map(({ name }) => name).toSorted(),
    call: async (name, args = {}) => calledOf(await client.callTool({ name, arguments: args })),
  }
}

/** Three calls of `search`, one of which fails. */
async function withTraffic(config: Readonly<Record<string, unknown>> = {}): Promise<TestSidecar> {
  const upstream = await startRawUpstream((request, reply) => {
    const { id, params }: { id?: unknown; params?: { arguments?: object } } = request.json()
    if (!JSON.stringify(params?.arguments ?? {}).includes('bad')) return answerWell(request, reply)
    reply.send({
      body: JSON.stringify({
        jsonrpc: '2.0',
        id,
        result: { content: [{ type: 'text', text: 'no' }], isError: true },
      }),
    })
  })
  const sidecar = await startTestSidecar({ upstreams: { library: upstream.url }, config })
  for (const query of ['a', 'bad', 'c']) {
    const reply = await fetch(sidecar.url('library'), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'search', arguments: { query } },
      }),
    })
    await reply.arrayBuffer()
  }
  await waitFor(() => sidecar.recorder.calls.filter((call) => call.outcome).length === 3, {
    within: SOON,
    what: 'three calls',
  })
  return sidecar
}

/** What the suite asks of tools that are made for it, and of a list of tools that changes while it looks. */
const NEEDS_FIXTURES =
  /Not testable: server does not list the diagnostic tool|sep-2575-server-sends-tools-list-changed-on-subscription/

describe('The MCP endpoint', () => {
  for (const [line, connect] of [
    ['SDK v1', (url: string) => connectV1(url)],
    ['SDK v2, by handshake', (url: string) => connectV2(url, 'legacy')],
    ['SDK v2, stateless', (url: string) => connectV2(url, { pin: '2026-07-28' })],
  ] as const) {
    it(`tells a client on ${line} what fails and where the time went`, async () => {
      const sidecar = await withTraffic()
      const caller = await connect(sidecar.adminUrl)
      assert.deepEqual(await caller.tools(), READ_TOOLS)

      const list = await caller.call('list_upstreams')
      assert.match(list.text, /^Overall UNKNOWN\.\nlibrary UNKNOWN/)
      const upstream = await caller.call('upstream_stats', { upstream: 'library' })
      assert.match(upstream.text, /\nLast 5m: 3 calls \(.*33\.3 % errors\.\n/)
      const tools = await caller.call('tool_stats', { sort: 'errors' })
      assert.match(tools.text, /^library search: 3 calls/)

      const failures = await caller.call('recent_failures', { tool: 'search' })
      const line0 = /^\S+ library tools\/call search: tool_error after .*, trace ([0-9a-f]{32})$/
      const traceId = line0.exec(failures.text)?.[1]
      assert.ok(traceId !== undefined, failures.text)
      const explained = await caller.call('explain_call', { traceId })
      assert.match(explained.text, /^tools\/call of search at library took /)
      assert.match(explained.text, /The tool ran and reported a failure/)
      assert.match(explained.text, /\nPhases: read .*, wait /)
      assert.equal(explained.value['traceId'], traceId)
      const alerts = await caller.call('active_alerts')
      assert.deepEqual(alerts.value, { alerts: [] })
    })
  }

  it('refuses what there is not, and says what there is', async () => {
    const sidecar = await withTraffic()
    const caller = await connectV2(sidecar.adminUrl, { pin: '2026-07-28' })
    const unknown = await caller.call('upstream_stats', { upstream: 'nobody' })
    assert.deepEqual(
      [unknown.isError, unknown.text],
      [true, 'There is no such upstream. There are: library.'],
    )
    const gone = await caller.call('explain_call', { traceId: '0'.repeat(32) })
    assert.equal(gone.isError, true)
    const invalid = await caller.call('explain_call', { traceId: 'x' }).catch(String)
    assert.match(JSON.stringify(invalid), /32 lower-case hex digits/)
  })

  it('has no tools that give orders unless it is told to, and then logs who gave them', async () => {
    const sidecar = await withTraffic({ mcp: { control: true } })
    const caller = await connectV2(sidecar.adminUrl, { pin: '2026-07-28' })
    assert.deepEqual(await caller.tools(), [...READ_TOOLS, 'order_breaker'].toSorted())
    const done = await caller.call('order_breaker', {
      upstream: 'library',
      action: 'force-open',
      reason: 'a test',
    })
    assert.equal(done.text, 'Done: force-open for 300 s, for library.')
    const list = await caller.call('list_upstreams')
    assert.match(list.text, /library \w+ \[breaker open\]/)
    const record = sidecar.logs.find(({ event }) => event === 'sidelight.breaker.order')
    assert.equal(record?.fields['sidelight.breaker.order.actor'], 'mcp client on this machine')
  })

  it('asks for the permission to read, and for that to control', async () => {
    const directory = await temporaryDirectory()
    const tokenOf = async (name: string, permissions: readonly string[]) => {
      await writeFile(join(directory, name), `canary-${name}-0123456789`)
      return { name, file: join(directory, name), permissions }
    }
    const tokens = [
      await tokenOf('reader', ['read']),
      await tokenOf('operator', ['read', 'control']),
      await tokenOf('auditor', ['audit']),
    ]
    const sidecar = await withTraffic({ auth: { admin: { tokens } }, mcp: { control: true } })
    await assert.rejects(connectV1(sidecar.adminUrl), /401|unauthenticated/i)
    await assert.rejects(connectV1(sidecar.adminUrl, 'canary-auditor-0123456789'), /403|forbidden/)
    const reader = await connectV1(sidecar.adminUrl, 'canary-reader-0123456789')
    assert.deepEqual(await reader.tools(), READ_TOOLS)
    const refused = await reader
      .call('order_breaker', { upstream: 'library', action: 'force-open', reason: 'x' })
      .catch((error: unknown) => ({ isError: true, text: String(error) }))
    assert.equal(refused.isError, true)
    assert.equal(
      sidecar.logs.some(({ event }) => event === 'sidelight.breaker.order'),
      false,
    )
    const operator = await connectV1(sidecar.adminUrl, 'canary-operator-0123456789')
    assert.ok((await operator.tools()).includes('order_breaker'))
  })

  it('is not there when it is switched off, and not for pages of others', async () => {
    const off = await startTestSidecar({
      upstreams: { a: 'http://127.0.0.1:1/mcp' },
      config: { mcp: { enabled: false } },
    })
    assert.equal((await fetch(`${off.adminUrl}/mcp`, { method: 'POST', body: '{}' })).status, 404)
    const on = await startTestSidecar({ upstreams: { a: 'http://127.0.0.1:1/mcp' } })
    const foreign = await fetch(`${on.adminUrl}/mcp`, {
      method: 'POST',
      headers: { Origin: 'https://evil.example', 'Content-Type': 'application/json' },
      body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
    })
    assert.equal(foreign.status, 403)
    const large = await fetch(`${on.adminUrl}/mcp`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
      },
      body: `{"jsonrpc":"2.0","id":1,"method":"ping","x":"${'x'.repeat(65_536)}"}`,
    })
    assert.equal(large.status, 413)
  })

  it('passes the scenarios of the conformance suite that are about such a server', async () => {
    const sidecar = await startTestSidecar({ upstreams: { a: 'http://127.0.0.1:1/mcp' } })
    const url = `${sidecar.adminUrl.replace('//127.0.0.1:', '//localhost:')}/mcp`
    const scenarios = {
      '2025-11-25': ['server-initialize', 'tools-list', 'dns-rebinding-protection'],
      '2026-07-28': ['server-stateless', 'tools-list', 'http-header-validation'],
    }
    for (const [revision, names] of Object.entries(scenarios)) {
      for (const scenario of names) {
        const result = await runSuite({ url, revision, scenario })
        const wrong = complaints(result)
          .split('\n')
          .filter((line) => line !== '' && !NEEDS_FIXTURES.test(line))
        assert.deepEqual(wrong, [], `${revision} ${scenario}`)
        assert.ok(result.passed > 0, `${revision} ${scenario}`)
      }
    }
  })
})
