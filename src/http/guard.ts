/**
 * Host and Origin validation against DNS rebinding (MCP Streamable HTTP, "Security warning").
 *
 * A web page can make a browser send requests to a loopback address under a name that its author
 * controls; the name then stands in Host, and the page's origin in Origin. Neither is forged by an
 * honest client, so anything unexpected is refused.
 */

import { isIP } from 'node:net'
import { headerOf, type HeaderRecord } from '../core/exchange.ts'
import { reject, type Rejection } from '../core/outcome.ts'
import { countOf } from '../core/raw-headers.ts'

export interface PeerRules {
  /** True when the listener is bound to a loopback address. */
  readonly loopback: boolean
  /** Host names accepted besides loopback names (and, off loopback, besides address literals). */
  readonly hosts: ReadonlySet<string>
  /** Origins accepted besides loopback ones; `*` accepts any. */
  readonly origins: ReadonlySet<string>
}

/** A request's head, as Node reads it. */
export interface RequestHead {
  readonly headers: HeaderRecord
  readonly rawHeaders: readonly string[]
}

export function checkPeer(
  { headers, rawHeaders }: RequestHead,
  rules: PeerRules,
): Rejection | undefined {
  const host = headerOf(headers, 'host')
  // Node keeps the first of several; the next server may keep another.
  if (host === undefined || countOf(rawHeaders, 'host') > 1 || !hostAllowed(host, rules)) {
    return reject('forbidden_host', 'this Host is not allowed; add it to listen.allowedHosts')
  }
  const origin = headerOf(headers, 'origin')
  if (origin === undefined || originAllowed(origin, rules)) return undefined
  return reject('forbidden_origin', 'this Origin is not allowed; add it to listen.allowedOrigins')
}

function hostAllowed(host: string, rules: PeerRules): boolean {
  if (isUsualLoopback(host)) return true
  const name = hostName(host)
  if (name === undefined) return false
  if (isLoopbackName(name) || rules.hosts.has(name)) return true
  // An address literal cannot be rebound: it is no name that anybody could point elsewhere.
  return !rules.loopback && isIP(name) !== 0
}

/** What clients beside us send, found without an expression: `127.0.0.1:8420`, `localhost`. */
function isUsualLoopback(host: string): boolean {
  for (const name of USUAL_LOOPBACK) {
    if (host.startsWith(name)) return host.length === name.length || endsInPort(host, name.length)
  }
  return false
}

const USUAL_LOOPBACK = ['127.0.0.1', 'localhost'] as const

/** A colon and one to five digits. */
function endsInPort(host: string, colon: number): boolean {
  const digits = host.length - colon - 1
  if (host[colon] !== ':' || digits < 1 || digits > 5) return false
  for (let i = colon + 1; i < host.length; i += 1) {
    const code = host.charCodeAt(i)
    if (code < 0x30 || code > 0x39) return false
  }
  return true
}

function originAllowed(origin: string, rules: PeerRules): boolean {
  if (rules.origins.has('*') || rules.origins.has(origin.toLowerCase())) return true
  if (!rules.loopback) return false
  const authority = /^https?:\/\/([^/?#]+)$/i.exec(origin)?.[1]
  const name = authority === undefined ? undefined : hostName(authority)
  return name !== undefined && isLoopbackName(name)
}

/** The name in `name`, `name:port`, `[v6]` or `[v6]:port`, in lower case; undefined when it is none. */
function hostName(host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host.trim())
  return (match?.[1] ?? match?.[2])?.toLowerCase()
}

export function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'))
}
