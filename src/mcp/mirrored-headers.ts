/**
 * The request headers of 2026-07-28 that repeat parts of the body
 * (Streamable HTTP transport, "Standard request headers").
 *
 * Whoever acts on the body must refuse a request whose headers say something else; otherwise two
 * parties on the path could decide about two different calls. A header that is missing is left to
 * the upstream to refuse: nothing here relies on it.
 */

import { headerOf, type HeaderRecord } from '../core/exchange.ts'
import type { Message } from '../core/message.ts'
import { mirrorsAName } from './methods.ts'
import { isModern } from './revisions.ts'

/** What differs, for the -32020 answer; undefined when headers and body agree. */
export interface HeaderMismatch {
  readonly header: 'MCP-Protocol-Version' | 'Mcp-Method' | 'Mcp-Name'
  readonly message: string
}

export function findHeaderMismatch(
  headers: HeaderRecord,
  message: Message,
): HeaderMismatch | undefined {
  const version = headerOf(headers, 'mcp-protocol-version')
  if (version?.includes(',') === true) {
    return mismatch('MCP-Protocol-Version', 'it must be sent once, with one revision')
  }
  if (!isModern(version) && !message.claimsModern) return undefined
  if (message.claimsModern && version !== undefined && version !== message.protocolVersion) {
    return mismatch('MCP-Protocol-Version', `_meta says ${show(message.protocolVersion)}`)
  }
  const method = headerOf(headers, 'mcp-method')
  if (method !== undefined && method !== message.method && message.kind !== 'response') {
    return mismatch('Mcp-Method', `the body's method is ${show(message.method)}`)
  }
  return findNameMismatch(headers, message)
}

/** A member that is missing, no text or too long to be read agrees with no header. */
function findNameMismatch(headers: HeaderRecord, message: Message): HeaderMismatch | undefined {
  const name = headerOf(headers, 'mcp-name')
  if (name === undefined || !mirrorsAName(message.method)) return undefined
  const { mirroredName } = message
  return mirroredName !== undefined && decodeHeaderValue(name) === mirroredName
    ? undefined
    : mismatch('Mcp-Name', `the body names ${show(mirroredName)}`)
}

/**
 * A header value that HTTP cannot carry as it is comes as `=?base64?…?=`. Undefined when the
 * sentinel holds no canonical base64 of UTF-8.
 */
export function decodeHeaderValue(value: string): string | undefined {
  const encoded = /^=\?base64\?(.*)\?=$/.exec(value)?.[1]
  if (encoded === undefined) return value
  const bytes = Buffer.from(encoded, 'base64')
  if (bytes.toString('base64') !== encoded) return undefined
  const text = bytes.toString('utf8')
  return Buffer.from(text, 'utf8').equals(bytes) ? text : undefined
}

/** A value as a header can carry it: as it is, or in base64 between the sentinel's marks. */
export function encodeHeaderValue(value: string): string {
  const safe = /^[\u0021-\u007e](?:[\u0020-\u007e]*[\u0021-\u007e])?$/.test(value)
  const looksEncoded = /^=\?base64\?.*\?=$/.test(value)
  if (safe && !looksEncoded) return value
  return `=?base64?${Buffer.from(value, 'utf8').toString('base64')}?=`
}

function mismatch(header: HeaderMismatch['header'], found: string): HeaderMismatch {
  return { header, message: `Header mismatch: ${header} does not match the body: ${found}` }
}

function show(value: string | undefined): string {
  return value === undefined ? 'nothing' : JSON.stringify(value.slice(0, 128))
}
