/** From an ordinary request to an exchange in the pipeline. */

import { Arrival } from '../arrival.ts'
import { authenticate } from '../authenticate.ts'
import { logDefect } from '../../core/log.ts'
import type { DataAppOptions } from '../data-app.ts'
import { checkPeer } from '../guard.ts'
import { pathAsSent, type Route } from '../route.ts'
import type { OrdinaryHead } from './ordinary-head.ts'
import type { SocketClient } from './socket-client.ts'

/** Where an ordinary request goes; undefined when it is refused by its head, or goes to no endpoint of MCP. */
export function ordinaryRouteOf(head: OrdinaryHead, options: DataAppOptions): Route | undefined {
  const { url = '', bodyBytes } = head
  if (bodyBytes > options.bodyBytesMax || url.startsWith('/.well-known/')) return undefined
  if (checkPeer(head, options.peers) !== undefined) return undefined
  const route = options.paths.get(pathAsSent(url))
  return route?.endpoint === 'mcp' || route?.endpoint === 'sse_post' ? route : undefined
}

/** A request whose body is here. */
class WholeArrival extends Arrival {
  readonly #body: Buffer

  constructor(
    head: OrdinaryHead,
    body: Buffer,
    route: Route,
    client: SocketClient,
    options: DataAppOptions,
  ) {
    super(head, client.peer, client, route, options)
    this.#body = body
  }

  override goOn(): void {
    this.pass(this.#body, this.identifiedAtMs)
  }

  protected override discard(): void {}
}

export function receiveWhole(
  head: OrdinaryHead,
  body: Buffer,
  route: Route,
  client: SocketClient,
  options: DataAppOptions,
): void {
  const arrival = new WholeArrival(head, body, route, client, options)
  try {
    if (options.authenticator === undefined) arrival.goOn()
    else authenticate(arrival, options.authenticator)
  } catch (error) {
    logDefect(options.stages.log, 'A request could not be received', error)
    arrival.ended({ kind: 'internal' })
  }
}
