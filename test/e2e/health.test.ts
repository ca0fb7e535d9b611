/** Health checks of a whole sidecar: what they show, and what they leave alone. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { systemClock } from '../../src/core/clock.ts'
import type { Verdict } from '../../src/upstream/health/health-check.ts'
import { StdioTransport } from '../../src/upstream/stdio/stdio-transport.ts'
import { Watchdog } from '../../src/upstream/stdio/watchdog.ts'
import { PoolLog } from '../support/pool-log.ts'
import { parseJson } from '../support/json.ts'
import { startPuppets, type Puppets } from '../support/puppets.ts'
import { JSON_HEADERS, RawClient, requestOnce } from '../support/raw-client.ts'
import { freePort, startRawUpstream } from '../support/raw-upstream.ts'
import { closeAfterTest } from '../support/scope.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const BY_TEXT = (a: string, b: string): number => a.localeCompare(b)

interface Ready {
  readonly status: number
  readonly body: unknown
}

async function readiness(sidecar: TestSidecar): Promise<Ready> {
  const response = await fetch(`${sidecar.adminUrl}/readyz`)
  return { status: response.status, body: await response.json() }
}

test('One bad upstream is shown and never makes the sidecar unready, unless it is required', async () => {
  const good = await startRawUpstream()
  const port = await freePort()
  const bad = `http://127.0.0.1:${port}/mcp`
  const health = { required: true }
  const sidecar = await startTestSidecar({
    upstreams: {
      good: { url: good.url, health },
      bad: { url: bad, health: { interval: '100ms' } },
      quiet: good.url,
    },
  })
  const both = await waitFor(
    async () => {
      const metrics = await sidecar.metrics()
      return metrics.find('sidelight_upstream_up').length === 2 && metrics
    },
    { within: SOON, what: 'both checks' },
  )
  assert.equal(both.sum('sidelight_upstream_up', { sidelight_upstream_name: 'good' }), 1)
  assert.equal(both.sum('sidelight_upstream_up', { sidelight_upstream_name: 'bad' }), 0)
  const durations = both.find('sidelight_upstream_health_check_duration_seconds_count')
  assert.deepEqual(
    durations
      .map(({ labels }) => `${labels['sidelight_upstream_name']} ${labels['error_type']}`)
      .toSorted(BY_TEXT),
    ['bad connect', 'good undefined'],
  )
  assert.deepEqual(await readiness(sidecar), {
    status: 200,
    body: {
      status: 'ready',
      upstreams: [
        { name: 'good', up: true, required: true },
        { name: 'bad', up: false, error: 'connect', required: false },
      ],
    },
  })
  const changed = sidecar.logs.filter(({ event }) => event === 'sidelight.upstream.health_changed')
  assert.deepEqual(
    changed.map(({ fields }) => String(fields['sidelight.upstream.name'])).toSorted(BY_TEXT),
    ['bad', 'good'],
  )
  // Checks are no calls of clients.
  assert.equal(both.sum('sidelight_calls_total'), 0)
  assert.equal(both.sum('sidelight_exchanges_total'), 0)
  assert.equal(both.sum('mcp_client_operation_duration_seconds_count'), 0)
  assert.equal(sidecar.recorder.calls.length, 0)

  const strict = await startTestSidecar({
    upstreams: { bad: { url: bad, health: { required: true, interval: '100ms' } } },
  })
  const unready = await waitFor(
    async () => {
      const now = await readiness(strict)
      return JSON.stringify(now.body).includes('connect') && now
    },
    { within: SOON, what: 'the check' },
  )
  assert.equal(unready.status, 503)
  await startRawUpstream(undefined, { port })
  await waitFor(async () => (await readiness(strict)).status === 200, {
    within: SOON,
    what: 'the upstream to be up',
  })
})

test('An upstream whose calls take every connection is still checked, and shutdown is clean', async () => {
  const upstream = await startRawUpstream((request, reply) => {
    if (request.json()['method'] === 'server/discover') reply.result({})
  })
  const sidecar = await startTestSidecar({
    upstreams: {
      a: { url: upstream.url, connections: 1, health: { required: true } },
    },
    config: { limits: { streams: 1 }, shutdown: { drainTimeout: '100ms', flushTimeout: '1s' } },
  })
  const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}'
  const client = await RawClient.open(sidecar.dataUrl)
  client.send({ path: '/a/mcp', body })
  await waitFor(async () => (await readiness(sidecar)).status === 200, {
    within: SOON,
    what: 'the check',
  })
  await sidecar.close()
  assert.deepEqual(
    upstream.requests
      .map(({ body: text }) => parseJson<{ method: string }>(text).method)
      .toSorted(BY_TEXT),
    ['server/discover', 'tools/call'],
  )
})

test('A process that requests share is asked itself', async () => {
  const puppets = await startPuppets(answering)
  const sidecar = await startTestSidecar({
    upstreams: { a: { command: puppets.command, health: { required: true, interval: '1s' } } },
  })
  await waitFor(async () => (await readiness(sidecar)).status === 200, {
    within: SOON,
    what: 'the first check, with a process of its own',
  })
  const request = modernRequest('tools/list')
  await requestOnce(sidecar.url('a'), request)
  const shared = await puppets.puppet(1)
  const asked = (): (string | undefined)[] =>
    shared.lines.map((line) => parseJson<{ method?: string }>(line).method)
  await waitFor(() => asked().includes('server/discover'), { within: SOON, what: 'a check' })
  assert.deepEqual(asked().slice(0, 2), ['tools/list', 'server/discover'])
  assert.equal(puppets.all.length, 2)
})

function modernRequest(method: string): { headers: readonly string[]; body: string } {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  return {
    headers: [...JSON_HEADERS, 'MCP-Protocol-Version: 2026-07-28', `Mcp-Method: ${method}`],
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { _meta: meta } }),
  }
}

const NEVER = new AbortController().signal

function transportOf(puppets: Puppets): StdioTransport {
  const [file = '', ...args] = puppets.command
  const watchdog = new Watchdog({ onMissing: () => {} })
  const transport = new StdioTransport({
    name: 'a',
    command: { file, args, env: {}, cwd: undefined },
    processesMax: 1,
    poolMax: 1,
    prestart: 0,
    pools: new PoolLog(),
    stateless: false,
    sessionIdleMs: 60_000,
    lineBytesMax: 1_000_000,
    replay: { eventsMax: 1, bytesMax: 1 },
    clock: systemClock,
    log: { enabled: () => false, write: () => {} },
    observer: {
      processStarted: () => {},
      processEnded: () => {},
      processRestarted: () => {},
      lineDropped: () => {},
      sessionEnded: () => {},
      limitHit: () => {},
    },
    watchdog,
    newId: () => 'id',
  })
  closeAfterTest(async () => {
    await transport.close()
    watchdog.close()
  })
  return transport
}

const UP: Verdict = { up: true, errorType: undefined }

/** Answers every request with an empty result. */
const answering = {
  onLine: (line: Buffer, puppet: { say(message: string): void }) => {
    const { id } = parseJson<{ id?: number }>(line)
    if (id !== undefined) puppet.say(`{"jsonrpc":"2.0","id":${id},"result":{}}`)
  },
}

