/** What connections and their pool know of a call. */

import type { TransportFailure } from '../transport.ts'
import type { Connection } from './connection.ts'
import type { ReplyHead } from './reply-head.ts'

export interface Caller {
  /** The first line of the request and its headers, but for those that say how it is carried. */
  readonly lines: string
  readonly body: Buffer
  /** A HEAD, to which no body comes. */
  readonly toHead: boolean
  /** Says its length even when that is 0 (RFC 9110 §8.6). */
  readonly saysLength: boolean
  /** What TLS has to ask for; empty for an address, and without TLS. */
  readonly servername: string
  /** It has given up, or has its reply. */
  readonly over: boolean
  /** No connection is free, so it waits. */
  queued(): void
  /** One is made for it. */
  connects(connection: Connection, nowMs: number): void
  /** It has one, and is written now. */
  goes(connection: Connection, nowMs: number): void
  replyHead(head: ReplyHead): void
  /** False asks for a pause until `Connection.resume`. */
  replyData(part: Buffer): boolean
  replyEnd(nowMs: number): void
  failed(failure: TransportFailure): void
}
