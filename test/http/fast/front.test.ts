/** Connections whose requests are ordinary: when they are Node's, when they end, and what a client gets that is slow or gone. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, request as nodeRequest } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import type { LimitName } from '../../../src/core/limits.ts'
import { Connections } from '../../../src/http/connections.ts'
import { Front } from '../../../src/http/fast/front.ts'
import type { SocketClient } from '../../../src/http/fast/socket-client.ts'
import { RawClient } from '../../support/raw-client.ts'
import { closeAfterTest } from '../../support/scope.ts'
import { SOON, waitFor } from '../../support/wait-for.ts'

interface Taken {
  readonly url: string | undefined
  readonly body: string
  readonly client: SocketClient
}

interface Scene {
  readonly front: Front
  readonly connections: Connections
  readonly port: number
  readonly open: () => Promise<RawClient>
  /** What the fast path took. */
  readonly taken: readonly Taken[]
  /** What was handed over, with the bytes that came first. */
  readonly handed: readonly { readonly socket: Socket; readonly bytes: string }[]
  readonly limits: readonly LimitName[]
  /** Our ends of the connections. */
  readonly sockets: readonly Socket[]
}

const HEADERS = 'Host: localhost\r\nContent-Type: application/json\r\n'

const request = (body: string, length = body.length): string =>
  `POST /up/mcp HTTP/1.1\r\n${HEADERS}Content-Length: ${length}\r\n\r\n${body}`

async function scene(): Promise<Scene> {
  const taken: Taken[] = []
  const handed: { socket: Socket; bytes: string }[] = []
  const limits: LimitName[] = []
  const sockets: Socket[] = []
  const connections = new Connections()
  const app = {
    routeOf: () => ({ upstream: 'up', endpoint: 'mcp' as const }),
    receiveWhole: (
      head: { url?: string | undefined },
      body: Buffer,
      _: object,
      client: SocketClient,
    ) => void taken.push({ url: head.url, body: body.toString(), client }),
    abandoned: () => {},
  }
  const front = new Front({
    app: () => app,
    connections,
    headerBytesMax: 4_096,
    keepAliveMs: 5_000,
    headersTimeoutMs: 3_000,
    tickMs: 1_000,
    onLimit: (limit) => limits.push(limit),
    handOver: (socket) => {
      const one = { socket, bytes: '' }
      handed.push(one)
      socket.on('data', (chunk: Buffer) => {
        one.bytes += chunk.toString('latin1')
      })
    },
  })
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.push(socket)
    front.take(socket)
  })
  const port = await listening(server)
  closeAfterTest(async () => {
    connections.breakAll()
    await new Promise((resolve) => server.close(resolve))
  })
  const open = (): Promise<RawClient> =>
    RawClient.open(`http://127.0.0.1:${port}`, { halfOpen: true })
  return { front, connections, port, open, taken, handed, limits, sockets }
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return address.port
}

async function first<T>(list: readonly T[], index = 0): Promise<T> {
  return waitFor(() => list[index], { within: SOON, what: `number ${index}` })
}

function answer(client: SocketClient, body: string): void {
  client.head(200, 'OK', ['Content-Length', String(body.length)])
  client.write(Buffer.from(body))
  client.end()
}

/** A connection of which a request was taken. */
async function calling(): Promise<
  Scene & { client: RawClient; socket: Socket; reply: SocketClient }
> {
  const stage = await scene()
  const client = await stage.open()
  client.write(request('{}'))
  const { client: reply } = await first(stage.taken)
  return { ...stage, client, reply, socket: await first(stage.sockets) }
}

const whenClosed = (socket: Socket): Promise<unknown> =>
  waitFor(() => socket.destroyed, { within: SOON, what: 'the connection to be broken' })

