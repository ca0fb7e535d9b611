/** Connections to an upstream as calls see them: who gets one, what ends one, and what is never believed. */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import tls from 'node:tls'
import { newAttempt } from '../../../src/core/observer.ts'
import type { HttpTransport, HttpTransportOptions } from '../../../src/upstream/http-transport.ts'
import type {
  Flight,
  Outbound,
  ReplySink,
  TransportFailure,
} from '../../../src/upstream/transport.ts'
import { exchangeOf } from '../../pipeline/fakes.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { newKeyPair } from '../../support/key-pair.ts'
import { openTransport } from '../../support/http-transport.ts'
import { PoolLog } from '../../support/pool-log.ts'
import { startRawUpstream, type RawUpstream, type Reply } from '../../support/raw-upstream.ts'
import { closeAfterTest } from '../../support/scope.ts'
import { SOON, waitFor } from '../../support/wait-for.ts'

const BODY = Buffer.from('{"jsonrpc":"2.0","id":1,"method":"tools/call"}')
const LONG_MS = 600_000

/** What became of a call: `200 text`, or a failure in the words of its fields. */
class Told implements ReplySink {
  flight: Flight | undefined
  keepsUp = true
  status = 0
  text = ''
  bytes = 0
  failure: TransportFailure | undefined
  ended = false

  head(status: number): void {
    this.status = status
  }

  data(chunk: Buffer): boolean {
    this.bytes += chunk.length
    if (this.text.length < 1_000) this.text += chunk.toString('latin1')
    return this.keepsUp
  }

  end(): void {
    this.ended = true
  }

  failed(failure: TransportFailure): void {
    this.failure = failure
  }

  cancelled(): void {
    assert.fail('nobody takes it back')
  }

  get over(): boolean {
    return this.ended || this.failure !== undefined
  }

  get summary(): string {
    const { failure } = this
    if (failure === undefined) return `${this.status} ${this.text}`
    const { reason, sent, stale, detail } = failure
    return `${reason} ${detail}${sent ? ' sent' : ''}${stale ? ' stale' : ''}`
  }
}

interface Asking {
  readonly longLived?: boolean
  readonly httpMethod?: string
  readonly body?: Buffer
  readonly host?: string
  readonly path?: string
}

class Scene {
  readonly clock = new FakeClock()
  readonly log = new PoolLog()
  readonly transport: HttpTransport

  constructor(url: string, options: Partial<HttpTransportOptions> = {}) {
    const { clock, log: pools } = this
    this.transport = openTransport(url, { clock, pools, idleMs: LONG_MS, ...options })
  }

  ask(asking: Asking = {}): Told {
    const { longLived = false, httpMethod = 'POST', body = BODY, host = 'localhost' } = asking
    const told = new Told()
    const outbound: Outbound = {
      exchange: {
        ...exchangeOf('message'),
        httpMethod,
        rawHeaders: ['Host', host, 'X', '1'],
        headers: { host, x: '1' },
      },
      body,
      injection: undefined,
      longLived,
      attempt: newAttempt(1, 0),
    }
    told.flight =
      asking.path === undefined
        ? this.transport.send(outbound, told)
        : this.transport.sendTo(asking.path, outbound, told)
    return told
  }

  async answerTo(asking: Asking = {}): Promise<string> {
    return over(this.ask(asking))
  }

  /** Idle, used and pending of the pool of calls. */
  get calls(): readonly number[] {
    const state = this.transport.pools()[0]
    return state === undefined ? [] : [state.idle, state.used, state.pending]
  }
}

async function over(told: Told): Promise<string> {
  await waitFor(() => told.over, { within: SOON, what: 'the end of a call' })
  return told.summary
}

async function open(upstream: RawUpstream, count: number): Promise<void> {
  const what = `${count} connections`
  await waitFor(() => upstream.sockets.size === count, { within: SOON, what })
}

