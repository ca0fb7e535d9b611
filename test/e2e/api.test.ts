/** Every answer of the API is what its description says, for real traffic; and what it refuses, it refuses clearly. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import * as z from 'zod/mini'
import { problemSchema } from '../../src/http/api/problem.ts'
import { API_ROUTES } from '../../src/http/api/routes.ts'
import {
  callListSchema,
  explainedSchema,
  toolListSchema,
} from '../../src/http/api/snapshot-schema.ts'
import { silenceSchema } from '../../src/http/api/stats-schema.ts'
import { guardSchema, upstreamSchema } from '../../src/http/api/upstream-schema.ts'
import { startAgent } from '../support/agents.ts'
import { freePort } from '../support/raw-upstream.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { startToolServer } from '../support/tool-server.ts'
import { bounded, SOON, waitFor } from '../support/wait-for.ts'

const TRACES = 'http://127.0.0.1:16686/trace/{traceId}'

async function withTraffic(): Promise<TestSidecar> {
  const server = await startToolServer([
    { name: 'read_file', description: 'Reads a file', ms: 2 },
    { name: 'write_file', description: 'Writes a file', ms: 2, failsEvery: 3 },
  ])
  const sidecar = await startTestSidecar({
    upstreams: { files: server.url, gone: `http://127.0.0.1:${await freePort()}/mcp` },
    config: { ui: { traceUrl: TRACES }, audit: { dir: await temporaryDirectory() } },
  })
  const stop = await startAgent({
    url: sidecar.url('files'),
    tools: ['read_file', 'write_file'],
    pauseMs: 1,
  })
  await waitFor(
    async () => (await get(sidecar, callListSchema, '/calls')).body.calls.length >= 20,
    {
      within: SOON,
      what: 'twenty calls',
    },
  )
  await stop()
  await fetch(sidecar.url('gone'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
  })
  return sidecar
}

/** The answer, which must be what the schema says. */
async function get<S extends z.ZodMiniType>(
  sidecar: TestSidecar,
  schema: S,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly headers: Headers; readonly body: z.output<S> }> {
  const response = await fetch(`${sidecar.adminUrl}/api/v1${path}`, { headers })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    body: schema.parse(JSON.parse(text === '' ? '{}' : text)),
  }
}

async function post<S extends z.ZodMiniType>(
  sidecar: TestSidecar,
  schema: S,
  path: string,
  body: string,
  headers = JSON_TYPE,
): Promise<{ readonly status: number; readonly body: z.output<S> }> {
  const response = await fetch(`${sidecar.adminUrl}/api/v1${path}`, {
    method: 'POST',
    headers,
    body,
  })
  return { status: response.status, body: schema.parse(JSON.parse(await response.text())) }
}

const JSON_TYPE: Readonly<Record<string, string>> = { 'content-type': 'application/json' }

test('every answer is what the OpenAPI document says, with nothing left out of it', async () => {
  const sidecar = await withTraffic()
  const { calls } = (await get(sidecar, callListSchema, '/calls')).body
  const params: Readonly<Record<string, string>> = {
    upstream: 'files',
    tool: 'read_file',
    traceId: calls[0]?.traceId ?? '',
  }
  for (const route of API_ROUTES.filter(({ method }) => method === 'get')) {
    const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => params[name] ?? '')
    const { status, body } = await get(sidecar, z.unknown(), path)
    assert.equal(status, 200, `${path}: ${JSON.stringify(body)}`)
    const parsed = route.answer.safeParse(body)
    assert.ok(parsed.success, `${path}: ${JSON.stringify(parsed.error?.issues)}`)
    assert.deepEqual(parsed.data, body, `${path} has members that are not described`)
  }
  const described = await get(sidecar, z.object({ openapi: z.string() }), '/openapi.json')
  assert.equal(described.body.openapi, '3.1.0')
})

