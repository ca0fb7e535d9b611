/** The HTTP headers of requests that began as lines: what the protocol wants to see outside the body. */

import type { ExchangeKind } from '../core/exchange.ts'
import { member, parseJson } from '../mcp/json-member.ts'
import { mirrorsAName } from '../mcp/methods.ts'
import { encodeHeaderValue } from '../mcp/mirrored-headers.ts'
import {
  paramValues,
  readToolDeclarations,
  type ToolDeclarations,
} from '../mcp/param-declarations.ts'
import { isModern } from '../mcp/revisions.ts'
import type { WireMessage } from '../mcp/wire-message.ts'
import type { BridgeFacts } from './bridge-facts.ts'

export type HeaderFacts = Partial<BridgeFacts> & {
  readonly lastEventId?: string | undefined
  readonly sessionId: string | undefined
}

export class BridgeHeaders {
  readonly #userAgent: string
  /** The revision that `initialize` settled on. */
  #agreed: string | undefined
  /** The revision that messages claim for themselves. */
  #claimed: string | undefined
  #tools: ToolDeclarations = new Map()

  constructor(userAgent: string) {
    this.#userAgent = userAgent
  }

  /** True when client and server have shaken hands: the era of sessions. */
  get handshaken(): boolean {
    return this.#agreed !== undefined
  }

  /** Takes from an answer what later requests must say: the revision, and the tools' schemas. */
  learn(line: Buffer, message: WireMessage, method: string | undefined): void {
    if (message.kind !== 'response' || message.errorCode !== undefined) return
    if (method === 'initialize') {
      const revision = member(member(parseJson(line), 'result'), 'protocolVersion')
      if (typeof revision === 'string') this.#agreed = revision
    }
    if (method !== 'tools/list') return
    this.#tools = new Map([...this.#tools, ...readToolDeclarations(line).tools])
  }

  /** Names and values in turn. */
  for(kind: ExchangeKind, body: Buffer, about: HeaderFacts): string[] {
    const headers = ['User-Agent', this.#userAgent]
    if (kind === 'message') {
      headers.push('Content-Type', 'application/json')
      headers.push('Accept', 'application/json, text/event-stream')
    } else headers.push('Accept', 'text/event-stream')
    const { lastEventId, sessionId } = about
    if (lastEventId !== undefined) headers.push('Last-Event-ID', lastEventId)
    // A client that asked for the later era in vain goes back to the handshake.
    if (about.method === 'initialize') this.#claimed = undefined
    // A message that claims nothing belongs to the era that the others have claimed.
    if (about.revision !== undefined) this.#claimed = about.revision
    const revision = about.revision ?? (this.handshaken ? undefined : this.#claimed)
    if (kind === 'message' && isModern(revision)) {
      return [...headers, ...this.#modern(body, { ...about, revision })]
    }
    if (sessionId !== undefined) headers.push('Mcp-Session-Id', sessionId)
    if (this.#agreed !== undefined) headers.push('MCP-Protocol-Version', this.#agreed)
    return headers
  }

  /** 2026-07-28 Streamable HTTP, "Standard request headers" and `Mcp-Param-*`. */
  #modern(body: Buffer, { revision = '', method = '', name }: Partial<BridgeFacts>): string[] {
    const headers = ['MCP-Protocol-Version', revision, 'Mcp-Method', method]
    if (name !== undefined && mirrorsAName(method)) {
      headers.push('Mcp-Name', encodeHeaderValue(name))
    }
    const declared = method === 'tools/call' ? (this.#tools.get(name ?? '') ?? []) : []
    for (const param of declared.length === 0 ? [] : paramValues(body, declared)) {
      headers.push(param.name, encodeHeaderValue(String(param.value)))
    }
    return headers
  }
}