async function startHeld(): Promise<{ upstream: RawUpstream; replies: Reply[] }> {
  const replies: Reply[] = []
  const upstream = await startRawUpstream((_request, reply) => void replies.push(reply))
  return { upstream, replies }
}

async function held(replies: readonly Reply[], index: number): Promise<Reply> {
  return waitFor(() => replies[index], { within: SOON, what: `request ${index}` })
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

async function listen(server: Server, host: string): Promise<number> {
  server.listen(0, host)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  closeAfterTest(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return address.port
}

describe('A request', () => {
  it('has its headers, a length of ours and its body in one piece', async () => {
    const upstream = await startRawUpstream((_request, reply) => reply.raw(OK))
    const scene = new Scene(upstream.url)
    await scene.answerTo()
    const lines = [
      'POST /mcp HTTP/1.1',
      `host: 127.0.0.1:${upstream.port}`,
      'X: 1',
      'connection: keep-alive',
      'content-length: 46',
      '',
      BODY.toString(),
    ]
    assert.equal(upstream.requests[0]?.whole.toString(), lines.join('\r\n'))
  })

  it('says a length of 0 with POST and none with GET and DELETE', async () => {
    const upstream = await startRawUpstream((_request, reply) => reply.raw(OK))
    const scene = new Scene(upstream.url)
    const body = Buffer.alloc(0)
    for (const httpMethod of ['POST', 'GET', 'DELETE']) await scene.answerTo({ httpMethod, body })
    assert.deepEqual(
      upstream.requests.map((request) => request.values('content-length')),
      [['0'], [], []],
    )
  })

  it('arrives byte for byte, whatever is in its body and however large that is', async () => {
    const upstream = await startRawUpstream((_request, reply) => reply.raw(OK))
    const scene = new Scene(upstream.url)
    for (const length of [1, 255, 16_384, 16_385, 2_000_000]) {
      const body = Buffer.from(Uint8Array.from({ length }, (_, index) => index % 256))
      assert.equal(await scene.answerTo({ body }), '200 ok')
      assert.ok(upstream.requests.at(-1)?.body.equals(body), String(length))
    }
  })

  it('with a target or a method that must not be written is refused before it is sent', async () => {
    const upstream = await startRawUpstream((_request, reply) => reply.raw(OK))
    const scene = new Scene(upstream.url)
    const refused = 'bad_message REQUEST_INVALID'
    for (const path of ['/a b', '/a\r\nX: 1', '/\0', '/\u010a']) {
      assert.equal(await scene.answerTo({ path }), refused)
    }
    assert.equal(await scene.answerTo({ httpMethod: 'GET /x' }), refused)
    assert.equal(upstream.connections, 0)
  })
})

describe('A connection', () => {
  it('is used for the next call, and not for two at once', async () => {
    const { upstream, replies } = await startHeld()
    const scene = new Scene(upstream.url)
    const calls = [scene.ask(), scene.ask()]
    await held(replies, 1)
    assert.deepEqual([upstream.connections, scene.calls], [2, [0, 2, 0]])
    for (const reply of replies) reply.raw(OK)
    for (const call of calls) assert.equal(await over(call), '200 ok')
    const third = scene.ask()
    ;(await held(replies, 2)).raw(OK)
    assert.deepEqual([await over(third), upstream.connections], ['200 ok', 2])
  })

  it('is given to those that wait in order of arrival, and not to those that gave up', async () => {
    const { upstream, replies } = await startHeld()
    const scene = new Scene(upstream.url, { connectionsMax: 1 })
    const bodies = ['0', '1', '2', '3', '4', '5'].map((text) => Buffer.from(text))
    const calls = bodies.map((body) => scene.ask({ body }))
    await held(replies, 0)
    assert.deepEqual(scene.calls, [0, 1, 5])
    calls[1]?.flight?.abort()
    calls[4]?.flight?.abort()
    for (let index = 0; index < 4; index += 1) (await held(replies, index)).raw(OK)
    for (const index of [0, 2, 3, 5])
      assert.equal(await over(calls[index] ?? assert.fail()), '200 ok')
    assert.equal(upstream.requests.map(({ body }) => body.toString()).join(''), '0235')
    assert.deepEqual([upstream.connections, scene.calls], [1, [1, 0, 0]])
  })

  it('that is lost makes room for the one that waits', async () => {
    const { upstream, replies } = await startHeld()
    const scene = new Scene(upstream.url, { connectionsMax: 1 })
    const [first, second] = [scene.ask(), scene.ask()]
    ;(await held(replies, 0)).socket.destroy()
    assert.equal(await over(first), 'closed CONNECTION_CLOSED sent')
    ;(await held(replies, 1)).raw(OK)
    assert.equal(await over(second), '200 ok')
    assert.equal(upstream.connections, 2)
  })

  it('is closed after a reply before which the request was not written whole', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => {
        socket.pause()
        socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno')
      })
    })
    const port = await listen(server, '127.0.0.1')
    const scene = new Scene(`http://127.0.0.1:${port}/mcp`)
    assert.equal(await scene.answerTo({ body: Buffer.alloc(32 * 1024 * 1024, 'x') }), '413 no')
    assert.deepEqual(scene.calls, [0, 0, 0])
  })

  it('is closed after a reply with bytes behind it, and after one to HEAD', async () => {
    const upstream = await startRawUpstream((_request, reply) => reply.raw(`${OK}HTTP/1.1 200 OK`))
    const scene = new Scene(upstream.url)
    assert.equal(await scene.answerTo(), '200 ok')
    await open(upstream, 0)
    upstream.handle((_request, reply) => reply.raw('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n'))
    assert.equal(await scene.answerTo({ httpMethod: 'HEAD', body: Buffer.alloc(0) }), '200 ')
    assert.deepEqual(upstream.requests[1]?.values('connection'), ['close'])
    assert.deepEqual([scene.calls, upstream.connections], [[0, 0, 0], 2])
  })

  it('on which something comes that nobody asked for is closed, and that is no answer', async () => {
    const upstream = await startRawUpstream((_request, reply) => reply.raw(OK))
    const scene = new Scene(upstream.url)
    await scene.answerTo()
    for (const socket of upstream.sockets)
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil')
    await open(upstream, 0)
    assert.deepEqual(scene.calls, [0, 0, 0])
    assert.equal(await scene.answerTo(), '200 ok')
    assert.equal(upstream.connections, 2)
  })

  it('of a server that speaks first is never used', async () => {
    const upstream = await startRawUpstream(undefined, {
      onConnection: (socket) => socket.write(OK),
    })
    const scene = new Scene(upstream.url, { prewarm: 1 })
    scene.transport.tick(scene.clock.nowMs)
    await waitFor(() => upstream.connections === 1 && upstream.sockets.size === 0, {
      within: SOON,
      what: 'it to be closed',
    })
    assert.deepEqual(scene.calls, [0, 0, 0])
  })

  it('is closed after a 408, which a server may say before it is asked, and then answer', async () => {
    const late = OK.replace('200 OK', '408 Request Timeout')
    const upstream = await startRawUpstream((_request, reply) => reply.raw(late))
    const scene = new Scene(upstream.url)
    assert.equal(await scene.answerTo(), '408 ok')
    upstream.handle((_request, reply) => reply.raw(OK))
    assert.equal(await scene.answerTo(), '200 ok')
    assert.equal(upstream.connections, 2)
  })

  it('is not used when it was idle for as long as the server keeps it open, less two seconds', async () => {
    const kept = OK.replace('\r\n\r\n', '\r\nKeep-Alive: timeout=5\r\n\r\n')
    const upstream = await startRawUpstream((_request, reply) => reply.raw(kept))
    const scene = new Scene(upstream.url, { idleMs: 4_000 })
    await scene.answerTo()
    scene.clock.advance(2_999)
    await scene.answerTo()
    assert.equal(upstream.connections, 1)
    scene.clock.advance(3_000)
    await scene.answerTo()
    assert.equal(upstream.connections, 2)
  })

  it('is not kept when the server keeps it open for no time at all', async () => {
    const brief = OK.replace('\r\n\r\n', '\r\nKeep-Alive: timeout=1\r\n\r\n')
    const upstream = await startRawUpstream((_request, reply) => reply.raw(brief))
    const scene = new Scene(upstream.url)
    await scene.answerTo()
    assert.deepEqual(scene.calls, [0, 0, 0])
  })

  it('that cannot be made fails the call unsent, with the code of the system', async () => {
    const upstream = await startRawUpstream()
    await upstream.close()
    const scene = new Scene(upstream.url)
    assert.equal(await scene.answerTo(), 'connect ECONNREFUSED')
    assert.deepEqual(scene.calls, [0, 0, 0])
  })

  it('that is not made in time fails the call unsent, and is counted', async () => {
    // It waits for a handshake of TLS that never comes.
    const port = await listen(createServer(), '127.0.0.1')
    const scene = new Scene(`https://127.0.0.1:${port}/mcp`, { connectTimeoutMs: 50 })
    assert.equal(await scene.answerTo(), 'connect CONNECT_TIMEOUT')
    assert.deepEqual([scene.log.told, scene.calls], [['calls timed out'], [0, 0, 0]])
  })
})

