/**
 * The conditions under which attributes have to be there, as code: those that the registry words in
 * `conditionally_required` and `recommended`. `free` says nothing.
 */

import { OTLP } from '../support/otlp-types.ts'
import type { Carrier } from './exports.ts'

export type Wanted = 'there' | 'absent' | 'free'

/** Endings in which the upstream answered, so that the message was a sound one. */
const ANSWERED: ReadonlySet<unknown> = new Set([
  'ok',
  'input_required',
  'task',
  'tool_error',
  'rpc_error',
])

const RESOURCE_METHODS: ReadonlySet<unknown> = new Set([
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'notifications/resources/updated',
])

const iff = (condition: boolean): Wanted => (condition ? 'there' : 'absent')

const methodOf = ({ values }: Carrier): string => String(values['mcp.method.name'])

/**
 * Absent on calls of other methods; what is about no call, such as a breaker, may have it. That it is there cannot be told from what was exported: clients
 * may name nothing, or what no label can hold; test/e2e/otel-scenarios.test.ts holds it against calls.
 */
const ofMethods =
  (methods: (method: string) => boolean) =>
  (carrier: Carrier): Wanted =>
    carrier.values['mcp.method.name'] === undefined || methods(methodOf(carrier))
      ? 'free'
      : 'absent'

function overTcp({ values }: Carrier): Wanted {
  const transport = values['network.transport']
  return transport === undefined ? 'free' : iff(transport === 'tcp')
}

function isAttempt({ on, values }: Carrier): boolean {
  return on === 'span' && values['sidelight.attempt'] !== undefined
}

function ofAttempts(wanted: Wanted) {
  return (carrier: Carrier): Wanted => (isAttempt(carrier) ? wanted : 'absent')
}

const REQUEST_METHODS =
  /^(initialize|ping|(tools|resources|prompts|sampling|completion|roots|elicitation|logging|server|subscriptions|tasks)\/.+)$/

export const CONDITIONS: Readonly<Record<string, (carrier: Carrier) => Wanted>> = {
  'gen_ai.tool.name': ofMethods((method) => method === 'tools/call'),
  'gen_ai.prompt.name': ofMethods((method) => method === 'prompts/get'),
  'mcp.resource.uri': ofMethods((method) => RESOURCE_METHODS.has(method)),
  'gen_ai.operation.name': ({ values }) => iff(values['gen_ai.tool.name'] !== undefined),
  'error.type': (carrier) =>
    carrier.on === 'span' ? iff(carrier.statusCode === OTLP.error) : 'free',
  'rpc.response.status_code': ({ values }) =>
    values['sidelight.outcome'] === undefined
      ? 'free'
      : iff(values['sidelight.outcome'] === 'rpc_error'),
  'jsonrpc.request.id': (carrier) => {
    const method = methodOf(carrier)
    if (method.startsWith('notifications/')) return 'absent'
    // A method that MCP does not have may be a notification all the same.
    if (!REQUEST_METHODS.test(method)) return 'free'
    return ANSWERED.has(carrier.values['sidelight.outcome']) ? 'there' : 'free'
  },
  'jsonrpc.protocol.version': ({ values }) =>
    values['jsonrpc.protocol.version'] === '2.0' ? 'absent' : 'free',
  'network.protocol.name': overTcp,
  'network.protocol.version': overTcp,
  'server.address': (carrier) => {
    const wanted = overTcp(carrier)
    return wanted === 'there' && !isAttempt(carrier) ? 'free' : wanted
  },
  'server.port': ({ values }) => iff(values['server.address'] !== undefined),
  'client.port': ({ values }) => iff(values['client.address'] !== undefined),
  'sidelight.call.repeats': () => 'free',
  // Absent on the CLIENT span of what an upstream asks a client: that is no attempt.
  'sidelight.attempt': () => 'free',
  'sidelight.request.size': ofAttempts('there'),
  'sidelight.queue.duration': () => 'free',
  'sidelight.connect.duration': ofAttempts('free'),
  'sidelight.first_event.duration': ofAttempts('free'),
  'sidelight.response.size': ofAttempts('free'),
  // Of requests that never became a call the method is not known.
  'mcp.method.name': () => 'free',
  // Whether a policy was asked, and what an alert is about, is not said elsewhere in what is exported.
  'sidelight.policy.outcome': () => 'free',
  'sidelight.upstream.name': () => 'free',
  'sidelight.telemetry.signal': () => 'free',
  'sidelight.policy.reason': ({ values }) => {
    const outcome = values['sidelight.policy.outcome']
    return outcome === undefined ? 'absent' : iff(outcome !== 'allow')
  },
  'sidelight.policy.role': () => 'free',
  'sidelight.policy.rule': () => 'free',
  'sidelight.auth.refusal': ({ values }) =>
    values['sidelight.auth.outcome'] === undefined
      ? 'free'
      : iff(values['sidelight.auth.outcome'] !== 'authenticated'),
  'sidelight.outcome.reason': ({ values }) =>
    values['sidelight.outcome'] === undefined
      ? 'free'
      : iff(
          values['sidelight.outcome'] === 'rejected' ||
            values['sidelight.outcome'] === 'upstream_failed',
        ),
}
