/** What kind of traffic an exchange is, and whose. */

import type { Exchange } from '../core/exchange.ts'

/**
 * `call`: has a request that will be answered soon. `stream`: stays open as long as its client
 * listens. `free`: notifications, answers of the client and ends of sessions, which cost the upstream
 * little and must not come late.
 */
export type Traffic = 'call' | 'stream' | 'free'

export function trafficOf(exchange: Exchange, isLongLived: (method: string) => boolean): Traffic {
  if (exchange.kind === 'stream') return 'stream'
  if (exchange.kind !== 'message') return 'free'
  let traffic: Traffic = 'free'
  for (const { message } of exchange.calls) {
    if (message.kind !== 'request') continue
    if (isLongLived(message.method)) return 'stream'
    traffic = 'call'
  }
  return traffic
}

/** The tool that an exchange calls, when it is one call of a tool. */
export function toolOf({ calls }: Exchange): string | undefined {
  const message = calls.length === 1 ? calls[0]?.message : undefined
  return message?.method === 'tools/call' ? message.target : undefined
}

/** Whoever shares a turn: one principal, one session, or what comes from one address. */
export function clientOf({ ownerKey, sessionId, clientAddress }: Exchange): string {
  return ownerKey ?? sessionId ?? clientAddress ?? ''
}

/** Who calls what. */
export function callerKeyOf(exchange: Exchange): string {
  return `${clientOf(exchange)} ${toolOf(exchange) ?? exchange.calls[0]?.message.method ?? ''}`
}

/** Requests that make the upstream work; a list or a ping that succeeds proves less. */
export function isWork(method: string): boolean {
  return method === 'tools/call' || method === 'prompts/get' || method === 'resources/read'
}