describe('A connection of ordinary requests', () => {
  it('serves one after the other, in one piece or in two', async () => {
    const { open, taken, handed } = await scene()
    const client = await open()
    client.write(request('{"a":1}'))
    answer((await first(taken)).client, 'one')
    assert.equal((await client.response()).body.toString(), 'one')
    client.write(request('', 7))
    await new Promise((resolve) => setImmediate(resolve))
    client.write('{"b":2}')
    answer((await first(taken, 1)).client, 'two')
    assert.equal((await client.response()).body.toString(), 'two')
    assert.deepEqual(
      taken.map(({ url, body }) => [url, body]),
      [
        ['/up/mcp', '{"a":1}'],
        ['/up/mcp', '{"b":2}'],
      ],
    )
    assert.deepEqual(handed, [])
  })

  it('puts a request together that a network brings in parts, wherever it is cut', async () => {
    const { open, taken, handed, sockets } = await scene()
    const client = await open()
    const whole = request('{"a":1}')
    const line = whole.indexOf('\r\n') + 2
    let sent = 0
    let count = 0
    for (let cut = line; cut < whole.length; cut += 1) {
      for (const part of [whole.slice(0, cut), whole.slice(cut)]) {
        client.write(part)
        sent += part.length
        await waitFor(() => sockets[0]?.bytesRead === sent, { within: SOON, what: 'a part' })
      }
      const { client: reply, body } = await first(taken, count)
      assert.equal(body, '{"a":1}', `cut at ${cut}`)
      answer(reply, 'well')
      await client.response()
      count += 1
    }
    assert.deepEqual(handed, [])
  })

  it('is handed over when its request comes in very many parts, is large, or takes too long', async () => {
    const { front, open, taken, handed, sockets } = await scene()
    const [many, large, slow] = [await open(), await open(), await open()]
    const read = async (at: number, bytes: number): Promise<void> =>
      void (await waitFor(() => (sockets[at]?.bytesRead ?? 0) >= bytes || handed.length > at, {
        within: SOON,
        what: 'a part',
      }))
    const head = request('', 100)
    many.write(head)
    await read(0, head.length)
    for (let part = 1; part <= 20 && handed.length === 0; part += 1) {
      many.write('x')
      await read(0, head.length + part)
    }
    await first(handed)
    large.write(request('x'.repeat(17 * 1024), 20 * 1024))
    await first(handed, 1)
    slow.write(head.slice(0, -10))
    await read(2, head.length - 10)
    for (let tick = 0; tick < 2; tick += 1) front.tick()
    await first(handed, 2)
    assert.equal(taken.length, 0)
  })

  it('is handed over at once when what has come of a head is odd', async () => {
    const { open, handed } = await scene()
    for (const [index, odd] of [
      'POST /up/mcp HTTP/1.1\r\nHost: localhost\r\nOdd name',
      'POST /up/mcp HTTP/1.1\r\nHost: localhost\r\n folded',
      'POST /up/mcp HTTP/1.1\nHost: localhost',
      'POST /up/mcp HTTP/1.0\r\nHost: localhost',
      'GET /up/mcp HTTP/1.1\r\nHost: localhost',
      'POST /up/mcp HTTP/1.1\r\nHost: local\u0001host',
      'POST /up/mcp',
      `POST /up/mcp HTTP/1.1\r\nToo-Large: ${'x'.repeat(5_000)}`,
    ].entries()) {
      const client = await open()
      client.write(odd)
      assert.equal((await first(handed, index)).bytes, odd)
    }
  })

  it('is what the clients of Node make', async () => {
    const { port, taken, handed } = await scene()
    const url = `http://127.0.0.1:${port}/up/mcp`
    const headers = {
      'Content-Type': 'application/json',
      'Mcp-Session-Id': 'abc',
      Authorization: 'Bearer x',
    }
    const agent = new Agent({ keepAlive: true })
    closeAfterTest(async () => agent.destroy())
    for (const [index, send] of [
      async (): Promise<unknown> =>
        (await fetch(url, { method: 'POST', headers, body: '{}' })).text(),
      async (): Promise<unknown> =>
        once(nodeRequest(url, { method: 'POST', headers, agent }).end('{}'), 'response'),
      async (): Promise<unknown> =>
        once(
          nodeRequest(url, { method: 'POST', headers: { ...headers, 'Content-Length': 2 } }).end(
            '{}',
          ),
          'response',
        ),
    ].entries()) {
      const sent = send()
      answer((await first(taken, index)).client, 'well')
      await sent
    }
    assert.deepEqual(handed, [])
  })

  it('is handed over with all its bytes when the body does not come, and never taken back', async () => {
    const { front, open, taken, handed } = await scene()
    const client = await open()
    client.write(request('', 7))
    // Nothing tells when a head was read but that it is handed over in time.
    const { socket } = await waitFor(
      () => {
        front.tick()
        return handed[0]
      },
      { within: SOON, what: 'the connection to be handed over' },
    )
    client.write('{"b":2}')
    client.write(request('{"c":3}'))
    const all = request('', 7) + '{"b":2}' + request('{"c":3}')
    await waitFor(() => handed[0]?.bytes === all, { within: SOON, what: 'all bytes' })
    assert.equal(taken.length, 0)
    assert.equal(socket.destroyed, false)
  })

  it('is handed over before its body comes when all are let go, for a shutdown to wait for it', async () => {
    const { connections, open, sockets, handed } = await scene()
    const [early, late] = [await open(), await open()]
    early.write(request('', 7))
    await waitFor(() => sockets.some((socket) => socket.bytesRead > 0), {
      within: SOON,
      what: 'a head',
    })
    connections.letGo()
    await first(handed)
    late.write(request('', 7))
    await first(handed, 1)
  })

  it('is answered 408 when it never says a word, and closed when it says no more', async () => {
    const { front, open, limits, taken } = await scene()
    const [silent, used] = [await open(), await open()]
    used.write(request('{}'))
    answer((await first(taken)).client, 'one')
    await used.response()
    for (let tick = 0; tick < 3; tick += 1) front.tick()
    assert.deepEqual(limits, [])
    front.tick()
    assert.equal((await silent.response()).status, 408)
    await silent.gone()
    assert.deepEqual(limits, ['request_timeout'])
    assert.equal(used.ended, false)
    for (let tick = 0; tick < 2; tick += 1) front.tick()
    await used.gone()
  })

  it('is kept as long as a reply takes', async () => {
    const { front, client, reply } = await calling()
    for (let tick = 0; tick < 100; tick += 1) front.tick()
    answer(reply, 'late')
    assert.equal((await client.response()).body.toString(), 'late')
  })

  it('is kept as long as its client takes to read a reply, and idle only from then on', async () => {
    const { front, client, reply, socket } = await calling()
    client.socket.pause()
    const body = 'x'.repeat(16 * 1024 * 1024)
    answer(reply, body)
    assert.ok(socket.writableLength > 0)
    for (let tick = 0; tick < 100; tick += 1) front.tick()
    client.socket.removeAllListeners('data')
    let bytes = 0
    client.socket.on('data', (chunk: Buffer) => (bytes += chunk.length)).resume()
    await waitFor(() => bytes > body.length, { within: SOON, what: 'the whole reply' })
    assert.equal(client.ended, false)
    await waitFor(
      () => {
        front.tick()
        return client.ended
      },
      { within: SOON, what: 'the end of the connection' },
    )
  })

  it('tells of a client that hangs up, all who asked, and once', async () => {
    const { client, reply, socket } = await calling()
    let gone = 0
    reply.onGone(() => (gone += 1))
    reply.onGone(() => (gone += 10))
    client.close()
    await whenClosed(socket)
    await waitFor(() => gone > 0, { within: SOON, what: 'the end to be told' })
    answer(reply, 'nobody hears it')
    assert.equal(gone, 11)
  })

  it('takes a client that closes its half for one that has gone, as Node does', async () => {
    const { client, reply } = await calling()
    let gone = false
    reply.onGone(() => (gone = true))
    client.socket.end()
    await waitFor(() => gone, { within: SOON, what: 'the end to be told' })
  })

  it('answers 400 when the client ends before its body has come', async () => {
    const { open, sockets } = await scene()
    const client = await open()
    client.write(request('', 7))
    await waitFor(() => sockets[0]?.bytesRead === request('', 7).length, {
      within: SOON,
      what: 'the head',
    })
    client.socket.end()
    assert.equal((await client.response()).status, 400)
    await client.gone()
  })

  it('answers 400 when the client ends inside its head', async () => {
    const { open, sockets } = await scene()
    const client = await open()
    const part = request('', 7).slice(0, -10)
    client.write(part)
    await waitFor(() => sockets[0]?.bytesRead === part.length, { within: SOON, what: 'a part' })
    client.socket.end()
    assert.equal((await client.response()).status, 400)
    await client.gone()
  })

  it('keeps what comes ahead of a reply, and hands it over after it', async () => {
    const { client, reply, handed, taken } = await calling()
    client.write(request('{"next":1}'))
    client.write(request('{"next":2}'))
    await waitFor(() => client.socket.bytesWritten > 300, { within: SOON, what: 'bytes to leave' })
    answer(reply, 'one')
    assert.equal((await client.response()).body.toString(), 'one')
    const both = request('{"next":1}') + request('{"next":2}')
    await waitFor(() => handed[0]?.bytes === both, { within: SOON, what: 'the bytes' })
    assert.equal(taken.length, 1)
  })

  it('does not read on when much has come ahead of a reply', async () => {
    const { client, reply, socket, handed } = await calling()
    const much = request('x'.repeat(8 * 1024 * 1024))
    client.write(much)
    await waitFor(() => socket.isPaused(), { within: SOON, what: 'a pause' })
    assert.ok(socket.bytesRead < 1024 * 1024, `${socket.bytesRead} bytes were read`)
    answer(reply, 'one')
    await client.response()
    await waitFor(() => handed[0]?.bytes === much, { within: SOON, what: 'all bytes' })
  })

  it('is ended in time when much has come ahead of a reply, behind which no hang-up is seen', async () => {
    const { front, client, reply, socket, limits } = await calling()
    let gone = 0
    reply.onGone(() => (gone += 1))
    client.write(request('x'.repeat(8 * 1024 * 1024)))
    await waitFor(() => socket.isPaused(), { within: SOON, what: 'a pause' })
    client.close()
    for (let tick = 0; tick < 3; tick += 1) front.tick()
    assert.equal(socket.destroyed, false)
    front.tick()
    await waitFor(() => gone === 1, { within: SOON, what: 'the end to be told' })
    assert.deepEqual(limits, ['request_timeout'])
  })

  for (const garbage of ['GARBAGE\r\n\r\n', ' POST /up/mcp HTTP/1.1\r\n']) {
    it(`is broken when ${JSON.stringify(garbage)} comes inside a reply, which is no request`, async () => {
      const { client, reply, socket } = await calling()
      reply.head(200, 'OK', [])
      reply.write(Buffer.from('half'))
      await client.until('half')
      client.write(garbage)
      await whenClosed(socket)
      assert.equal(client.received.toString(), '\r\n')
    })
  }

  it('is not read while its client does not read', async () => {
    const { client, reply, socket, taken, handed } = await calling()
    client.socket.pause()
    let resumed = 0
    reply.onDrain(() => (resumed += 1))
    const chunk = Buffer.alloc(1024 * 1024, 'x')
    reply.head(200, 'OK', ['Content-Length', String(40 * chunk.length)])
    let behind = 0
    for (let sent = 0; sent < 40; sent += 1) if (!reply.write(chunk)) behind += 1
    assert.ok(behind > 0)
    assert.ok(socket.writableNeedDrain)
    client.write(request('{"next":1}'))
    await waitFor(() => socket.bytesRead > 2 * request('{}').length, {
      within: SOON,
      what: 'bytes',
    })
    assert.deepEqual([taken.length, handed.length], [1, 0])
    client.socket.removeAllListeners('data').resume()
    // A reply that nobody takes is under way, though all of it has been written.
    await waitFor(() => resumed === 1, { within: SOON, what: 'the client to keep up' })
    assert.equal(handed.length, 0)
    reply.end()
    await waitFor(() => handed.length === 1, { within: SOON, what: 'the next request' })
  })
})

