/** Exchanges made of lines, as if they had come over HTTP. */

import type { Exchange, ExchangeKind } from '../core/exchange.ts'

export interface LineExchangeOptions {
  readonly upstream: string
  readonly kind: ExchangeKind
  /** One line, or empty. */
  readonly body: Buffer
  /** Names and values in turn, for an upstream that is spoken to over HTTP. */
  readonly headers: readonly string[]
  readonly sessionId: string | undefined
  readonly nowMs: number
}

const METHODS: Readonly<Record<ExchangeKind, string>> = {
  message: 'POST',
  stream: 'GET',
  end_session: 'DELETE',
  other: 'POST',
}

export function lineExchange(options: LineExchangeOptions): Exchange {
  const { headers, kind } = options
  const record: Record<string, string> = {}
  for (let i = 0; i + 1 < headers.length; i += 2) {
    record[(headers[i] ?? '').toLowerCase()] = headers[i + 1] ?? ''
  }
  return {
    kind,
    httpMethod: METHODS[kind],
    httpVersion: '',
    carrier: 'pipe',
    upstreamName: options.upstream,
    path: '',
    endpoint: 'mcp',
    query: '',
    rawHeaders: headers,
    headers: record,
    shared: undefined,
    body: options.body,
    clientAddress: undefined,
    clientPort: undefined,
    receivedAtMs: options.nowMs,
    readAtMs: options.nowMs,
    sessionId: options.sessionId,
    sessionDigest: undefined,
    ownerKey: undefined,
    calls: [],
    turnMs: 0,
    batch: false,
  }
}