test('figures, calls and their account are of the calls that were made', async () => {
  const sidecar = await withTraffic()
  const { tools } = (await get(sidecar, toolListSchema, '/tools?window=1m&upstream=files')).body
  const byName = tools.toSorted((a, b) => (a.tool < b.tool ? -1 : 1))
  assert.deepEqual(
    byName.map(({ tool }) => tool),
    ['read_file', 'write_file'],
  )
  const [read, write] = byName
  assert.ok((read?.stats.calls ?? 0) >= 8)
  assert.equal(read?.stats.errorRate, 0)
  assert.ok((read?.contextTokens ?? 0) > 10)
  assert.ok((write?.stats.errorRate ?? 0) > 0.2)
  assert.equal(write?.stats.availability, 1)

  const failures = '/calls?errorsOnly=true&tool=write_file&limit=2'
  const found = (await get(sidecar, callListSchema, failures)).body
  assert.equal(found.calls.length, 2)
  const failure = found.calls[0]
  assert.ok(failure?.traceId !== undefined)
  assert.equal(failure.outcome, 'tool_error')
  assert.equal(failure.traceUrl, TRACES.replace('{traceId}', failure.traceId))
  const { explanation } = (await get(sidecar, explainedSchema, `/calls/${failure.traceId}`)).body
  assert.match(explanation[0] ?? '', /^tools\/call of write_file at files took /)
  assert.equal(
    explanation[1],
    'The tool ran and reported a failure (isError): the upstream itself is well.',
  )
  const newest = (await get(sidecar, callListSchema, `/calls?after=${found.lastSeq}`)).body
  assert.deepEqual(newest, { calls: [], lastSeq: found.lastSeq, missed: false })

  const gone = (await get(sidecar, upstreamSchema, '/upstreams/gone')).body
  assert.equal(gone.lastErrors[0]?.reason, 'connect')
  const { config } = (
    await get(sidecar, z.object({ config: z.object({ ui: z.unknown() }) }), '/config')
  ).body
  assert.deepEqual(config.ui, { traceUrl: TRACES })
})

test('what cannot be answered is a problem with a code, and an answer that stayed is a 304', async () => {
  const sidecar = await startTestSidecar({ upstreams: { files: 'http://127.0.0.1:9/mcp' } })
  const refused: readonly (readonly [string, number, string])[] = [
    ['/upstreams/nobody', 404, 'unknown_upstream'],
    ['/upstreams/nobody/timeline', 404, 'unknown_upstream'],
    ['/tools/files/nothing', 404, 'unknown_tool'],
    ['/calls/xyz', 400, 'invalid_trace_id'],
    [`/calls/${'0'.repeat(32)}`, 404, 'unknown_trace'],
    ['/calls?limit=many', 400, 'invalid_query'],
    ['/calls?limit=1001', 400, 'invalid_query'],
    ['/calls?nothing=1', 400, 'invalid_query'],
    ['/snapshot?window=2m', 400, 'invalid_query'],
    ['/events?window=2m', 400, 'invalid_query'],
    ['/nothing', 404, 'unknown_path'],
  ]
  for (const [path, status, code] of refused) {
    const answer = await get(sidecar, problemSchema, path)
    assert.equal(answer.status, status, path)
    assert.equal(answer.headers.get('content-type'), 'application/problem+json', path)
    assert.deepEqual(
      [answer.body.type, answer.body.status, answer.body.code],
      ['about:blank', status, code],
      path,
    )
    assert.ok(answer.body.detail.length > 10, path)
  }
  const detail = async (path: string): Promise<string> =>
    (await get(sidecar, problemSchema, path)).body.detail
  assert.equal(await detail('/calls?nothing=1'), 'there is no "nothing" here')
  assert.equal(await detail('/snapshot?window=2m'), 'window: expected one of 1m, 5m, 1h, 24h')
  assert.equal(await detail('/events?window=2m'), 'window: expected one of 1m, 5m, 1h, 24h')
  const build = await get(sidecar, z.unknown(), '/build')
  const etag = build.headers.get('etag') ?? ''
  assert.match(etag, /^"[\w-]+"$/)
  assert.equal((await get(sidecar, z.unknown(), '/build', { 'if-none-match': etag })).status, 304)
  assert.equal(
    (await get(sidecar, z.unknown(), '/build', { 'if-none-match': '"other"' })).status,
    200,
  )
})

