/** What is recorded of a call besides how it ended: who, from where, what. */

import type { AuditValue } from '../core/audit.ts'
import type { Call, Exchange } from '../core/exchange.ts'
import { factsOf, reasonOf, type Outcome } from '../core/outcome.ts'
import { uriWithoutSecrets } from '../core/redact.ts'
import { bytesText, membersText } from './json-text.ts'

/** How addresses of clients are shown; `masked`: the network alone (IPv4 /24, IPv6 /48). */
export type AddressRule = 'full' | 'masked' | 'none'

/** Names of clients' choosing are cut to so many characters. */
const NAME_CHARS_MAX = 256

type Body = Readonly<Record<string, AuditValue>>

export function showAddress(address: string | undefined, rule: AddressRule): string | undefined {
  if (address === undefined || rule === 'none') return undefined
  if (rule === 'full') return address
  const [, v4] = /^(?:::ffff:)?(\d+\.\d+\.\d+)\.\d+$/i.exec(address) ?? []
  if (v4 !== undefined) return `${v4}.0/24`
  return address === '::1' ? address : `${firstGroups(address)}::/48`
}

/** The first three groups of an IPv6 address, those that `::` leaves out included. */
function firstGroups(address: string): string {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::')
  const groups = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - after.length)
  const all = [...groups, ...Array.from({ length: zeros }, () => '0'), ...after]
  return all.slice(0, 3).join(':')
}

/** What was called. */
export function whatOf({ exchange, message }: Call): Body {
  const { method, target, resourceUri } = message
  return {
    upstream: cut(exchange.upstreamName),
    method: cut(method),
    tool: method === 'tools/call' ? cut(target) : undefined,
    prompt: method === 'prompts/get' ? cut(target) : undefined,
    resource: resourceUri === undefined ? undefined : cut(uriWithoutSecrets(resourceUri)),
  }
}

export function exchangeOf({ upstreamName, kind, httpMethod, endpoint }: Exchange): Body {
  return { upstream: cut(upstreamName), exchange: kind, httpMethod: cut(httpMethod), endpoint }
}

export function decisionOf({ decision }: Call): AuditValue {
  if (decision === undefined) return undefined
  const { kind, role, rule, policy } = decision
  if (kind === 'allow') return { effect: kind, role, rule, policy }
  return { effect: kind, reason: decision.reason, role, rule, policy, dryRun: decision.dryRun }
}

/** Never a message: it may hold anything. */
export function endOf(outcome: Outcome): Body {
  return {
    outcome: outcome.kind,
    reason: reasonOf(outcome),
    code: outcome.kind === 'rpc_error' ? outcome.code : undefined,
    status: outcome.kind === 'upstream_status' ? outcome.status : undefined,
    errorType: factsOf(outcome).clientErrorType,
  }
}

const SAID_BY_KIND: ReadonlyMap<Outcome['kind'], string> = new Map(
  (['ok', 'input_required', 'task', 'tool_error', 'cancelled', 'internal'] as const).map((kind) => [
    kind,
    bytesText(membersText(endOf({ kind }))),
  ]),
)

/** The same as JSON members, each with a comma before it; a character for each byte. */
export function endText(outcome: Outcome): string {
  return SAID_BY_KIND.get(outcome.kind) ?? bytesText(membersText(endOf(outcome)))
}

function cut(text: string): string
function cut(text: string | undefined): string | undefined
function cut(text: string | undefined): string | undefined {
  return text?.slice(0, NAME_CHARS_MAX)
}