describe('A reply that is broken', () => {
  const rows: readonly (readonly [string, string, string])[] = [
    ['is no HTTP', 'bad_message HTTP_STATUS_LINE sent', 'SSH-2.0-x\r\n'],
    [
      'has two lengths',
      'bad_message HTTP_CONTENT_LENGTH sent',
      OK.replace('\r\n', '\r\nContent-Length: 3\r\n'),
    ],
    [
      'is too large a head',
      'bad_message HTTP_HEAD_TOO_LARGE sent',
      `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}`,
    ],
    [
      'has a broken chunk',
      'bad_message HTTP_CHUNK sent',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx',
    ],
  ]
  for (const [what, summary, bytes] of rows) {
    it(`because it ${what} fails the call at once, and closes the connection`, async () => {
      const upstream = await startRawUpstream((_request, reply) => reply.raw(bytes))
      const scene = new Scene(upstream.url)
      assert.equal(await scene.answerTo(), summary)
      await open(upstream, 0)
      assert.deepEqual(scene.calls, [0, 0, 0])
    })
  }

  it('because it is cut off or reset says so', async () => {
    const upstream = await startRawUpstream((_request, reply) => {
      reply.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi')
    })
    const scene = new Scene(upstream.url)
    assert.equal(await scene.answerTo(), 'closed BODY_TRUNCATED sent')
    upstream.handle((_request, reply) => reply.socket.resetAndDestroy())
    assert.equal(await scene.answerTo(), 'reset ECONNRESET sent')
  })

  it('because whoever takes it throws ends its connection alone', async () => {
    const upstream = await startRawUpstream((_request, reply) => reply.raw(OK))
    const scene = new Scene(upstream.url)
    const told = scene.ask()
    told.data = () => {
      throw new TypeError('a defect')
    }
    assert.equal(await over(told), 'reset TypeError sent')
    assert.equal(await scene.answerTo(), '200 ok')
  })
})

