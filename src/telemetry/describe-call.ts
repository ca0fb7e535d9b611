/** The attributes of a call that are known before it goes out. */

import type { Attributes } from '@opentelemetry/api'
import { headerOf, type Call } from '../core/exchange.ts'
import { isPlain } from './label-guard.ts'
import { ATTR, OTHER } from './names.ts'

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
  /** The few that a sampler may decide on. */
  readonly samplingAttributes: Attributes
  /** Those of both spans. */
  readonly attributes: Attributes
  /** Those of the SERVER span alone. */
  readonly serverAttributes: Attributes
}

/** Made once per process from the protocol layer's lists. */
export function createCallDescriber(vocabulary: Vocabulary): (call: Call) => CallDescription {
  return (call) => describe(call, vocabulary)
}

function describe(call: Call, vocabulary: Vocabulary): CallDescription {
  const { exchange, message } = call
  const shown = isPlain(message.method) ? message.method : OTHER
  const target =
    message.target !== undefined && isPlain(message.target) ? message.target : undefined
  const tool = message.method === 'tools/call' ? target : undefined
  const prompt = message.method === 'prompts/get' ? target : undefined
  const version = message.protocolVersion ?? headerOf(exchange.headers, 'mcp-protocol-version')
  const upstream = boundedBy(vocabulary.upstreams, exchange.upstreamName)
  const samplingAttributes: Attributes = {
    [ATTR.methodName]: shown,
    [ATTR.upstreamName]: upstream,
  }
  if (tool !== undefined) samplingAttributes[ATTR.toolName] = tool
  if (prompt !== undefined) samplingAttributes[ATTR.promptName] = prompt
  return {
    spanName: target === undefined ? shown : `${shown} ${target}`,
    method: boundedBy(vocabulary.methods, message.method),
    tool,
    prompt,
    upstream,
    operationName: tool === undefined ? '' : 'execute_tool',
    protocolVersion: version === undefined ? '' : boundedBy(vocabulary.revisions, version),
    samplingAttributes,
    attributes: commonAttributes(call, tool, version),
    serverAttributes: serverAttributes(call),
  }
}

/** The value itself when it is a known one: what clients send must not make new series. */
export function boundedBy(known: ReadonlySet<string>, value: string): string {
  return known.has(value) ? value : OTHER
}

function commonAttributes(
  { exchange, message }: Call,
  tool: string | undefined,
  version: string | undefined,
): Attributes {
  const attributes: Attributes = {
    [ATTR.networkTransport]: 'tcp',
    [ATTR.networkProtocolName]: 'http',
  }
  if (tool !== undefined) attributes[ATTR.operationName] = 'execute_tool'
  const id = message.id
  if (id !== undefined && id.key !== 'null') attributes[ATTR.requestId] = showId(id.raw, id.key)
  if (message.resourceUri !== undefined) attributes[ATTR.resourceUri] = message.resourceUri
  if (version !== undefined) attributes[ATTR.protocolVersion] = version
  const session = headerOf(exchange.headers, 'mcp-session-id')
  if (session !== undefined) attributes[ATTR.sessionId] = session
  // The conventions ask for it only when it is not the usual one.
  const { jsonrpc } = message
  if (jsonrpc !== undefined && jsonrpc !== '2.0') attributes[ATTR.jsonrpcVersion] = jsonrpc
  return attributes
}

function serverAttributes({ exchange }: Call): Attributes {
  const attributes: Attributes = { [ATTR.networkProtocolVersion]: exchange.httpVersion }
  if (exchange.clientAddress !== undefined) attributes[ATTR.clientAddress] = exchange.clientAddress
  if (exchange.clientPort !== undefined) attributes[ATTR.clientPort] = exchange.clientPort
  return attributes
}

/** The id as a string: a number as it was written, a string without its quotes. */
function showId(raw: string, key: string): string {
  return key.startsWith('s') ? key.slice(1) : raw
}