test('orders are taken as JSON alone, from no other site, with a reason and a name', async () => {
  const sidecar = await startTestSidecar({ upstreams: { files: 'http://127.0.0.1:9/mcp' } })
  const good = { action: 'force-open', reason: 'a test', actor: 'somebody', ttlSeconds: 60 }
  const order = JSON.stringify(good)
  const refused: readonly (readonly [string, Readonly<Record<string, string>>, number, string])[] =
    [
      [order, { 'content-type': 'text/plain' }, 415, 'unsupported_media'],
      [order, { ...JSON_TYPE, 'sec-fetch-site': 'cross-site' }, 403, 'cross_site'],
      [order, { ...JSON_TYPE, 'sec-fetch-site': 'same-site' }, 403, 'cross_site'],
      ['{}', JSON_TYPE, 400, 'invalid_body'],
      ['no json', JSON_TYPE, 400, 'invalid_body'],
      [JSON.stringify({ ...good, actor: undefined }), JSON_TYPE, 400, 'invalid_body'],
      [JSON.stringify({ ...good, reason: 'two\nlines' }), JSON_TYPE, 400, 'invalid_body'],
      [JSON.stringify({ ...good, ttlSeconds: undefined }), JSON_TYPE, 400, 'invalid_body'],
      [JSON.stringify({ ...good, more: 1 }), JSON_TYPE, 400, 'invalid_body'],
      [JSON.stringify({ ...good, reason: 'x'.repeat(5_000) }), JSON_TYPE, 413, 'too_large'],
    ]
  for (const [body, headers, status, code] of refused) {
    const answer = await post(sidecar, problemSchema, '/breakers/files', body, headers)
    assert.deepEqual([answer.status, answer.body.code], [status, code], body.slice(0, 80))
  }
  const nobody = await post(sidecar, problemSchema, '/breakers/nobody', order)
  assert.equal(nobody.body.code, 'unknown_upstream')
  const done = await post(sidecar, guardSchema, '/breakers/files', order)
  assert.equal(done.status, 200)
  assert.equal(done.body.breaker?.override?.mode, 'forced_open')
  const logged = sidecar.logs.find(({ event }) => event === 'sidelight.breaker.order')
  assert.equal(logged?.fields['sidelight.breaker.order.actor'], 'somebody')
  const wrong = await fetch(`${sidecar.adminUrl}/api/v1/breakers/files`, { method: 'DELETE' })
  assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'GET, POST'])
  await wrong.arrayBuffer()
})

test('a silence is made, listed and ended', async () => {
  const sidecar = await startTestSidecar({ upstreams: { files: 'http://127.0.0.1:9/mcp' } })
  const made = await post(
    sidecar,
    silenceSchema,
    '/silences',
    JSON.stringify({
      matchers: { sidelight_upstream_name: 'files' },
      reason: 'maintenance',
      actor: 'somebody',
      ttlSeconds: 60,
    }),
  )
  assert.equal(made.status, 200, JSON.stringify(made.body))
  const listed = (await get(sidecar, z.object({ silences: z.array(silenceSchema) }), '/silences'))
    .body
  assert.deepEqual(listed.silences, [made.body])
  const end = (id: string): Promise<Response> =>
    fetch(`${sidecar.adminUrl}/api/v1/silences/${id}`, { method: 'DELETE' })
  assert.equal((await end(made.body.id)).status, 200)
  assert.equal((await end(made.body.id)).status, 404)
})

test('followers get a snapshot at once and calls as they end, and there are 32 at most', async () => {
  const sidecar = await withTraffic()
  const response = await fetch(`${sidecar.adminUrl}/api/v1/events?window=1m`)
  assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!/event: calls\ndata: \{.*\n\n/.test(text)) {
    const read = await bounded(Promise.resolve(reader?.read()), { within: SOON, what: 'an event' })
    text += read?.value ?? ''
  }
  const [first = ''] = text.split('\n\n')
  assert.match(first, /^event: snapshot\ndata: \{"atMs":/)
  await reader?.cancel()

  const { port } = new URL(sidecar.adminUrl)
  const sockets = Array.from({ length: 33 }, () => connect(Number(port), '127.0.0.1'))
  const heads = await Promise.all(
    sockets.map(async (socket) => {
      socket.write('GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
      const [chunk]: Buffer[] = await bounded(once(socket, 'data'), {
        within: SOON,
        what: 'a head',
      })
      return String(chunk).slice(9, 12)
    }),
  )
  for (const socket of sockets) socket.destroy()
  assert.equal(heads.filter((status) => status === '200').length, 32)
  assert.equal(heads.filter((status) => status === '503').length, 1)
  assert.equal(
    (await sidecar.metrics()).sum('sidelight_limit_hits_total', {
      sidelight_limit: 'subscribers',
    }),
    1,
  )
})

test('probes of orchestrators are answered, in words too', async () => {
  const sidecar = await startTestSidecar({
    upstreams: {
      files: {
        url: `http://127.0.0.1:${await freePort()}/mcp`,
        health: { method: 'auto', interval: '1s', required: true },
      },
    },
  })
  const text = async (path: string): Promise<string> =>
    (await fetch(`${sidecar.adminUrl}${path}`)).text()
  assert.equal(await text('/livez'), '{"status":"ok"}')
  const verbose = await waitFor(
    async () => {
      const answer = await text('/readyz?verbose')
      return answer.includes('down') && answer
    },
    { within: SOON, what: 'a health check' },
  )
  assert.equal(
    verbose,
    '[+]calls ok\n[-]upstream files down: connect (required)\nreadyz check failed\n',
  )
})
