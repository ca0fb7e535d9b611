/**
 * Which headers cross the sidecar, in both directions.
 *
 * All of them do, spelled and ordered as received, except those that belong to one connection
 * (RFC 9110 §7.6.1) and those that the sender of the new message must make itself.
 */

import type { SharedHead } from '../core/exchange.ts'
import type { Injection } from '../core/observer.ts'
import { ownText } from '../core/own-text.ts'
import { countOf, isHeader } from '../core/raw-headers.ts'
import { consistsOf, IN_TOKEN, IN_VALUE } from './http1/characters.ts'

/** What there is to know of a header by its name; a header may be several of these. */
const OF_CONNECTION = 1
const HOST = 2
const CREDENTIAL = 4
const TRACE = 8
const BAGGAGE = 16
const ENCODING = 32
const NO_NAME = 64

const CONNECTION = 'connection'

/** Of one connection, or made by the sender of each request; and what else is told apart. */
const KINDS: ReadonlyMap<string, number> = new Map([
  [CONNECTION, OF_CONNECTION],
  ['content-length', OF_CONNECTION],
  ['expect', OF_CONNECTION],
  ['keep-alive', OF_CONNECTION],
  ['proxy-authenticate', OF_CONNECTION],
  ['proxy-authorization', OF_CONNECTION],
  ['proxy-connection', OF_CONNECTION],
  ['te', OF_CONNECTION],
  ['trailer', OF_CONNECTION],
  ['transfer-encoding', OF_CONNECTION],
  ['upgrade', OF_CONNECTION],
  ['host', HOST],
  // What shows who a client is.
  ['authorization', CREDENTIAL],
  ['cookie', CREDENTIAL],
  ['dpop', CREDENTIAL],
  ['traceparent', TRACE],
  ['tracestate', TRACE],
  ['baggage', BAGGAGE],
  ['accept-encoding', ENCODING],
])

/** Spellings seen before, so that names are looked at once and not per request. */
const SPELLINGS_MAX = 512

/** Names up to this length are remembered. */
const KEPT_NAME_MAX = 64

/** Values up to this length are remembered, and no secrets. */
const KEPT_VALUE_MAX = 256

interface HeaderName {
  readonly lower: string
  readonly kind: number
  /** The last value of this header, which is often the next one too, and the line that it makes. */
  value: string | undefined
  line: string
}

const NOT_A_NAME: HeaderName = { lower: '', kind: NO_NAME, value: undefined, line: '' }

/** Remembers for each spelling of a header name what it is. */
export class HeaderNames {
  readonly #known = new Map<string, HeaderName>()

  of(spelled: string): HeaderName {
    return this.#known.get(spelled) ?? this.#learn(spelled)
  }

