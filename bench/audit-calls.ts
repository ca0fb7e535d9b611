/** Calls as the audit log is told of them, without the call itself. */

import { CallAudit } from '../src/audit/call-audit.ts'
import { createRecordIds } from '../src/cli/record-ids.ts'
import { systemClock } from '../src/core/clock.ts'
import type { Call, Exchange } from '../src/core/exchange.ts'
import type { Message } from '../src/core/message.ts'
import type { Outcome } from '../src/core/outcome.ts'
import type { Principal } from '../src/core/principal.ts'
import { assignmentsTo } from '../src/core/redact.ts'
import { createEnvelopeReader } from '../src/mcp/read-envelope.ts'
import type { OpenLog } from './audit-log.ts'

/** People whose calls they are, in turns. */
export const PEOPLE = 1_000

const BODY = Buffer.from(
  JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: {
      name: 'get_forecast',
      arguments: { city: 'Paris', days: 5, units: 'metric', q: 'x'.repeat(120) },
    },
  }),
)

const TARGET = { upstreamName: 'weather', carrier: 'tcp', address: '127.0.0.1', port: 1 } as const
const OK: Outcome = { kind: 'ok' }

/** Records a call by the person with this number, from its beginning to its end. */
export function createCalls({ store, writer }: OpenLog): (n: number) => void {
  const audit = new CallAudit({
    trail: writer,
    clock: systemClock,
    ruleOf: () => ({ level: 'metadata', mode: 'batch' }),
    hashesKey: store.keys.hashes,
    addresses: 'masked',
    redaction: { denyKeys: [], assignments: assignmentsTo(['x']), patterns: [], bytesMax: 0 },
    newId: createRecordIds(),
  })
  const people = Array.from({ length: PEOPLE }, (_, n) => personOf(n))
  const message = readMessage()
  return (n) => {
    const call = callOf(message, people[n % PEOPLE], n)
    const follower = audit.begin(call)
    audit.attempt(call.exchange)
    const startedMs = systemClock.monotonicMs()
    follower.attemptStarted(TARGET, 1, startedMs)
    follower.answered?.({ bytes: 260, resultBytes: 200, result: undefined })
    follower.attemptEnded(OK, startedMs)
    follower.ended(OK, systemClock.monotonicMs())
    audit.exchangeEnded(call.exchange, OK)
  }
}

function personOf(n: number): Principal {
  return {
    key: `user-${n}`,
    issuer: 'https://idp.example',
    subject: `user-${n}`,
    roles: ['analyst'],
    scopes: [],
    organization: 'acme',
    sessionId: undefined,
    actors: [],
    expiresAtMs: 0,
    claims: {},
  }
}

function readMessage(): Message {
  const read = createEnvelopeReader({ depthMax: 50, batchMax: 1 })
  const envelope = read({ 'content-type': 'application/json' }, BODY)
  const message = envelope.kind === 'rejected' ? undefined : envelope.messages[0]
  if (message === undefined) throw new Error('the call of the benchmark is none')
  return message
}

function callOf(message: Message, principal: Principal | undefined, n: number): Call {
  const exchange: Exchange = {
    kind: 'message',
    httpMethod: 'POST',
    httpVersion: '1.1',
    carrier: 'tcp',
    upstreamName: 'weather',
    path: '/weather',
    endpoint: 'mcp',
    query: '',
    rawHeaders: [],
    headers: {},
    body: BODY,
    clientAddress: '10.0.0.7',
    clientPort: 1,
    receivedAtMs: systemClock.monotonicMs(),
    readAtMs: 0,
    turnMs: 0,
    sessionId: `session-of-${n % PEOPLE}`,
    ownerKey: principal?.key,
    principal,
    calls: [],
    batch: false,
  }
  const call: Call = {
    exchange,
    message,
    trace: {
      traceId: n.toString(16).padStart(32, '0'),
      spanId: n.toString(16).padStart(16, '0'),
      traceFlags: 1,
    },
    decision: { kind: 'allow', role: 'analyst', rule: 'weather:*', policy: '0123456789abcdef' },
    record: undefined,
    outcome: undefined,
  }
  exchange.calls = [call]
  return call
}