describe('A call that is given up', () => {
  it('before it has a connection is never sent, and the connection serves the next one', async () => {
    const upstream = await startRawUpstream((_request, reply) => reply.raw(OK))
    const scene = new Scene(upstream.url, { connectionsMax: 1 })
    scene.ask({ body: Buffer.from('gone') }).flight?.abort()
    const connecting = scene.ask({ body: Buffer.from('gone too') })
    await waitFor(() => scene.calls[2] === 1 && scene.log.told.length === 0, {
      within: SOON,
      what: 'the connection to be begun',
    })
    connecting.flight?.abort()
    assert.equal(await scene.answerTo({ body: Buffer.from('asked') }), '200 ok')
    assert.equal(upstream.requests.map(({ body }) => body.toString()).join(), 'asked')
    assert.equal(connecting.over, false)
  })

  it('while its reply is awaited, or under way, closes its connection and hears no more', async () => {
    const { upstream, replies } = await startHeld()
    const scene = new Scene(upstream.url)
    for (const [index, bytes] of ['', 'HTTP/1.1 200 OK\r\n', OK.slice(0, -1)].entries()) {
      const told = scene.ask()
      ;(await held(replies, index)).raw(bytes)
      if (index === 2) await waitFor(() => told.text === 'o', { within: SOON, what: 'a part' })
      told.flight?.abort()
      await open(upstream, 0)
      assert.deepEqual([told.over, scene.calls], [false, [0, 0, 0]])
    }
  })

  it('after its end changes nothing', async () => {
    const upstream = await startRawUpstream((_request, reply) => reply.raw(OK))
    const scene = new Scene(upstream.url)
    const told = scene.ask()
    await over(told)
    told.flight?.abort('late')
    told.flight?.resume()
    assert.deepEqual(scene.calls, [1, 0, 0])
    assert.equal(scene.log.told.includes('calls timed out'), false)
  })
})