describe('A program that no process of runs', () => {
  test('is started once to be asked, and not again while nothing speaks against it', async () => {
    const puppets = await startPuppets(answering)
    const check = transportOf(puppets).healthCheck('auto', '1.2.3')
    assert.deepEqual(await check(NEVER), UP)
    const puppet = await puppets.puppet()
    const methods = puppet.lines.map((line) => parseJson<{ method: string }>(line).method)
    assert.deepEqual(methods, ['initialize', 'notifications/initialized', 'ping'])
    await waitFor(() => puppet.gone, { within: SOON, what: 'its end' })
    assert.deepEqual(await check(NEVER), UP)
    assert.deepEqual(await check(NEVER), UP)
    assert.equal(puppets.all.length, 1)
  })

  test('is not well when it ends before it answers, and is asked again until it is', async () => {
    let broken = true
    const puppets = await startPuppets({
      onLine: (line, puppet) => (broken ? puppet.exit(3) : answering.onLine(line, puppet)),
    })
    const check = transportOf(puppets).healthCheck('auto', '1.2.3')
    assert.deepEqual(await check(NEVER), { up: false, errorType: 'process_exit' })
    broken = false
    assert.deepEqual(await check(NEVER), UP)
    assert.equal(puppets.all.length, 2)
  })

  test('is not started a second time when it ends between two questions', async () => {
    const puppets = await startPuppets({
      onLine: (line, puppet) => {
        if (parseJson<{ method?: string }>(line).method === 'ping') puppet.exit(3)
        else answering.onLine(line, puppet)
      },
    })
    const check = transportOf(puppets).healthCheck('auto', '1.2.3')
    assert.deepEqual(await check(NEVER), { up: false, errorType: 'process_exit' })
    assert.equal(puppets.all.length, 1)
  })

  test('is not started a second time when it ends after its answer', async () => {
    const puppets = await startPuppets({
      onLine: (line, puppet) => {
        answering.onLine(line, puppet)
        puppet.exit(3)
      },
    })
    const check = transportOf(puppets).healthCheck('ping', '1.2.3')
    assert.deepEqual(await check(NEVER), { up: false, errorType: 'process_exit' })
    assert.equal(puppets.all.length, 1)
  })

  test('is not well when it cannot be started', async () => {
    const puppets = await startPuppets()
    const transport = transportOf(Object.assign(puppets, { command: ['/nowhere/server'] }))
    const verdict = await transport.healthCheck('auto', '1.2.3')(NEVER)
    assert.deepEqual(verdict, { up: false, errorType: 'connect' })
  })

  test('is not well when it says nothing, and its process is ended', async () => {
    const puppets = await startPuppets()
    const controller = new AbortController()
    const verdict = transportOf(puppets).healthCheck('auto', '1.2.3')(controller.signal)
    const puppet = await puppets.puppet()
    await puppet.line(0)
    controller.abort()
    assert.deepEqual(await verdict, { up: false, errorType: 'timeout' })
    await waitFor(() => puppet.gone, { within: SOON, what: 'its end' })
  })
})
