/** From Node's request to an exchange in the pipeline. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { reject, rejectOver, type Rejection } from '../core/outcome.ts'
import { countOf } from '../core/raw-headers.ts'
import {
  Arrival,
  KINDS,
  unread,
  type Incoming,
  type IncomingFrom,
  type ReceiveOptions,
} from './arrival.ts'
import { authenticate } from './authenticate.ts'
import { answerPreflight } from './preflight.ts'
import { discardBody, readBody, type BodyEnd } from './read-body.ts'
import { Reading } from './reading.ts'
import type { Route } from './route.ts'
import { ServerClient } from './server-client.ts'

/**
 * MCP uses POST, GET and DELETE; browsers add OPTIONS. Anything else would pass unread, and TRACE
 * would show a client what was added to its request.
 */
export function checkMethod(incoming: Incoming): Rejection | undefined {
  return Object.hasOwn(KINDS, incoming.method ?? '')
    ? undefined
    : reject('unsupported_method', 'use POST, GET or DELETE')
}

/** Of several ids the upstream may take another one than we do, and so the session of somebody else. */
export function checkSession({ rawHeaders }: Incoming): Rejection | undefined {
  return countOf(rawHeaders, 'mcp-session-id') > 1
    ? reject('invalid_request', 'send Mcp-Session-Id once')
    : undefined
}

/** A request, and where its reply goes. */
export interface Arrived {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
}

export function receive(arrived: Arrived, route: Route, options: ReceiveOptions): void {
  const { incoming, outgoing } = arrived
  const { authenticator, stages, bodyBytesMax } = options
  if (authenticator === undefined) return new NodeArrival(arrived, route, options).goOn()
  // Browsers ask without credentials, so nothing that they ask may reach an upstream.
  if (answerPreflight(incoming, outgoing)) {
    stages.observer.exchangeEnded(unread(incoming, options, route), { kind: 'ok' })
    return discardBody(incoming, bodyBytesMax)
  }
  authenticate(new NodeArrival(arrived, route, options), authenticator)
}

/** A request whose body may still be coming. */
class NodeArrival extends Arrival {
  readonly #incoming: IncomingMessage
  readonly #outgoing: ServerResponse

  constructor({ incoming, outgoing }: Arrived, route: Route, options: ReceiveOptions) {
    super(incoming, incoming.socket, new ServerClient(outgoing), route, options)
    this.#incoming = incoming
    this.#outgoing = outgoing
  }

  override goOn(): void {
    const { options, route, stages } = this
    const outgoing = this.#outgoing
    const reading = new Reading(route.upstream, outgoing)
    stages.inFlight.add(reading)
    readBody(
      this.#incoming,
      { bytesMax: options.bodyBytesMax, budget: options.bodyBudget },
      (give) => {
        if (outgoing.closed) give()
        else outgoing.once('close', give)
      },
      (end) => {
        reading.finished = true
        this.#read(end)
        stages.inFlight.remove(reading)
      },
    )
  }

  protected override discard(): void {
    discardBody(this.#incoming, this.options.bodyBytesMax)
  }

  #read(end: BodyEnd): void {
    if (end.kind === 'body') return this.pass(end.body, this.stages.clock.monotonicMs())
    this.refuse(end.kind === 'gone' ? { kind: 'cancelled' } : describe(end, this.options))
  }
}

function describe(
  end: Exclude<BodyEnd, { kind: 'body' | 'gone' }>,
  options: ReceiveOptions,
): Rejection {
  return end.kind === 'no_room'
    ? rejectOver(
        'bodies',
        'at_capacity',
        'all bodies together are as large as limits.bodies allows',
      )
    : rejectOver(
        'body',
        'too_large',
        `the body is larger than limits.body allows (${options.bodyBytesMax} bytes)`,
      )
}

/** Counts an exchange that is answered elsewhere. */
export function countUnread(
  incoming: IncomingFrom,
  rejection: Rejection,
  options: ReceiveOptions,
): void {
  options.stages.observer.exchangeEnded(unread(incoming, options), rejection)
}