describe('A caller that does not keep up', () => {
  it('holds the upstream back, and gets all of it when it goes on', async () => {
    const total = 20 * 1024 * 1024
    const piece = Buffer.alloc(65_536, 'x')
    let written = 0
    const fill = (socket: Socket): void => {
      while (written < total) {
        written += piece.length
        if (!socket.write(piece)) return void socket.once('drain', () => fill(socket))
      }
    }
    const upstream = await startRawUpstream((_request, reply) => {
      reply.raw(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`)
      fill(reply.socket)
    })
    const scene = new Scene(upstream.url)
    const told = scene.ask()
    told.keepsUp = false
    await waitFor(() => told.bytes > 0, { within: SOON, what: 'the first bytes' })
    let seen = -1
    await waitFor(
      async () => {
        const before = seen
        seen = written
        await new Promise((resolve) => setTimeout(resolve, 100))
        return before === written
      },
      { within: SOON, what: 'the upstream to be held back' },
    )
    // What one read brings, and what the kernel holds between the two.
    assert.ok(told.bytes <= 65_536, `${told.bytes} bytes`)
    assert.ok(written < total, `${written} bytes written`)
    told.keepsUp = true
    told.flight?.resume()
    await over(told)
    assert.deepEqual([told.bytes, told.failure, scene.calls], [total, undefined, [1, 0, 0]])
  })
})

describe('A large body', () => {
  it('lets others have their turn, however much of it is there at once', async () => {
    const total = 16 * 1024 * 1024
    const upstream = await startRawUpstream((_request, reply) => {
      reply.raw(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`)
      reply.raw(Buffer.alloc(total, 'x'))
    })
    const told = new Scene(upstream.url).ask()
    let turnBytes = 0
    let most = 0
    const count = told.data.bind(told)
    told.data = (chunk) => {
      if (turnBytes === 0) setImmediate(() => (turnBytes = 0))
      turnBytes += chunk.length
      most = Math.max(most, turnBytes)
      return count(chunk)
    }
    await over(told)
    assert.deepEqual([told.bytes, told.failure], [total, undefined])
    assert.ok(most <= 262_144, `${most} bytes in one turn`)
  })

  it('is whole whoever keeps its parts and whoever lets go of them', async () => {
    const bodies = Array.from({ length: 4 }, () => randomBytes(1_000_000))
    const upstream = await startRawUpstream((request, reply) => {
      reply.send({ body: bodies[Number(request.body.toString())] ?? '' })
    })
    const scene = new Scene(upstream.url)
    const calls = bodies.map((_, index) => scene.ask({ body: Buffer.from(String(index)) }))
    const read = calls.map((told, index) => {
      const parts: Buffer[] = []
      told.data = (chunk) => {
        parts.push(index % 2 === 0 ? chunk : Buffer.from(chunk))
        if (index % 2 !== 0) told.flight?.spent?.(chunk)
        return true
      }
      return parts
    })
    for (const told of calls) await over(told)
    for (const [index, body] of bodies.entries()) {
      assert.ok(Buffer.concat(read[index] ?? []).equals(body), `body ${index}`)
    }
  })
})

