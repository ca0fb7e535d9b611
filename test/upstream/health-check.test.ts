/** Health checks of real servers over real sockets. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { newAttempt } from '../../src/core/observer.ts'
import { systemClock } from '../../src/core/clock.ts'
import {
  HealthCheck,
  type HealthMethod,
  type Verdict,
} from '../../src/upstream/health/health-check.ts'
import { HttpLink } from '../../src/upstream/health/http-link.ts'
import { checkSse } from '../../src/upstream/health/sse-check.ts'
import type { ReplySink } from '../../src/upstream/transport.ts'
import { exchangeOf } from '../pipeline/fakes.ts'
import { openTransport } from '../support/http-transport.ts'
import { startV1Server } from '../support/mcp-server-v1.ts'
import { startV2Server } from '../support/mcp-server-v2.ts'
import { startSseServer } from '../support/mcp-server-sse.ts'
import {
  answerWell,
  freePort,
  startRawUpstream,
  type RawUpstream,
} from '../support/raw-upstream.ts'
import { SOON, waitFor } from '../support/wait-for.ts'

const DEAF: ReplySink = {
  head: () => {},
  data: () => true,
  end: () => {},
  failed: () => {},
  cancelled: () => {},
}

/** A call that the upstream does not answer. */
const HANGS = Buffer.from('{"jsonrpc":"2.0","id":1,"method":"tools/call"}')

const NEVER = new AbortController().signal

function linkTo(url: string): ConstructorParameters<typeof HttpLink>[0] {
  const http = openTransport(url, {
    headers: {
      preserveHost: false,
      set: new Map([['x-key', { name: 'X-Key', value: 'secret' }]]),
    },
    connectionsMax: 1,
  })
  return { name: 'a', url: new URL(url), http, version: '1.2.3', clock: systemClock }
}

function checker(url: string, method: HealthMethod = 'auto') {
  const link = linkTo(url)
  const check = new HealthCheck(method)
  return (signal: AbortSignal = NEVER): Promise<Verdict> => check.run(new HttpLink(link, signal))
}

/** What was asked, in order: the JSON-RPC method, or the HTTP method where there is none. */
function asked(upstream: RawUpstream): string[] {
  return upstream.requests.map((request) => {
    const { method } = request.json()
    return typeof method === 'string' ? method : request.method
  })
}

const UP: Verdict = { up: true, errorType: undefined }

