/**
 * What a Streamable HTTP server must check of a request, for servers that cannot because they speak
 * over their standard streams.
 */

import { headerOf, type Exchange } from '../../core/exchange.ts'
import type { Message } from '../../core/message.ts'
import { reject, type Rejection } from '../../core/outcome.ts'
import { mirrorsAName } from '../../mcp/methods.ts'
import { isModern, KNOWN_REVISIONS } from '../../mcp/revisions.ts'
import type { WireLine, WireMessage } from '../../mcp/wire-message.ts'

/** True when a message belongs to the stateless era: by its own claim, or by the header alone. */
export function isModernExchange(exchange: Exchange): boolean {
  const [first] = exchange.calls
  if (first === undefined || exchange.batch) return false
  const { claimsModern, protocolVersion } = first.message
  // A claim that is neither a later revision nor an earlier one is no handshake either.
  if (claimsModern) return !isLegacyRevision(protocolVersion)
  return isModern(headerOf(exchange.headers, 'mcp-protocol-version'))
}

function isLegacyRevision(revision: string | undefined): boolean {
  return revision !== undefined && KNOWN_REVISIONS.includes(revision) && !isModern(revision)
}

/**
 * 2026-07-28 Streamable HTTP, "Standard request headers" and "Error responses". That headers which
 * are there agree with the body has been checked before, for every upstream.
 */
export function checkModern(exchange: Exchange, line: WireLine): Rejection | undefined {
  const [call] = exchange.calls
  const message = call?.message
  if (message === undefined || message.kind === 'response') {
    return reject('invalid_request', 'clients send no responses in this protocol revision')
  }
  const missing = missingHeader(exchange, message.method, message.mirroredName)
  if (missing !== undefined) {
    return reject('header_mismatch', `Header mismatch: ${missing} is missing`)
  }
  const wire = line?.[0]
  if (wire === undefined || wire.ambiguous) return AMBIGUOUS
  if (message.kind === 'notification') return undefined
  return checkMeta(message, wire)
}

const AMBIGUOUS: Rejection = reject(
  'invalid_request',
  'member names must not be repeated, nor stand in another case: servers read them in different ways',
)

function checkMeta(message: Message, wire: WireMessage): Rejection | undefined {
  if (!message.claimsModern || !wire.namesCapabilities) {
    return reject(
      'invalid_meta',
      'the request lacks io.modelcontextprotocol/protocolVersion or /clientCapabilities in params._meta',
    )
  }
  if (isModern(message.protocolVersion)) return undefined
  return {
    ...reject('unsupported_revision', 'Unsupported protocol version'),
    data: {
      supported: KNOWN_REVISIONS.filter(isModern),
      requested: message.protocolVersion ?? '',
    },
  }
}

function missingHeader(
  { headers }: Exchange,
  method: string,
  mirroredName: string | undefined,
): string | undefined {
  if (headers['mcp-protocol-version'] === undefined) return 'MCP-Protocol-Version'
  if (headers['mcp-method'] === undefined) return 'Mcp-Method'
  const needsName = mirrorsAName(method) && mirroredName !== undefined
  return needsName && headers['mcp-name'] === undefined ? 'Mcp-Name' : undefined
}

/** 2025-11-25 Streamable HTTP, "Session Management" and "Protocol Version Header". */
export function checkLegacy(exchange: Exchange, initializes: boolean): Rejection | undefined {
  if (exchange.kind === 'other') return METHOD_NOT_ALLOWED
  if (exchange.sessionId === undefined && !initializes) {
    return exchange.kind === 'message'
      ? reject('session_required', 'Mcp-Session-Id is missing; start with initialize')
      : METHOD_NOT_ALLOWED
  }
  if (initializes && exchange.calls.length > 1) {
    return reject('invalid_request', 'initialize must not be part of a batch')
  }
  const version = headerOf(exchange.headers, 'mcp-protocol-version')
  if (initializes || version === undefined || KNOWN_REVISIONS.includes(version)) return undefined
  return reject(
    'bad_revision',
    `Unsupported protocol version (supported: ${KNOWN_REVISIONS.join(', ')})`,
  )
}

/** Without a session there is no stream to listen to and nothing to end. */
const METHOD_NOT_ALLOWED: Rejection = reject('method_not_allowed', 'use POST')

/**
 * HTTP statuses of errors of the protocol itself (2026-07-28 Streamable HTTP, "Error responses");
 * errors of tools and other handlers come with 200.
 */
const STATUS_OF_CODE: Readonly<Record<number, number>> = {
  [-32700]: 400,
  [-32600]: 400,
  [-32601]: 404,
  [-32020]: 400,
  [-32021]: 400,
  [-32022]: 400,
}

/** The status that goes with an answer; `errorCode` is undefined for results. */
export function statusOfAnswer(errorCode: number | undefined): number {
  return (errorCode === undefined ? undefined : STATUS_OF_CODE[errorCode]) ?? 200
}
