/**
 * One of each ending in each revision, over HTTP and in front of a stdio server, with secrets wherever a
 * message has room for one. What is exported is checked when each test ends; here stands what the rules
 * cannot know: that the spans are of these calls.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson } from '../support/json.ts'
import { startOtlpSink, type OtlpSink } from '../support/otlp-sink.ts'
import { OTLP, plainAttributes, type OtlpSpan } from '../support/otlp-types.ts'
import { JSON_HEADERS, RawClient, requestOnce } from '../support/raw-client.ts'
import { freePort, startRawUpstream, type RawHandler } from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'

const REVISIONS = ['2025-06-18', '2025-11-25', '2026-07-28'] as const
type Revision = (typeof REVISIONS)[number]

/** Ends as the tool's name says. */
const byTool: RawHandler = (request, reply) => {
  const { id, params } = parseJson<{ id: number; params: { name: string } }>(request.body)
  const send = (answer: object): void =>
    reply.send({ body: JSON.stringify({ jsonrpc: '2.0', id, ...answer }) })
  const secret = { content: [{ type: 'text', text: 'private-result' }] }
  if (params.name === 'ok') send({ result: { ...secret, resultType: 'complete' } })
  if (params.name === 'failed') send({ result: { ...secret, isError: true } })
  if (params.name === 'unknown') send({ error: { code: -32602, message: 'Unknown tool' } })
  if (params.name === 'broken') send({ error: { code: -32603, message: 'Broken' } })
}

/** A call with a secret in its arguments, and in 2026-07-28 with what every request says. */
function callOf(revision: Revision, name: string): { headers: string[]; body: string } {
  const modern = revision === '2026-07-28'
  const meta = {
    'io.modelcontextprotocol/protocolVersion': revision,
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  return {
    headers: [
      ...JSON_HEADERS,
      `MCP-Protocol-Version: ${revision}`,
      'Authorization: Bearer canary-token',
      'Cookie: session=canary-cookie',
      'baggage: user=canary-baggage',
      ...(modern ? ['Mcp-Method: tools/call', `Mcp-Name: ${name}`] : []),
    ],
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 7,
      method: 'tools/call',
      params: {
        name,
        arguments: { token: 'canary-argument' },
        ...(modern ? { _meta: meta } : {}),
      },
    }),
  }
}

interface Ending {
  readonly tool: string
  readonly outcome: string
  /** `error.type` of the SERVER and the CLIENT span. */
  readonly errors: readonly [string | undefined, string | undefined]
}

const ENDINGS: readonly Ending[] = [
  { tool: 'ok', outcome: 'ok', errors: [undefined, undefined] },
  { tool: 'failed', outcome: 'tool_error', errors: ['tool_error', 'tool_error'] },
  { tool: 'unknown', outcome: 'rpc_error', errors: [undefined, '-32602'] },
  { tool: 'broken', outcome: 'rpc_error', errors: ['-32603', '-32603'] },
]

async function spansOf(sink: OtlpSink): Promise<readonly [OtlpSpan, OtlpSpan]> {
  const spans = await sink.waitForSpans(2)
  const server = spans.find(({ kind }) => kind === OTLP.server)
  const client = spans.find(({ kind }) => kind === OTLP.client)
  assert.ok(server !== undefined && client !== undefined && spans.length === 2)
  return [server, client]
}

async function start(
  url: string,
  protocol: 'http/json' | 'http/protobuf',
): Promise<{ sink: OtlpSink; sidecar: TestSidecar }> {
  const sink = await startOtlpSink()
  const sidecar = await startTestSidecar({
    upstreams: { main: { url, headers: { 'X-Api-Key': 'canary-key' } } },
    otel: { ...sink.env, OTEL_EXPORTER_OTLP_PROTOCOL: protocol },
  })
  return { sink, sidecar }
}

for (const revision of REVISIONS) {
  for (const { tool, outcome, errors } of ENDINGS) {
    test(`${revision} over HTTP: a call that ends as ${tool} says so on both sides`, async () => {
      const upstream = await startRawUpstream(byTool)
      const { sink, sidecar } = await start(upstream.url, 'http/protobuf')
      await requestOnce(`${sidecar.url('main')}?key=canary-query`, callOf(revision, tool))
      const spans = await spansOf(sink)
      for (const [index, span] of spans.entries()) {
        const attributes = plainAttributes(span.attributes)
        assert.equal(span.name, `tools/call ${tool}`)
        assert.equal(attributes['gen_ai.tool.name'], tool)
        assert.equal(attributes['jsonrpc.request.id'], '7')
        assert.equal(attributes['mcp.protocol.version'], revision)
        assert.equal(attributes['sidelight.outcome'], outcome)
        assert.equal(attributes['error.type'], errors[index])
      }
      await sidecar.close()
      assert.ok(sink.metrics.has('mcp.server.operation.duration'))
    })
  }

  test(`${revision} over HTTP: a refusal, an upstream that is down, and a client that leaves`, async () => {
    const { sink, sidecar } = await start(`http://127.0.0.1:${await freePort()}/mcp`, 'http/json')
    await requestOnce(`${sidecar.dataUrl}/nowhere/mcp`, callOf(revision, 'ok'))
    await requestOnce(sidecar.url('main'), callOf(revision, 'ok'))
    const spans = await sink.waitForSpans(4)
    assert.deepEqual(
      spans
        .map(({ attributes }) => String(plainAttributes(attributes)['sidelight.outcome.reason']))
        .toSorted(),
      // A call that cannot have reached it has two attempts.
      ['connect', 'connect', 'connect', 'unknown_upstream'],
    )
    const silent = await startRawUpstream(() => {})
    const other = await start(silent.url, 'http/json')
    const client = await RawClient.open(other.sidecar.dataUrl)
    client.send({ path: '/main/mcp', ...callOf(revision, 'ok') })
    await silent.request()
    client.close()
    await other.sidecar.close()
    for (const span of await spansOf(other.sink)) {
      assert.equal(span.status.code, OTLP.error)
    }
  })
}
