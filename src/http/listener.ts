/** One HTTP listener with its limits. */

import { createServer, type RequestListener, type Server } from 'node:http'
import { Server as NetServer } from 'node:net'
import type { Duplex } from 'node:stream'
import type { LimitName } from '../core/limits.ts'
import { Connections } from './connections.ts'

export interface ListenerOptions {
  readonly host: string
  readonly port: number
  readonly headerBytesMax: number
  readonly connectionsMax: number
  /** Longest time for a client to send one whole request; the reply may take as long as it likes. */
  readonly requestTimeoutMs: number
  readonly onLimit: (limit: LimitName) => void
}

export interface Listener {
  readonly host: string
  /** The port in use, also when 0 was asked for. */
  readonly port: number
  /** From now on every reply says that it is the last one of its connection. */
  letGo(): void
  /**
   * Takes no more connections, and lets go of those that there are. They stay open until their next
   * reply: a request may be on its way on each, and who sent it cannot tell whether it was read.
   */
  stop(): Promise<void>
  /** Resolves when no connection is left, or nobody has used one for so long; never while one replies. */
  quiet(quietMs: number): Promise<void>
  /** Breaks every connection that is left. */
  destroy(): Promise<void>
}

/** A listener that did not come up: the error code of the operating system, such as EADDRINUSE. */
export interface ListenFailure {
  readonly kind: 'failed'
  readonly code: string
}

/** Idle client connections are kept longer than common clients keep theirs, so that they close first. */
const KEEP_ALIVE_MS = 65_000

export function listen(
  handler: RequestListener,
  options: ListenerOptions,
): Promise<Listener | ListenFailure> {
  const connections = new Connections()
  const server = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_MS,
      requestTimeout: options.requestTimeoutMs,
      headersTimeout: Math.min(60_000, options.requestTimeoutMs),
      // Node looks for late requests this often; its default of 30 s would be the real limit.
      connectionsCheckingInterval: Math.max(100, Math.min(5_000, options.requestTimeoutMs / 4)),
      maxHeaderSize: options.headerBytesMax,
      noDelay: true,
    },
    (incoming, outgoing) => {
      connections.replies(incoming.socket, outgoing)
      handler(incoming, outgoing)
    },
  )
  // Replies end when they end; only requests have a time limit.
  server.timeout = 0
  server.maxConnections = options.connectionsMax
  server.on('connection', (socket) => connections.add(socket))
  server.on('drop', () => options.onLimit('connections'))
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    answerClientError(error.code ?? '', socket, connections.isReplying(socket), options.onLimit)
  })
  return new Promise((resolve) => {
    // After the start an error of the server, such as too many open files, ends nothing.
    server.on('error', (error: NodeJS.ErrnoException) => {
      resolve({ kind: 'failed', code: error.code ?? 'unknown' })
    })
    server.listen(options.port, options.host, () =>
      resolve(toListener(server, options.host, connections)),
    )
  })
}

function toListener(server: Server, host: string, connections: Connections): Listener {
  const address = server.address()
  return {
    host,
    port: typeof address === 'object' && address !== null ? address.port : 0,
    letGo: () => connections.letGo(),
    stop: async () => {
      await connections.allTaken()
      // An HTTP server's own `close` would break idle connections.
      NetServer.prototype.close.call(server)
      // Only now, or every client would open a new connection in that moment.
      connections.letGo()
    },
    quiet: (quietMs) => connections.quiet(quietMs),
    destroy: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** What Node's parser could not accept is answered in plain HTTP, and the connection closed. */
function answerClientError(
  code: string,
  socket: Duplex,
  replying: boolean,
  onLimit: (limit: LimitName) => void,
): void {
  if (code === 'HPE_HEADER_OVERFLOW') onLimit('headers')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') onLimit('request_timeout')
  // Inside a reply under way, an answer would be taken for a part of it.
  if (replying || code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const [status, text] = CLIENT_ERRORS[code] ?? [
    '400 Bad Request',
    'This is not a valid HTTP request.',
  ]
  const body = `${text}\n`
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    // The peer may never close its half; the connection must not outlive its answer.
    () => socket.destroy(),
  )
}

const CLIENT_ERRORS: Readonly<Record<string, readonly [string, string]>> = {
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'The request head is larger than limits.headers allows.',
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    '408 Request Timeout',
    'The request did not arrive within limits.requestTimeout.',
  ],
}
