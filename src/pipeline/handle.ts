/**
 * The path of one exchange.
 *
 * Read this function top to bottom to know everything that happens to a message, in order. A stage
 * answers with a value; only a bug throws. What follows the last line is the reply passing through:
 * see deliver.ts.
 */

import { newCall, sessionKeyOf, type Call, type Exchange } from '../core/exchange.ts'
import type { Message } from '../core/message.ts'
import { reject, type Outcome, type Rejection } from '../core/outcome.ts'
import type { Answer, Client } from '../core/reply.ts'
import type { Permit } from '../resilience/permit.ts'
import { Delivery } from './deliver.ts'
import { FilteredClient } from './filtered-client.ts'
import { Ledger } from './ledger.ts'
import { answerInternal, answerNoEndpoint, answerRefusal } from './refuse.ts'
import { Turn, type AfterTurn, type Way } from './turn.ts'
import type { ReplyFilter, Stages, Upstream } from './stages.ts'

export function handle(exchange: Exchange, client: Client, stages: Stages): void {
  const ledger = new Ledger(exchange, stages)
  const way: Way = { exchange, client, stages, ledger }

  if (exchange.kind === 'message') {
    const envelope = stages.readEnvelope(exchange.headers, exchange.body)
    if (envelope.kind === 'rejected') return refuse(way, envelope)
    exchange.calls = callsOf(exchange, envelope.messages)
    exchange.batch = envelope.batch
    ledger.begin()
    if (envelope.fault !== undefined) return refuse(way, envelope.fault)
  }

  const draining = stages.drainRejection()
  if (draining !== undefined) return refuse(way, draining)

  const upstream = stages.findUpstream(exchange.upstreamName)
  if (upstream === undefined) return refuse(way, unknownUpstream(exchange, stages))

  const denial = stages.authorize(exchange)
  if (denial !== undefined) {
    return refuse(way, denial.rejection, denial.hidden ? answerHidden(exchange, stages) : undefined)
  }

  const unpinned = stages.checkPins(exchange)
  if (unpinned !== undefined) return refuse(way, unpinned)

  const permit = upstream.admit(exchange)
  if (permit.kind === 'rejected') return refuse(way, permit)

  takeBack(exchange, stages)
  answerBack(exchange, stages)
  if (permit.kind === 'permit') return record(way, upstream, permit)
  new Turn(way, upstream, permit, PLACE).wait()
}

function callsOf(exchange: Exchange, messages: readonly Message[]): readonly Call[] {
  const calls: Call[] = []
  for (const message of messages) calls.push(newCall(exchange, message))
  return calls
}

function refuse({ exchange, client, stages, ledger }: Way, why: Rejection, answer?: Answer): void {
  if (why.limit !== undefined) stages.observer.limitHit(why.limit)
  client.answer(answer ?? answerRefusal(exchange, why, stages.rejections))
  ledger.endAll(why)
}

function record(way: Way, upstream: Upstream, admitted: Permit): void {
  const recorded = way.stages.recordAttempt(way.exchange, admitted)
  if (recorded.kind === 'rejected') return refuse(way, recorded)
  if (recorded.kind === 'permit') return deliver(way, upstream, recorded)
  new Turn(way, upstream, recorded, RECORD).wait()
}

/** What follows when a call has its place at its upstream, and when its record is written. */
const PLACE: AfterTurn = { goOn: record, refuse, isPlace: true }
const RECORD: AfterTurn = { goOn: deliver, refuse, isPlace: false }

function deliver(way: Way, upstream: Upstream, permit: Permit): void {
  const { exchange, client, stages, ledger } = way
  ledger.admitted(permit)
  const filter = stages.replyFilter(exchange)
  const plain = filter !== undefined
  const seen = filter === undefined ? client : filtered(filter, way)
  new Delivery({ exchange, client: seen, stages, upstream, permit, ledger, plain }).start()
}

/** The client as it sees lists: without what it may not use. */
function filtered(filter: ReplyFilter, { exchange, client, stages, ledger }: Way): Client {
  const onFailure = (outcome: Outcome): void => ledger.endAll(outcome)
  return new FilteredClient({ exchange, client, filter, stages, onFailure })
}

/**
 * A client of the session era takes a call back by a notification, not by hanging up; its reply may
 * then never come (2025-11-25 "Cancellation"), so this is where the call ends.
 */
function takeBack(exchange: Exchange, stages: Stages): void {
  for (const { message } of exchange.calls) {
    const sessionKey = message.cancels === undefined ? undefined : sessionKeyOf(exchange)
    if (message.cancels === undefined || sessionKey === undefined) continue
    stages.inFlight.cancelCall(sessionKey, message.cancels)
    stages.resumptions.cancel(sessionKey, message.cancels)
  }
}

/** A client's responses end the requests that the upstream made of it. */
function answerBack(exchange: Exchange, stages: Stages): void {
  for (const { message } of exchange.calls) {
    const sessionKey = message.kind === 'response' ? sessionKeyOf(exchange) : undefined
    if (sessionKey !== undefined) stages.serverRequests.answered(sessionKey, message)
  }
}

/** Answers an exchange whose body was never read, or that a defect ended. */
export function refuseUnread(
  exchange: Exchange,
  client: Client,
  outcome: Rejection | Extract<Outcome, { kind: 'internal' }>,
  stages: Stages,
): void {
  if (outcome.kind === 'rejected' && outcome.limit !== undefined) {
    stages.observer.limitHit(outcome.limit)
  }
  client.answer(
    outcome.kind === 'internal'
      ? answerInternal()
      : answerRefusal(exchange, outcome, stages.rejections),
  )
  stages.observer.exchangeEnded(exchange, outcome)
}

/** What a client hears of an upstream that it may not know of: what it would if there were none. */
function answerHidden(exchange: Exchange, stages: Stages): Answer {
  const upstreamName = nameIn(exchange.path)
  if (upstreamName === undefined) return answerNoEndpoint()
  const asked = { ...exchange, upstreamName }
  return answerRefusal(asked, unknownUpstream(asked, stages), stages.rejections)
}

/** The name that the router reads in a path that nobody has, however it is spelled. */
function nameIn(target: string): string | undefined {
  const path = URL.parse(target, 'http://localhost')?.pathname ?? target
  return /^\/([^/]+)\/mcp$/.exec(readable(path))?.[1]
}

/** As the router reads it: what cannot be decoded stands as it came. */
function readable(path: string): string {
  return path.replaceAll(/(?:%[\da-f]{2})+/gi, (escapes) => {
    try {
      return decodeURI(escapes)
    } catch {
      return escapes
    }
  })
}

function unknownUpstream(exchange: Exchange, stages: Stages): Rejection {
  const name = exchange.upstreamName
  const names = stages.upstreamNames(exchange)
  const known = names.length === 0 ? 'none is configured' : `configured: ${names.join(', ')}`
  return reject(
    'unknown_upstream',
    `There is no upstream named ${JSON.stringify(name.slice(0, 64))}; ${known}`,
  )
}
