/** What is known of a call before it goes out: its span's name, its labels, its attributes. */

import { headerOf, type Call } from '../core/exchange.ts'
import type { JsonRpcId } from '../core/message.ts'
import { uriWithoutSecrets } from '../core/redact.ts'
import type { CallHandles } from './call-metrics.ts'
import type { AgreedRevisions } from './agreed-revisions.ts'
import { isPlain } from './label-guard.ts'
import { ATTR, OTHER } from './names.ts'
import type { AttributeValue } from './span.ts'

export interface Vocabulary {
  readonly methods: ReadonlySet<string>
  readonly revisions: ReadonlySet<string>
  readonly upstreams: ReadonlySet<string>
}

export interface CallDescription {
  /** `{mcp.method.name} {target}`, or the method alone. */
  readonly spanName: string
  /** The method, or `_OTHER` when MCP knows no such method. */
  readonly method: string
  readonly tool: string | undefined
  readonly prompt: string | undefined
  /** The upstream, or `_OTHER` when the client named one that does not exist. */
  readonly upstream: string
  /** `execute_tool` for tool calls, else empty. */
  readonly operationName: string
  /** The revision, `_OTHER` when unknown, empty when the message does not say. */
  readonly protocolVersion: string
  /**
   * Span attributes that all such calls have, names and values in turn, by what carries the messages of
   * the span; one list for all of them, so that its bytes are made once.
   */
  readonly attributes: Readonly<Record<'tcp' | 'pipe', readonly AttributeValue[]>>
  /** Where such calls are recorded, by ending; filled by call-metrics.ts. */
  readonly handles: Map<string, CallHandles>
}

/** Calls are alike: what was described last is looked at first. */
const RECENT_MAX = 8

/** Descriptions that are kept; one more, and all are made anew. */
const KEPT_MAX = 1_024

/** A longer target is no name, and not kept. */
const KEPT_CHARS_MAX = 256

interface Recent {
  readonly method: string
  readonly target: string | undefined
  readonly upstreamName: string
  readonly revision: string | undefined
  readonly description: CallDescription
}

/** Made once per process from the protocol layer's lists. */
export function createCallDescriber(
  vocabulary: Vocabulary,
  agreed: AgreedRevisions,
): (call: Call) => CallDescription {
  const recent: Recent[] = []
  let next = 0
  const all = new Map<string, CallDescription>()
  const kept = (call: Call, revision: string | undefined): CallDescription => {
    const { method, target } = call.message
    const { upstreamName } = call.exchange
    // All of it comes from clients, so what ends where is said by lengths.
    const lengths = `${upstreamName.length} ${revision?.length} ${method.length} ${target?.length}`
    const key = `${lengths} ${upstreamName}${revision}${method}${target}`
    if (key.length > KEPT_CHARS_MAX) return describe(call, revision, vocabulary)
    const known = all.get(key)
    if (known !== undefined) return known
    const description = describe(call, revision, vocabulary)
    // A newer configuration may know the upstream.
    if (description.upstream === OTHER) return description
    if (all.size >= KEPT_MAX) all.clear()
    all.set(key, description)
    return description
  }
  return (call) => {
    const { method, target } = call.message
    const { upstreamName } = call.exchange
    const revision = revisionOf(call) ?? agreed.of(call.exchange)
    for (const one of recent) {
      if (
        one.method === method &&
        one.target === target &&
        one.upstreamName === upstreamName &&
        one.revision === revision
      ) {
        return one.description
      }
    }
    const description = kept(call, revision)
    if (description.upstream === OTHER) return description
    recent[next] = { method, target, upstreamName, revision, description }
    next = (next + 1) % RECENT_MAX
    return description
  }
}

function describe(
  { exchange, message }: Call,
  revision: string | undefined,
  vocabulary: Vocabulary,
): CallDescription {
  const shown = isPlain(message.method) ? message.method : OTHER
  const target =
    message.target !== undefined && isPlain(message.target) ? message.target : undefined
  const tool = message.method === 'tools/call' ? target : undefined
  const prompt = message.method === 'prompts/get' ? target : undefined
  const upstream = boundedBy(vocabulary.upstreams, exchange.upstreamName)
  const attributes: AttributeValue[] = [ATTR.methodName, shown, ATTR.upstreamName, upstream]
  if (tool !== undefined) attributes.push(ATTR.toolName, tool, ATTR.operationName, EXECUTE_TOOL)
  if (prompt !== undefined) attributes.push(ATTR.promptName, prompt)
  if (revision !== undefined) attributes.push(ATTR.protocolVersion, revision)
  return {
    spanName: target === undefined ? shown : `${shown} ${target}`,
    method: boundedBy(vocabulary.methods, message.method),
    tool,
    prompt,
    upstream,
    operationName: tool === undefined ? '' : EXECUTE_TOOL,
    protocolVersion: revision === undefined ? '' : boundedBy(vocabulary.revisions, revision),
    attributes: {
      tcp: [...attributes, ATTR.networkTransport, 'tcp', ATTR.networkProtocolName, HTTP],
      pipe: [...attributes, ATTR.networkTransport, 'pipe'],
    },
    handles: new Map(),
  }
}

const EXECUTE_TOOL = 'execute_tool'

/** The value itself when it is a known one: what clients send must not make new series. */
export function boundedBy(known: ReadonlySet<string>, value: string): string {
  return known.has(value) ? value : OTHER
}

/**
 * The attributes of both spans that are this call's own, names and values in turn (MCP conventions,
 * "Client" and "Server"). Made only for calls that are sampled.
 */
export function callAttributes({ exchange, message }: Call): AttributeValue[] {
  const list: AttributeValue[] = []
  const { id, resourceUri, jsonrpc } = message
  if (id !== undefined && id.key !== 'null') list.push(ATTR.requestId, showId(id))
  if (resourceUri !== undefined) list.push(ATTR.resourceUri, uriWithoutSecrets(resourceUri))
  if (exchange.sessionId !== undefined) list.push(ATTR.sessionId, exchange.sessionId)
  // The conventions ask for it only when it is not the usual one.
  if (jsonrpc !== undefined && jsonrpc !== '2.0') list.push(ATTR.jsonrpcVersion, jsonrpc)
  return list
}

/** Those of the SERVER span alone. */
export function serverAttributes({ exchange }: Call): AttributeValue[] {
  if (exchange.carrier === 'pipe') return []
  const list: AttributeValue[] = [ATTR.networkProtocolVersion, exchange.httpVersion]
  if (exchange.clientAddress !== undefined) list.push(ATTR.clientAddress, exchange.clientAddress)
  if (exchange.clientPort !== undefined) list.push(ATTR.clientPort, exchange.clientPort)
  return list
}

/** Upstreams are spoken to in HTTP/1.1. */
export const UPSTREAM_HTTP_VERSION = '1.1'

/** `network.protocol.name` of what goes over connections; on pipes there is none. */
export const HTTP = 'http'

function revisionOf({ exchange, message }: Call): string | undefined {
  return message.protocolVersion ?? headerOf(exchange.headers, 'mcp-protocol-version')
}

/** The id as a string: a number as it was written, a string without its quotes. */
export function showId({ raw, key }: JsonRpcId): string {
  return key.startsWith('s') ? key.slice(1) : raw
}
