/**
 * Which headers cross the sidecar, in both directions.
 *
 * All of them do, spelled and ordered as received, except those that belong to one connection
 * (RFC 9110 §7.6.1) and those that the sender of the new message must make itself.
 */

import type { Injection } from '../core/observer.ts'

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

const REQUEST_ONLY: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'host',
  'content-length',
  'expect',
])

const CONNECTION = 'connection'

const TRACE_HEADERS: ReadonlySet<string> = new Set(['traceparent', 'tracestate'])
const BAGGAGE = 'baggage'

/** What shows who a client is. */
const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'dpop', 'cookie'])

/** Spellings seen before, so that names are lower-cased once and not per request. */
const SPELLINGS_MAX = 512

/** Remembers for each spelling of a header name its lower-case form. */
export class HeaderNames {
  readonly #lower = new Map<string, string>()

  lower(name: string): string {
    const known = this.#lower.get(name)
    if (known !== undefined) return known
    const lower = name.toLowerCase()
    if (this.#lower.size < SPELLINGS_MAX) this.#lower.set(name, lower)
    return lower
  }
}

export interface RequestHeaderRules {
  /** Keep the client's Host instead of naming the upstream. */
  readonly preserveHost: boolean
  /** Set by the operator, in place of the client's; by lower-case name. */
  readonly set: ReadonlyMap<string, { readonly name: string; readonly value: string }>
  /**
   * The client's credentials are for us and go no further (MCP "Access Token Privilege Restriction");
   * the upstream sees the operator's alone.
   */
  readonly dropCredentials: boolean
}

export function requestHeaders(
  raw: readonly string[],
  rules: RequestHeaderRules,
  injection: Injection | undefined,
  names: HeaderNames,
): string[] {
  const listed = connectionOptions(raw, names)
  const out: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? ''
    const lower = names.lower(name)
    if (listed !== undefined && listed.has(lower)) continue
    if (rules.set.size > 0 && rules.set.has(lower)) continue
    if (isOurs(lower, rules, injection)) continue
    out.push(name, raw[i + 1] ?? '')
  }
  if (rules.set.size > 0) for (const { name, value } of rules.set.values()) out.push(name, value)
  if (injection !== undefined) pushInjection(out, injection)
  return out
}

/** Headers of the request that is made here, not of the one that was received. */
function isOurs(
  lower: string,
  rules: RequestHeaderRules,
  injection: Injection | undefined,
): boolean {
  if (REQUEST_ONLY.has(lower)) return lower !== 'host' || !rules.preserveHost
  if (rules.dropCredentials && CREDENTIALS.has(lower)) return true
  if (injection === undefined) return false
  if (lower === BAGGAGE) return injection.headerBaggage !== undefined
  return injection.traceparent !== '' && TRACE_HEADERS.has(lower)
}

function pushInjection(out: string[], injection: Injection): void {
  const { traceparent, tracestate, headerBaggage } = injection
  if (traceparent !== '') out.push('traceparent', traceparent)
  if (traceparent !== '' && tracestate !== '') out.push('tracestate', tracestate)
  if (headerBaggage !== undefined && headerBaggage !== '') out.push(BAGGAGE, headerBaggage)
}

/** Names and values in turn, from the bytes that undici hands out. */
export function responseHeaders(raw: readonly (Buffer | string)[], names: HeaderNames): string[] {
  const out: string[] = []
  let listed: ReadonlySet<string> | undefined
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = text(raw[i])
    const lower = names.lower(name)
    if (lower === CONNECTION) listed = optionsOf(text(raw[i + 1]), listed)
    if (!HOP_BY_HOP.has(lower)) out.push(name, text(raw[i + 1]))
  }
  return listed === undefined ? out : withoutListed(out, listed, names)
}

function text(value: Buffer | string | undefined): string {
  return typeof value === 'string' ? value : (value?.toString('latin1') ?? '')
}

function connectionOptions(
  raw: readonly string[],
  names: HeaderNames,
): ReadonlySet<string> | undefined {
  let listed: ReadonlySet<string> | undefined
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? ''
    if (name.length !== CONNECTION.length || names.lower(name) !== CONNECTION) continue
    listed = optionsOf(raw[i + 1] ?? '', listed)
  }
  return listed
}

/** Headers that a `Connection` header names belong to that connection alone. */
function optionsOf(
  value: string,
  before: ReadonlySet<string> | undefined,
): ReadonlySet<string> | undefined {
  const lower = value.trim().toLowerCase()
  if (lower === 'keep-alive' || lower === 'close') return before
  const options = lower.split(',').map((option) => option.trim())
  return new Set([...(before ?? []), ...options])
}

function withoutListed(
  headers: readonly string[],
  listed: ReadonlySet<string>,
  names: HeaderNames,
): string[] {
  const out: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (!listed.has(names.lower(name))) out.push(name, headers[i + 1] ?? '')
  }
  return out
}