  #learn(spelled: string): HeaderName {
    if (spelled === '' || !consistsOf(IN_TOKEN, spelled)) return NOT_A_NAME
    // A part of a text keeps the whole text in memory: here the head of a request, with what is secret in it.
    const own = ownText(spelled)
    const lower = own.toLowerCase()
    const name = { lower, kind: KINDS.get(lower) ?? 0, value: undefined, line: '' }
    const { length } = own
    if (length <= KEPT_NAME_MAX && this.#known.size < SPELLINGS_MAX) this.#known.set(own, name)
    return name
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

/** What the lines of a request's headers are made of. */
export interface RequestHeaders {
  /** Names and values in turn, as received. */
  readonly raw: readonly string[]
  /** What is kept of them from one request to the next. */
  readonly shared?: SharedHead | undefined
  /** The upstream's, the same whenever the rules are the same object. */
  readonly host: string
  readonly rules: RequestHeaderRules
  readonly injection: Injection | undefined
  /** Asks for a reply that is not compressed. */
  readonly plain: boolean
}

/**
 * The lines of the headers, each with its end; undefined when one of them must not be written, or when
 * there would be two hosts.
 */
export function headerLines(headers: RequestHeaders, names: HeaderNames): string | undefined {
  const theirs = knownLines(headers, names)
  const ours = linesOfOurs(headers)
  return theirs === undefined || ours === undefined ? undefined : theirs + ours
}

/** The host and the lines of the client, which are made once for all requests with the same head. */
function knownLines(headers: RequestHeaders, names: HeaderNames): string | undefined {
  const { shared, rules } = headers
  if (shared === undefined) return theirLines(headers, names)
  const dropped = droppedKinds(headers)
  const { onward } = shared
  if (onward?.rules === rules && onward.dropped === dropped) return onward.lines
  const lines = theirLines(headers, names)
  if (lines !== undefined) shared.onward = { rules, dropped, lines: ownText(lines) }
  return lines
}

function theirLines(headers: RequestHeaders, names: HeaderNames): string | undefined {
  const listed = connectionOptions(headers.raw)
  if (listed !== undefined) {
    return theirLines({ ...headers, raw: withoutListed(headers.raw, listed) }, names)
  }
  const host = hostLine(headers)
  const clients = clientLines(headers, names)
  return host === undefined || clients === undefined ? undefined : host + clients
}

/** The upstream's host, unless the client's is kept and stands among its headers. */
function hostLine({ raw, host, rules }: RequestHeaders): string | undefined {
  const own = `host: ${host}\r\n`
  if (!rules.preserveHost) return own
  const hosts = countOf(raw, 'host')
  if (hosts > 1) return undefined
  return hosts === 1 ? '' : own
}

function clientLines(headers: RequestHeaders, names: HeaderNames): string | undefined {
  const { raw, rules } = headers
  const { set } = rules
  const dropped = droppedKinds(headers)
  let lines = ''
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? ''
    const value = raw[i + 1] ?? ''
    const known = names.of(name)
    if ((known.kind & dropped) !== 0 || (set.size > 0 && set.has(known.lower))) continue
    const line = known.value === value ? known.line : lineOf(known, name, value)
    if (line === undefined) return undefined
    lines += line
  }
  return lines
}

/** The line of one header, kept for the next request; undefined when it must not be written. */
function lineOf(known: HeaderName, name: string, value: string): string | undefined {
  const { kind } = known
  if (kind === NO_NAME || !consistsOf(IN_VALUE, value)) return undefined
  const line = `${name}: ${value}\r\n`
  if (kind === CREDENTIAL || value.length > KEPT_VALUE_MAX) return line
  // Taken from the line, which is a text of its own then, and no longer from the head that it came in.
  known.value = line.slice(name.length + 2, -2)
  known.line = line
  return line
}

function droppedKinds({ rules, injection, plain }: RequestHeaders): number {
  let kinds = OF_CONNECTION
  if (!rules.preserveHost) kinds |= HOST
  if (rules.dropCredentials) kinds |= CREDENTIAL
  if (plain) kinds |= ENCODING
  if (injection === undefined) return kinds
  if (injection.traceparent !== '') kinds |= TRACE
  return injection.headerBaggage === undefined ? kinds : kinds | BAGGAGE
}

/** What the operator and the trace add. */
function linesOfOurs({ rules, injection }: RequestHeaders): string | undefined {
  let lines = ''
  if (rules.set.size > 0) {
    for (const { name, value } of rules.set.values()) {
      if (name === '' || !consistsOf(IN_TOKEN, name)) return undefined
      if (!consistsOf(IN_VALUE, value)) return undefined
      lines += `${name}: ${value}\r\n`
    }
  }
  return injection === undefined ? lines : withInjection(lines, injection)
}

function withInjection(before: string, injection: Injection): string | undefined {
  const { traceparent, tracestate, headerBaggage = '' } = injection
  const state = traceparent === '' ? '' : tracestate
  if (!consistsOf(IN_VALUE, traceparent)) return undefined
  if (!consistsOf(IN_VALUE, state) || !consistsOf(IN_VALUE, headerBaggage)) return undefined
  let lines = before
  if (traceparent !== '') lines += `traceparent: ${traceparent}\r\n`
  if (state !== '') lines += `tracestate: ${state}\r\n`
  return headerBaggage === '' ? lines : `${lines}baggage: ${headerBaggage}\r\n`
}

/** What all `Connection` headers name; undefined when that is nothing but what is gone anyway. */
function connectionOptions(raw: readonly string[]): ReadonlySet<string> | undefined {
  let listed: ReadonlySet<string> | undefined
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (!isHeader(raw[i] ?? '', CONNECTION)) continue
    listed = optionsOf(raw[i + 1] ?? '', listed)
  }
  return listed
}

/**
 * Headers that a `Connection` header names belong to that connection alone. `before` are those that
 * another one named; undefined when there is nothing but what is gone anyway.
 */
export function optionsOf(
  value: string,
  before: ReadonlySet<string> | undefined,
): ReadonlySet<string> | undefined {
  const lower = value.trim().toLowerCase()
  if (lower === 'keep-alive' || lower === 'close') return before
  const options = lower.split(',').map((option) => option.trim())
  return new Set([...(before ?? []), CONNECTION, ...options])
}

/** Headers, as names and values in turn, without those that a `Connection` header names. */
export function withoutListed(headers: readonly string[], listed: ReadonlySet<string>): string[] {
  return headers.filter((_, index) => {
    const name = headers[index - (index % 2)] ?? ''
    return !listed.has(name.toLowerCase())
  })
}
