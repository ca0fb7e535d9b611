/** The log line of a call that has ended. */

import type { Call } from '../core/exchange.ts'
import type { Log } from '../core/log.ts'
import { factsOf, reasonOf, type Outcome } from '../core/outcome.ts'

export function logCall(log: Log, call: Call, outcome: Outcome, atMs: number): void {
  const level = levelOf(outcome)
  if (!log.enabled(level)) return
  const { exchange, message } = call
  const { method, target } = message
  log.write(
    level,
    'sidelight.call.ended',
    'A call ended',
    {
      'sidelight.upstream.name': exchange.upstreamName,
      // A client's answer to a request of the server has none.
      'mcp.method.name': method === '' ? undefined : method,
      'gen_ai.tool.name': method === 'tools/call' ? target : undefined,
      'gen_ai.prompt.name': method === 'prompts/get' ? target : undefined,
      'sidelight.outcome': outcome.kind,
      'sidelight.outcome.reason': reasonOf(outcome),
      'error.type': factsOf(outcome).serverErrorType,
      'sidelight.call.duration': Math.round((atMs - exchange.receivedAtMs) * 1000) / 1e6,
    },
    call.trace,
  )
}

/** What a call's end is worth in the log: only faults of upstreams and ours are for everyone. */
function levelOf(outcome: Outcome): 'debug' | 'warn' {
  const domain = factsOf(outcome).faultDomain
  return domain === 'upstream' || domain === 'sidecar' ? 'warn' : 'debug'
}
