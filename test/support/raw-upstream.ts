/**
 * An MCP upstream made of bare sockets. It shows the exact bytes that arrive and sends exactly the
 * bytes that a test gives it, HTTP or not.
 */

import { createServer, type Server, type Socket } from 'node:net'
import { readRequests, type UpstreamRequest } from './read-requests.ts'
import { closeAfterTest } from './scope.ts'
import { SOON, waitFor } from './wait-for.ts'

export type { UpstreamRequest } from './read-requests.ts'

export interface Reply {
  readonly socket: Socket
  /** Bytes exactly as given; text is written as Latin-1. */
  raw(bytes: string | Buffer): void
  /** A whole response with `Content-Length`, and `Content-Type: application/json` unless given. */
  send(response: {
    readonly status?: string
    readonly headers?: readonly string[]
    readonly body?: string | Buffer
  }): void
  /** A JSON-RPC result for the request's id. */
  result(result: unknown): void
  /** Begins an SSE response in chunks. */
  stream(headers?: readonly string[]): void
  /** One chunk of a response that `stream` began. */
  chunk(bytes: string | Buffer): void
  /** One `message` event with this JSON in it. */
  event(message: unknown, fields?: string): void
  /** Ends what `stream` began. */
  endStream(): void
}

export type RawHandler = (request: UpstreamRequest, reply: Reply) => void

export interface RawUpstream {
  readonly url: string
  readonly port: number
  readonly requests: readonly UpstreamRequest[]
  /** Connections that are open now. */
  readonly sockets: ReadonlySet<Socket>
  /** How many connections there have been. */
  readonly connections: number
  /** Replaces the handler from now on. */
  handle(handler: RawHandler): void
  /** Waits for the request with this index. */
  request(index?: number): Promise<UpstreamRequest>
  close(): Promise<void>
}

export interface RawUpstreamOptions {
  /** Instead of reading HTTP: called for every connection. */
  readonly onConnection?: (socket: Socket) => void
  readonly port?: number
}

/** Answers `tools/call` with a text and everything else with an empty result. */
export const answerWell: RawHandler = (request, reply) => {
  const { method, id } = request.json()
  if (id === undefined) return reply.send({ status: '202 Accepted', headers: [] })
  reply.result(method === 'tools/call' ? { content: [{ type: 'text', text: 'done' }] } : {})
}

export async function startRawUpstream(
  handler: RawHandler = answerWell,
  options: RawUpstreamOptions = {},
): Promise<RawUpstream> {
  const requests: UpstreamRequest[] = []
  const sockets = new Set<Socket>()
  let current = handler
  let connections = 0
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    const connection = connections
    connections += 1
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    if (options.onConnection !== undefined) return options.onConnection(socket)
    readRequests(socket, connection, (request) => {
      requests.push(request)
      current(request, new SocketReply(socket, request))
    })
  })
  const port = await listenOn(server, options.port ?? 0)
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  closeAfterTest(close)
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    port,
    requests,
    sockets,
    get connections() {
      return connections
    },
    handle: (next) => {
      current = next
    },
    request: (index = 0) =>
      waitFor(() => requests[index], { within: SOON, what: `request ${index} at the upstream` }),
    close,
  }
}

async function listenOn(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve())
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** A port on which nothing listens. */
export async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listenOn(server, 0)
  await new Promise((resolve) => server.close(resolve))
  return port
}

class SocketReply implements Reply {
  readonly socket: Socket
  readonly #request: UpstreamRequest

  constructor(socket: Socket, request: UpstreamRequest) {
    this.socket = socket
    this.#request = request
  }

  raw(bytes: string | Buffer): void {
    if (!this.socket.destroyed) {
      this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    }
  }

  send(response: Parameters<Reply['send']>[0]): void {
    const body = Buffer.from(response.body ?? '')
    const lines = [
      `HTTP/1.1 ${response.status ?? '200 OK'}`,
      ...(response.headers ?? ['Content-Type: application/json']),
      `Content-Length: ${body.length}`,
    ]
    this.raw(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]))
  }

  result(result: unknown): void {
    const { id } = this.#request.json()
    this.send({ body: JSON.stringify({ jsonrpc: '2.0', id, result }) })
  }

  stream(headers: readonly string[] = []): void {
    const lines = [
      'HTTP/1.1 200 OK',
      'Content-Type: text/event-stream',
      'Cache-Control: no-cache',
      ...headers,
      'Transfer-Encoding: chunked',
    ]
    this.raw(`${lines.join('\r\n')}\r\n\r\n`)
  }

  chunk(bytes: string | Buffer): void {
    const data = Buffer.from(bytes)
    const size = Buffer.from(`${data.length.toString(16)}\r\n`)
    this.raw(Buffer.concat([size, data, Buffer.from('\r\n')]))
  }

  event(message: unknown, fields = ''): void {
    this.chunk(`${fields}data: ${JSON.stringify(message)}\n\n`)
  }

  endStream(): void {
    this.raw('0\r\n\r\n')
  }
}
