/** One HTTP listener with its limits. */

import { createServer, type RequestListener, type Server } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LimitName } from '../core/limits.ts'
import { answerClientError } from './client-error.ts'
import { Connections } from './connections.ts'
import { Front, type FastApp } from './fast/front.ts'
import { KEEP_ALIVE_MS } from './http-text.ts'

export interface ListenerOptions {
  readonly host: string
  readonly port: number
  readonly headerBytesMax: number
  readonly connectionsMax: number
  /** Longest time for a client to send one whole request; the reply may take as long as it likes. */
  readonly requestTimeoutMs: number
  readonly onLimit: (limit: LimitName) => void
  /** What takes ordinary requests without Node's server; undefined when that takes them all. */
  readonly fast?: (() => FastApp) | undefined
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

/**
 * So many connections may wait to be taken, as far as the kernel allows (net.core.somaxconn): one that finds no
 * place waits for a second until it is tried again.
 */
const BACKLOG = 4_096

/** Longest time for a client to send a head. */
const HEADERS_MS = 60_000

export function listen(
  handler: RequestListener,
  options: ListenerOptions,
): Promise<Listener | ListenFailure> {
  const connections = new Connections()
  const server = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_MS,
      requestTimeout: options.requestTimeoutMs,
      headersTimeout: Math.min(HEADERS_MS, options.requestTimeoutMs),
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
  if (options.fast === undefined) server.on('connection', (socket) => connections.add(socket))
  else putInFront(server, connections, options.fast, options)
  server.on('drop', () => options.onLimit('connections'))
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    answerClientError(error.code ?? '', socket, connections.isReplying(socket), options.onLimit)
  })
  return new Promise((resolve) => {
    // After the start an error of the server, such as too many open files, ends nothing.
    server.on('error', (error: NodeJS.ErrnoException) => {
      resolve({ kind: 'failed', code: error.code ?? 'unknown' })
    })
    server.listen(options.port, options.host, BACKLOG, () =>
      resolve(toListener(server, options.host, connections)),
    )
  })
}

/** How often the time of connections is looked at. */
const TICK_MS = 1_000

/** Puts a fast path between the connections and Node's own way of serving them. */
function putInFront(
  server: Server,
  connections: Connections,
  app: () => FastApp,
  { headerBytesMax, requestTimeoutMs, onLimit }: ListenerOptions,
): void {
  // What `emit('connection', socket)` would call, as Node documents for connections from elsewhere.
  const served = server.listeners('connection')
  server.removeAllListeners('connection')
  const tickMs = Math.max(100, Math.min(TICK_MS, requestTimeoutMs / 4))
  const front = new Front({
    app,
    connections,
    headerBytesMax,
    keepAliveMs: KEEP_ALIVE_MS,
    headersTimeoutMs: Math.min(HEADERS_MS, requestTimeoutMs),
    tickMs,
    onLimit,
    handOver: (socket) => {
      for (const serve of served) Reflect.apply(serve, server, [socket])
    },
  })
  server.on('connection', (socket: Socket) => front.take(socket))
  const timer = setInterval(() => front.tick(), tickMs).unref()
  server.once('close', () => clearInterval(timer))
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
      // What was handed over for that is known of when it has been read.
      await nextTurn()
    },
    quiet: (quietMs) => connections.quiet(quietMs),
    destroy: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        connections.breakAll()
      }),
  }
}
