/** The stage that asks the policy about every call, and filters what the client gets to see of lists. */

import type { Challenger } from '../auth/challenge.ts'
import type { Config } from '../config/schema.ts'
import type { Decision } from '../core/decision.ts'
import type { Call, Exchange } from '../core/exchange.ts'
import type { Log } from '../core/log.ts'
import type { Operation } from '../core/operation.ts'
import { reject, type Rejection } from '../core/outcome.ts'
import { EventFilter } from '../mcp/filter-events.ts'
import { filterList, type Shows } from '../mcp/filter-list.ts'
import { argumentsText, isList, operationsOf } from '../mcp/operations.ts'
import { createEnvelopeReader, type ReadEnvelope } from '../mcp/read-envelope.ts'
import type { Denial, ReplyFilter, Stages } from '../pipeline/stages.ts'
import { ARGUMENTS_MAX, readArguments } from '../policy/arguments.ts'
import type { Policy } from '../policy/policy.ts'
import { createChallenger } from './auth.ts'
import { createPolicy } from './policy.ts'
import { sizeOf } from './units.ts'

export interface Authorization extends Pick<Stages, 'authorize' | 'replyFilter' | 'readEnvelope'> {
  /** Those of `names` that the client may know of. */
  readonly visible: (exchange: Exchange, names: readonly string[]) => readonly string[]
  /** Puts the policy of a newer configuration in force. */
  readonly follow: (config: Config) => void
}

type Denied = Extract<Decision, { kind: 'deny' }>

interface Current {
  readonly config: Config
  /** Undefined when everything may be called. */
  readonly policy: Policy | undefined
  /** Longest list that is filtered. */
  readonly listBytesMax: number
  readonly challenger: Challenger
}

export function createAuthorization(first: Config, log: Log): Authorization {
  const inForce = (config: Config): Current => ({
    config,
    challenger: createChallenger(config, () => current.config),
    policy: createPolicy(config, log),
    listBytesMax: sizeOf(config.policy?.listBytes ?? '0KiB'),
  })
  let current = inForce(first)
  const readers = createReaders(first)
  const budget = createHeldBudget()
  /** Undefined when nothing is refused or hidden. */
  const enforced = (): Policy | undefined =>
    current.policy?.dryRun === true ? undefined : current.policy
  return {
    readEnvelope: (headers, body) =>
      enforced() === undefined ? readers.usual(headers, body) : readers.unambiguous(headers, body),
    authorize: (exchange) => authorize(exchange, current, log),
    replyFilter: (exchange) => {
      const policy = enforced()
      const { principal, upstreamName, kind, calls } = exchange
      if (policy === undefined) return undefined
      const mayList = kind === 'stream' || calls.some(({ message }) => isList(message.method))
      if (!mayList) return undefined
      // A stream may outlive the policy that was in force when it began.
      return toFilter({ bytesMax: current.listBytesMax, budget }, (of, name) => {
        const operation: Operation = { kind: of, name, protocol: false }
        return (enforced() ?? policy).shows(principal, upstreamName, operation)
      })
    },
    visible: ({ principal }, names) =>
      names.filter((name) => enforced()?.sees(principal, name) !== false),
    follow: (config) => {
      current = inForce(config)
    },
  }
}

/** Most bytes of lists and events that are waited with at a time. */
const HELD_BYTES_MAX = 256 * 1024 * 1024

function createHeldBudget(): ReplyFilter['budget'] {
  let left = HELD_BYTES_MAX
  return {
    take: (bytes) => {
      if (bytes > left) return false
      left -= bytes
      return true
    },
    give: (bytes) => {
      left += bytes
    },
  }
}

/** Under a policy, what is decided on must be what the upstream will read. */
function createReaders({
  limits,
}: Config): Readonly<Record<'usual' | 'unambiguous', ReadEnvelope>> {
  const bounds = { depthMax: limits.depth, batchMax: limits.batch }
  return {
    usual: createEnvelopeReader(bounds),
    unambiguous: createEnvelopeReader({ ...bounds, unambiguous: true }),
  }
}

function authorize(exchange: Exchange, current: Current, log: Log): Denial | undefined {
  const { policy } = current
  if (policy === undefined || isPublic(exchange)) return undefined
  const refused = decideAll(exchange, policy)
  for (const { call, decision } of refused) note(log, call, decision)
  if (policy.dryRun) return undefined
  const [first] = refused
  // Whoever can get rights by asking for scopes is told so, and of what.
  const stepsUp = first !== undefined && needsScopes(first, current)
  if (!stepsUp && !policy.sees(exchange.principal, exchange.upstreamName)) {
    return { rejection: NO_RIGHTS, hidden: true }
  }
  if (first === undefined) return undefined
  return { rejection: rejectionOf(exchange, first, current), hidden: false }
}

