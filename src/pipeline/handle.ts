/**
 * The path of one exchange.
 *
 * Read this function top to bottom to know everything that happens to a message, in order. A stage
 * answers with a value; only a bug throws. What follows the last line is the reply passing through:
 * see deliver.ts.
 */

import { sessionKeyOf, type Call, type Exchange } from '../core/exchange.ts'
import { reject, type Outcome, type Rejection } from '../core/outcome.ts'
import type { Answer, Client } from '../core/reply.ts'
import type { Permit } from '../resilience/permit.ts'
import { Delivery } from './deliver.ts'
import { FilteredClient } from './filtered-client.ts'
import { Ledger } from './ledger.ts'
import { answerInternal, answerNoEndpoint, answerRefusal } from './refuse.ts'
import { Turn } from './turn.ts'
import type { ReplyFilter, Stages } from './stages.ts'

export function handle(exchange: Exchange, client: Client, stages: Stages): void {
  const ledger = new Ledger(exchange, stages)
  const refuse = (rejection: Rejection, answer?: Answer): void => {
    if (rejection.limit !== undefined) stages.observer.limitHit(rejection.limit)
    client.answer(answer ?? answerRefusal(exchange, rejection, stages.rejections))
    ledger.endAll(rejection)
  }

  if (exchange.kind === 'message') {
    const envelope = stages.readEnvelope(exchange.headers, exchange.body)
    if (envelope.kind === 'rejected') return refuse(envelope)
    exchange.calls = envelope.messages.map((message): Call => ({
      exchange,
      message,
      trace: undefined,
      outcome: undefined,
    }))
    exchange.batch = envelope.batch
    ledger.begin()
    if (envelope.fault !== undefined) return refuse(envelope.fault)
  }

  const draining = stages.drainRejection()
  if (draining !== undefined) return refuse(draining)

  const upstream = stages.findUpstream(exchange.upstreamName)
  if (upstream === undefined) return refuse(unknownUpstream(exchange, stages))

  const denial = stages.authorize(exchange)
  if (denial !== undefined) {
    return refuse(denial.rejection, denial.hidden ? answerHidden(exchange, stages) : undefined)
  }

  const unpinned = stages.checkPins(exchange)
  if (unpinned !== undefined) return refuse(unpinned)

  const permit = upstream.admit(exchange)
  if (permit.kind === 'rejected') return refuse(permit)

  takeBack(exchange, stages)
  answerBack(exchange, stages)
  const record = (admitted: Permit): void => {
    const recorded = stages.recordAttempt(exchange, admitted)
    if (recorded.kind === 'rejected') return refuse(recorded)
    if (recorded.kind === 'permit') return deliver(recorded)
    new Turn({ ...turn, queued: recorded, deliver }).wait()
  }
  const deliver = (admitted: Permit): void => {
    ledger.admitted(admitted)
    const filter = stages.replyFilter(exchange)
    const parts = { exchange, stages, upstream, permit: admitted, ledger }
    const seen = filter === undefined ? client : filtered(filter, client, parts)
    new Delivery({ ...parts, client: seen, plain: filter !== undefined }).start()
  }
  const turn = { exchange, client, stages, ledger, refuse }
  if (permit.kind === 'permit') return record(permit)
  new Turn({ ...turn, queued: permit, deliver: record, isPlace: true }).wait()
}

/** The client as it sees lists: without what it may not use. */
function filtered(
  filter: ReplyFilter,
  client: Client,
  { exchange, stages, ledger }: { exchange: Exchange; stages: Stages; ledger: Ledger },
): Client {
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
  return exchange.path === `/${exchange.upstreamName}/mcp`
    ? answerRefusal(exchange, unknownUpstream(exchange, stages), stages.rejections)
    : answerNoEndpoint()
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