describe('A pool that is closed', () => {
  it('fails what is under way, what waits and what comes, and closes its connections', async () => {
    const { upstream, replies } = await startHeld()
    const scene = new Scene(upstream.url, { connectionsMax: 1 })
    const [first, second] = [scene.ask(), scene.ask()]
    await held(replies, 0)
    await scene.transport.close()
    assert.equal(first.summary, 'reset POOL_CLOSED sent')
    assert.equal(second.summary, 'connect POOL_CLOSED')
    assert.equal(await scene.answerTo(), 'connect POOL_CLOSED')
    await open(upstream, 0)
  })
})

describe('An upstream', () => {
  it('is reached over IPv6', async () => {
    const server = createServer((socket) => socket.on('data', () => socket.write(OK)))
    const port = await listen(server, '::1')
    const scene = new Scene(`http://[::1]:${port}/mcp`)
    assert.equal(await scene.answerTo(), '200 ok')
  })

  it('is reached over TLS when its certificate is trusted, and not otherwise', async () => {
    const { cert, key } = await newKeyPair('upstream')
    const names: string[] = []
    const protocols: (string | false | null)[] = []
    const SNICallback = (name: string, done: (error: Error | null) => void): void => {
      names.push(name)
      done(null)
    }
    const big = randomBytes(300_000)
    const server = tls.createServer(
      { cert, key, SNICallback, ALPNProtocols: ['h2', 'http/1.1'] },
      (socket) => {
        protocols.push(socket.alpnProtocol)
        socket.on('error', () => {})
        socket.on('data', () => {
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n')
          socket.write(big)
        })
      },
    )
    const port = await listen(server, '127.0.0.1')
    const strange = new Scene(`https://127.0.0.1:${port}/mcp`)
    assert.equal(await strange.answerTo(), 'connect DEPTH_ZERO_SELF_SIGNED_CERT')
    const before = tls.getCACertificates('default')
    tls.setDefaultCACertificates([...before, cert.toString()])
    try {
      const scene = new Scene(`https://127.0.0.1:${port}/mcp`)
      for (let call = 0; call < 3; call += 1) {
        const told = scene.ask()
        const parts: Buffer[] = []
        told.data = (chunk) => {
          parts.push(Buffer.from(chunk))
          told.flight?.spent?.(chunk)
          return true
        }
        await over(told)
        assert.equal(told.status, 200)
        assert.ok(Buffer.concat(parts).equals(big))
      }
      assert.deepEqual([names, protocols], [[], ['http/1.1']])
      await assertNames(port, names)
      await scene.transport.close()
    } finally {
      tls.setDefaultCACertificates(before)
    }
  })
})

/** With `host: preserve` the server is asked for the name that the client uses. */
async function assertNames(port: number, names: readonly string[]): Promise<void> {
  const scene = new Scene(`https://127.0.0.1:${port}/mcp`, {
    connectionsMax: 1,
    headers: { preserveHost: true, set: new Map() },
  })
  // The certificate is for the address, so other names are refused, after they were asked for.
  const refused = 'connect ERR_TLS_CERT_ALTNAME_INVALID'
  assert.equal(await scene.answerTo({ host: 'mcp.example:8443' }), refused)
  await over(scene.ask({ host: '127.0.0.1:8443' }))
  assert.equal(await scene.answerTo({ host: 'other.example' }), refused)
  assert.deepEqual(names, ['mcp.example', 'other.example'])
}