describe('A reply on a connection of ordinary requests', () => {
  it('goes on when the client has read', async () => {
    const { client, reply } = await calling()
    client.socket.pause()
    let resumed = 0
    reply.onDrain(() => (resumed += 1))
    reply.head(200, 'OK', [])
    const chunk = Buffer.alloc(1024 * 1024, 'x')
    while (reply.write(chunk));
    client.socket.resume()
    await waitFor(() => resumed === 1, { within: SOON, what: 'the client to keep up' })
    reply.end()
    const { body } = await client.response()
    assert.equal(body.length % chunk.length, 0)
    assert.ok(body.length > 0)
  })

  it('needs what was written until all of it has left', async () => {
    const { client, reply } = await calling()
    client.socket.pause()
    reply.onDrain(() => {})
    reply.head(200, 'OK', [])
    for (const size of [10, 20_000]) {
      assert.ok(reply.write(Buffer.alloc(size, 'x')))
      assert.ok(reply.keepsNothing)
    }
    const chunk = Buffer.alloc(1024 * 1024, 'x')
    while (reply.write(chunk)) assert.ok(reply.keepsNothing)
    assert.equal(reply.keepsNothing, false)
    client.socket.removeAllListeners('data').resume()
    await waitFor(() => reply.keepsNothing, { within: SOON, what: 'the client to keep up' })
  })

  for (const framing of ['in chunks', 'measured']) {
    it(`comes as it was written, in small pieces and in large ones, ${framing}`, async () => {
      const { client, reply } = await calling()
      const sizes = [10, 20_000, 5, 5, 16_384, 16_385, 1, 9_000, 9_000, 9_000, 40_000, 40_000, 3]
      const pieces = sizes.map((size, index) => Buffer.alloc(size, 97 + index))
      const body = Buffer.concat(pieces)
      const length = framing === 'measured' ? ['Content-Length', String(body.length)] : []
      reply.head(200, 'OK', length)
      for (const [index, piece] of pieces.entries()) {
        reply.write(piece)
        if (index % 4 === 3) await new Promise((resolve) => setImmediate(resolve))
      }
      reply.end()
      assert.deepEqual((await client.response()).body, body)
    })
  }

  it('says nothing more once it is over, whatever is asked of it', async () => {
    const { client, reply, taken } = await calling()
    answer(reply, 'one')
    await client.response()
    client.write(request('{}'))
    const next = await first(taken, 1)
    answer(reply, 'again')
    reply.answer({ status: 500, headers: [], body: 'again' })
    reply.abort()
    answer(next.client, 'two')
    const { body, status } = await client.response()
    assert.deepEqual([status, body.toString()], [200, 'two'])
    assert.equal(client.received.length, 0)
  })

  it('breaks the connection when it is longer than it said, and closes it when shorter', async () => {
    const long = await calling()
    long.reply.head(200, 'OK', ['Content-Length', '3'])
    long.reply.write(Buffer.from('four'))
    await whenClosed(long.socket)
    const short = await calling()
    short.reply.head(200, 'OK', ['Content-Length', '5'])
    short.reply.write(Buffer.from('four'))
    short.reply.end()
    await short.client.gone()
    assert.match(short.client.received.toString('latin1'), /Content-Length: 5\r\n.*four$/s)
  })

  for (const [what, status, headers] of [
    ['a name that is no token', 200, ['X Y', 'a']],
    ['an end of line in a value', 200, ['X', 'a\r\nSet-Cookie: b=c']],
    ['a character beyond Latin-1', 200, ['X', '\u20ac']],
    ['two lengths', 200, ['Content-Length', '1', 'content-length', '2']],
    ['a length that is none', 200, ['Content-Length', '+1']],
    ['a status that is none', 1_000, []],
  ] as const) {
    it(`does not take a head with ${what}, and can still be answered`, async () => {
      const { client, reply } = await calling()
      assert.throws(() => reply.head(status, 'OK', [...headers]))
      reply.answer({ status: 502, headers: ['X-Why', 'head'], body: 'caf\u00e9' })
      const response = await client.response()
      assert.equal(response.status, 502)
      assert.equal(response.reason, 'Bad Gateway')
      assert.equal(response.body.toString(), 'caf\u00e9')
      assert.equal(response.values('date').length, 1)
    })
  }

  it('has no body when its status has none, and what follows is the next reply', async () => {
    const { client, reply, taken } = await calling()
    reply.head(204, 'No Content', [])
    reply.write(Buffer.from('ignored'))
    reply.end()
    const response = await client.response()
    assert.equal(response.status, 204)
    assert.deepEqual(response.values('transfer-encoding'), [])
    assert.deepEqual(response.values('content-length'), [])
    client.write(request('{}'))
    answer((await first(taken, 1)).client, 'two')
    assert.equal((await client.response()).body.toString(), 'two')
  })
})