describe('A health check of a server of 2026-07-28', () => {
  it('is one request, server/discover, with what that revision asks for', async () => {
    const upstream = await startRawUpstream()
    const check = checker(upstream.url)
    assert.deepEqual(await check(), UP)
    const [request] = upstream.requests
    assert.deepEqual(request?.json(), {
      jsonrpc: '2.0',
      id: 1,
      method: 'server/discover',
      params: {
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientInfo': { name: 'sidelight-health', version: '1.2.3' },
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    })
    assert.deepEqual(request.values('mcp-protocol-version'), ['2026-07-28'])
    assert.deepEqual(request.values('mcp-method'), ['server/discover'])
    assert.deepEqual(request.values('accept'), ['application/json, text/event-stream'])
    assert.deepEqual(request.values('user-agent'), ['sidelight/1.2.3 (health check)'])
    assert.deepEqual(request.values('host'), [`127.0.0.1:${upstream.port}`])
    assert.deepEqual(request.values('x-key'), ['secret'])
    assert.equal(upstream.requests.length, 1)
  })

  it('finds the official SDK v2 well, by every method', async () => {
    const server = await startV2Server()
    for (const method of ['auto', 'discover', 'ping', 'tools/list'] as const) {
      assert.deepEqual(await checker(server.url, method)(), UP, method)
    }
    const modern = await startV2Server({ modernOnly: true })
    assert.deepEqual(await checker(modern.url)(), UP)
  })
})

describe('A health check of a server of an earlier revision', () => {
  it('begins a session, pings, and ends it, and asks for nothing newer the next time', async () => {
    const upstream = await startRawUpstream((request, reply) => {
      const { method } = request.json()
      if (method === 'server/discover') return reply.send({ status: '400 Bad Request' })
      if (method !== 'initialize') return answerWell(request, reply)
      const result = { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: {} }
      reply.send({
        headers: ['Content-Type: application/json', 'Mcp-Session-Id: s-1'],
        body: JSON.stringify({ jsonrpc: '2.0', id: request.json()['id'], result }),
      })
    })
    const check = checker(upstream.url)
    assert.deepEqual(await check(), UP)
    const session = ['initialize', 'notifications/initialized', 'ping', 'DELETE']
    assert.deepEqual(asked(upstream), ['server/discover', ...session])
    for (const request of upstream.requests.slice(2)) {
      assert.deepEqual(request.values('mcp-session-id'), ['s-1'])
      assert.deepEqual(request.values('mcp-protocol-version'), ['2025-06-18'])
    }
    assert.deepEqual(await check(), UP)
    assert.deepEqual(asked(upstream).slice(5), session)
  })

  it('leaves no session behind at a server on the official SDK v1', async () => {
    for (const json of [false, true]) {
      const server = await startV1Server({ json })
      for (const method of ['auto', 'ping', 'tools/list'] as const) {
        assert.deepEqual(await checker(server.url, method)(), UP, method)
      }
      assert.equal(server.sessions, 0)
    }
  })

  it('ends its session also when it runs out of time', async () => {
    const upstream = await startRawUpstream((request, reply) => {
      const { method, id } = request.json()
      if (method === 'ping') return
      if (method !== 'initialize') return answerWell(request, reply)
      reply.send({
        headers: ['Content-Type: application/json', 'Mcp-Session-Id: s-1'],
        body: JSON.stringify({ jsonrpc: '2.0', id, result: {} }),
      })
    })
    const controller = new AbortController()
    const verdict = checker(upstream.url, 'ping')(controller.signal)
    await upstream.request(2)
    controller.abort()
    assert.deepEqual(await verdict, { up: false, errorType: 'timeout' })
    assert.deepEqual(asked(upstream).slice(2), ['ping', 'DELETE'])
  })
})

describe('A health check', () => {
  it('takes the demand for a credential for a sign of life', async () => {
    for (const status of ['401 Unauthorized', '403 Forbidden']) {
      const upstream = await startRawUpstream((_, reply) => reply.send({ status }))
      for (const method of ['auto', 'discover', 'ping', 'tools/list'] as const) {
        assert.deepEqual(await checker(upstream.url, method)(), UP)
      }
    }
  })

  it('says why an upstream is not well', async () => {
    const answering = async (status: string, body = ''): Promise<Verdict> => {
      const upstream = await startRawUpstream((_, reply) => reply.send({ status, body }))
      return checker(upstream.url)()
    }
    const down = (errorType: string): Verdict => ({ up: false, errorType })
    assert.deepEqual(await checker(`http://127.0.0.1:${await freePort()}/mcp`)(), down('connect'))
    assert.deepEqual(await answering('404 Not Found'), down('404'))
    assert.deepEqual(await answering('429 Too Many Requests'), down('429'))
    assert.deepEqual(await answering('500 Internal Server Error'), down('500'))
    assert.deepEqual(await answering('503 Service Unavailable'), down('503'))
    assert.deepEqual(await answering('200 OK', '<html>'), down('bad_message'))
    const resets = await startRawUpstream((_, reply) => void reply.socket.resetAndDestroy())
    assert.deepEqual(await checker(resets.url)(), down('reset'))
  })

  it('by tools/list wants a list, while an error is life enough for the others', async () => {
    const upstream = await startRawUpstream((request, reply) => {
      const error = { code: -32603, message: 'no' }
      reply.send({ body: JSON.stringify({ jsonrpc: '2.0', id: request.json()['id'], error }) })
    })
    assert.deepEqual(await checker(upstream.url, 'discover')(), UP)
    assert.deepEqual(await checker(upstream.url, 'ping')(), UP)
    assert.deepEqual(await checker(upstream.url)(), UP)
    const verdict = await checker(upstream.url, 'tools/list')()
    assert.deepEqual(verdict, { up: false, errorType: 'rpc_error' })
  })

  it('needs no place among the connections for calls', async () => {
    const upstream = await startRawUpstream((request, reply) => {
      if (request.json()['method'] === 'server/discover') answerWell(request, reply)
    })
    const link = linkTo(upstream.url)
    const exchange = exchangeOf('message')
    const attempt = newAttempt(1, 0)
    const call = { exchange, body: HANGS, injection: undefined, longLived: false, attempt }
    link.http.send(call, DEAF)
    await upstream.request(0)
    assert.deepEqual(await new HealthCheck('auto').run(new HttpLink(link, NEVER)), UP)
  })

  it('hears the answer on a stream that stays open, and closes it', async () => {
    const upstream = await startRawUpstream((request, reply) => {
      reply.stream()
      reply.event({ jsonrpc: '2.0', id: request.json()['id'], result: {} })
    })
    assert.deepEqual(await checker(upstream.url)(), UP)
    await waitFor(() => upstream.sockets.size === 0, { within: SOON, what: 'its end' })
  })
})

describe('A health check of an HTTP+SSE server', () => {
  it('opens the stream, sees the endpoint, and closes it again', async () => {
    const server = await startSseServer()
    assert.deepEqual(await checkSse(linkTo(server.url), NEVER), UP)
    await waitFor(() => server.sessions === 0, { within: SOON, what: 'the end of the session' })
  })

  it('says why it is not well', async () => {
    const plain = await startRawUpstream((_, reply) => reply.send({ body: '{}' }))
    const verdict = await checkSse(linkTo(plain.url), NEVER)
    assert.deepEqual(verdict, { up: false, errorType: 'bad_message' })
    const silent = await startRawUpstream((_, reply) => reply.stream())
    const controller = new AbortController()
    const late = checkSse(linkTo(silent.url), controller.signal)
    await silent.request(0)
    controller.abort()
    assert.deepEqual(await late, { up: false, errorType: 'timeout' })
  })
})