function toFilter(bounds: Pick<ReplyFilter, 'bytesMax' | 'budget'>, shows: Shows): ReplyFilter {
  return {
    ...bounds,
    json: (body) => {
      const filtered = filterList(body, shows)
      if (filtered.kind === 'unreadable') return undefined
      return filtered.kind === 'same' ? body : filtered.bytes
    },
    events: () => new EventFilter({ shows, bytesMax: bounds.bytesMax }),
  }
}

/** What must be had before there can be a principal: OAuth metadata. */
function isPublic({ endpoint, httpMethod, path }: Exchange): boolean {
  if (endpoint === 'metadata') return true
  return endpoint === 'pass' && path.startsWith('/.well-known/') && READS.has(httpMethod)
}

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

const NO_RIGHTS = reject('forbidden', 'its operator has given this client no rights there')

interface Refused {
  /** Undefined when the exchange has no call that it is about. */
  readonly call: Call | undefined
  readonly operation: Operation
  readonly decision: Denied
}

/** Decides on every call, and remembers it there. */
function decideAll(exchange: Exchange, policy: Policy): readonly Refused[] {
  const { principal, upstreamName, batch, body } = exchange
  if (exchange.endpoint === 'pass') return decidePath(exchange, policy)
  let refused: Refused[] | undefined
  for (let index = 0; index < exchange.calls.length; index += 1) {
    const call = exchange.calls[index]
    if (call === undefined) continue
    const at = batch ? index : undefined
    for (const operation of operationsOf(call.message, body, at)) {
      const decision = policy.decide(principal, upstreamName, operation, () =>
        argumentsOf(call, at),
      )
      call.decision = decision
      if (decision.kind === 'allow') continue
      refused ??= []
      refused.push({ call, operation, decision })
      break
    }
  }
  return refused ?? NONE_REFUSED
}

const NONE_REFUSED: readonly Refused[] = []

function argumentsOf(
  { message, exchange }: Call,
  at: number | undefined,
): ReturnType<typeof readArguments> {
  const text = argumentsText(message, exchange.body, at, ARGUMENTS_MAX.charsMax)
  return text === undefined ? undefined : readArguments(text)
}

/** What is passed unread is decided by its path, which says nothing of what it holds. */
function decidePath(
  { principal, upstreamName, path }: Exchange,
  policy: Policy,
): readonly Refused[] {
  const operation: Operation = { kind: 'path', name: path.slice(1), protocol: false }
  const decision = policy.decide(principal, upstreamName, operation, () => ({}))
  return decision.kind === 'allow' ? [] : [{ call: undefined, operation, decision }]
}

function needsScopes({ decision }: Refused, { config }: Current): boolean {
  return decision.scopes.length > 0 && config.policy?.denials === 'challenge'
}

function rejectionOf(exchange: Exchange, refused: Refused, current: Current): Rejection {
  const { operation, decision } = refused
  const others = exchange.calls.length > 1 ? '; nothing of this batch was passed on' : ''
  const what = `${describe(operation)}${others}`
  if (needsScopes(refused, current)) {
    const error = 'insufficient_scope'
    const description = `more scopes are needed for ${what}`
    const { scopes } = decision
    const challenges = current.challenger.insufficientScope(exchange, {
      error,
      scopes,
      description,
    })
    return { kind: 'rejected', reason: error, message: description, challenges }
  }
  return decision.reason === 'condition'
    ? reject(
        'forbidden_arguments',
        `the policy of its operator does not allow these arguments for ${what}`,
      )
    : reject('forbidden', `the policy of its operator does not allow ${what}`)
}

/** Says what the client itself has sent, and so nothing of what exists. */
function describe({ kind, name }: Operation): string {
  return name === undefined
    ? `a ${kind} without a readable name`
    : `the ${kind} ${JSON.stringify(name.slice(0, NAME_SHOWN_MAX))}`
}

const NAME_SHOWN_MAX = 128

function note(log: Log, call: Call | undefined, decision: Denied): void {
  const { method, target } = call?.message ?? {}
  log.write(
    'info',
    'sidelight.policy.denied',
    decision.dryRun ? 'The policy would have denied a call' : 'The policy denied a call',
    {
      'sidelight.upstream.name': call?.exchange.upstreamName,
      'mcp.method.name': method,
      'gen_ai.tool.name': method === 'tools/call' ? target : undefined,
      'gen_ai.prompt.name': method === 'prompts/get' ? target : undefined,
      'sidelight.policy.outcome': decision.dryRun ? 'would_deny' : 'deny',
      'sidelight.policy.reason': decision.reason,
      'sidelight.policy.role': decision.role,
      'sidelight.policy.rule': decision.rule,
      'sidelight.policy.id': decision.policy,
    },
    call?.trace,
  )
}
