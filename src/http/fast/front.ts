/**
 * Takes connections before Node's HTTP server does, and ordinary requests on them without it.
 *
 * Node's parser, request and response take more than half of what a small call costs on the client's side.
 * Nearly every request of an MCP client comes whole, in one or two pieces, and leaves nothing to interpret;
 * those are read here. At the first sign of anything else the connection goes to Node's server for good,
 * with all bytes of the request that was not taken, so nothing odd is ever decided here.
 */

import type { Socket } from 'node:net'
import type { LimitName } from '../../core/limits.ts'
import { answerClientError } from '../client-error.ts'
import type { Peer } from '../arrival.ts'
import type { Connections } from '../connections.ts'
import type { Route } from '../route.ts'
import { FastConnection } from './fast-connection.ts'
import { KnownHeads } from './known-heads.ts'
import type { OrdinaryHead } from './ordinary-head.ts'
import type { SocketClient } from './socket-client.ts'

/** What takes ordinary requests. */
export interface FastApp {
  /** Where a request with this head goes; undefined when Node's way is to take it. */
  routeOf(head: OrdinaryHead): Route | undefined
  /** Takes a whole request. */
  receiveWhole(head: OrdinaryHead, body: Buffer, route: Route, client: SocketClient): void
  /** The client of a request with this head left before anything of its body came. */
  abandoned(head: OrdinaryHead, peer: Peer, route: Route): void
}

export interface FrontOptions {
  /** The newest one. */
  readonly app: () => FastApp
  readonly connections: Connections
  readonly headerBytesMax: number
  /** How long connections are kept on which nothing is said. */
  readonly keepAliveMs: number
  /** How long a new connection may be silent. */
  readonly headersTimeoutMs: number
  readonly tickMs: number
  readonly onLimit: (limit: LimitName) => void
  /** Node's way. */
  readonly handOver: (socket: Socket) => void
}

export class Front {
  readonly options: FrontOptions
  readonly heads = new KnownHeads()
  readonly #connections = new Set<FastConnection>()
  readonly #idleTicks: number
  readonly #silentTicks: number
  /** How often time has been looked at: instants are counted in it, so that no request asks a clock. */
  ticks = 0

  constructor(options: FrontOptions) {
    this.options = options
    const { keepAliveMs, headersTimeoutMs, tickMs } = options
    // One more, because a tick may come at once after an instant.
    this.#idleTicks = Math.ceil(keepAliveMs / tickMs) + 1
    this.#silentTicks = Math.ceil(headersTimeoutMs / tickMs) + 1
  }

  /** Takes a connection that has just been made. */
  take(socket: Socket): void {
    const connection = new FastConnection(this, socket)
    this.#connections.add(connection)
    this.options.connections.add(socket, connection)
  }

  /** The connection is closed, or Node's. */
  left(connection: FastConnection): void {
    this.#connections.delete(connection)
  }

  /** To be called every `tickMs`. */
  tick(): void {
    this.ticks += 1
    for (const connection of this.#connections) {
      connection.tick(this.ticks, this.#idleTicks, this.#silentTicks)
    }
  }

  /** Answers what cannot be a request, as Node's server would have it answered. */
  refuse(code: string, socket: Socket, replying: boolean): void {
    answerClientError(code, socket, replying, this.options.onLimit)
  }
}
