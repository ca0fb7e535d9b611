/** What the sidecar needs to know of a JSON-RPC message, and no more. */

import type { Rejection } from './outcome.ts'

/** A JSON-RPC id. 0, "", "1" and 1 are four different ids. */
export interface JsonRpcId {
  /** The id's JSON text exactly as the client wrote it, for our own answers. */
  readonly raw: string
  /** Equal for equal ids however they are spelled (`1` and `1.0`, `"a"` and `"\u0061"`). */
  readonly key: string
}

export type MessageKind = 'request' | 'notification' | 'response'

/** W3C Trace Context as found in `params._meta` (MCP SEP-414), unvalidated. */
export interface TraceFields {
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
}

/** The same with W3C Baggage, which is undefined also when it is no text or too long. */
export interface ContextFields extends TraceFields {
  readonly baggage: string | undefined
}

/** Where a `_meta` member can be written into the message's bytes. Offsets count from the body's start. */
export interface SplicePoints {
  /** The `{` that opens the message. */
  readonly message: ObjectSpan
  /** `params`, when it is an object; `absent` when there is none; `other` when it is no object. */
  readonly params: ObjectSpan | 'absent' | 'other'
  readonly meta: ObjectSpan | 'absent' | 'other'
  readonly traceparent: ValueSpan | undefined
  readonly tracestate: ValueSpan | undefined
  readonly baggage: MemberSpan | undefined
  /** Values of baggage that do not count, because another or another `_meta` comes after them. */
  readonly earlierBaggage: readonly ValueSpan[]
}

export interface MemberSpan extends ValueSpan {
  /** True when an earlier member of the same object has the same name. */
  readonly repeated: boolean
}

export interface ObjectSpan {
  /** Offset of the first byte after `{`. */
  readonly inside: number
  readonly empty: boolean
}

export interface ValueSpan {
  readonly start: number
  readonly end: number
}

/** A JSON-RPC error, as far as it is read. */
export interface ErrorAnswer {
  /** Undefined when it is no whole number. */
  readonly code: number | undefined
  /** Cut to 256 bytes. */
  readonly message: string | undefined
}

/** One JSON-RPC message of the client. Every field is always there, so that the shape never changes. */
export interface Message {
  readonly kind: MessageKind
  /** Undefined for notifications. */
  readonly id: JsonRpcId | undefined
  /** Empty for responses. */
  readonly method: string
  /** The `jsonrpc` member; "2.0" in every MCP message that is well formed. */
  readonly jsonrpc: string | undefined
  /** `params.name` of tools/call and prompts/get. */
  readonly target: string | undefined
  /** Where `params.arguments` of tools/call stand in the body; undefined when there are none. */
  readonly args: ValueSpan | undefined
  /**
   * `params.cursor` of tools/list and prompts/list: which page of the list is asked for. Undefined for the
   * first page; empty for a cursor that is too long to be read, or no text.
   */
  readonly cursor: string | undefined
  /** `params.uri` of the resources methods. */
  readonly resourceUri: string | undefined
  /** The value that `Mcp-Name` must carry for this method in 2026-07-28; undefined for most methods. */
  readonly mirroredName: string | undefined
  /** `_meta["io.modelcontextprotocol/protocolVersion"]`, or what `initialize` asks for. */
  readonly protocolVersion: string | undefined
  /** True when `protocolVersion` stands in `_meta`: the message claims the stateless era. */
  readonly claimsModern: boolean
  /** True when the request asks to be run as a 2025-11-25 task. */
  readonly asksTask: boolean
  /** Key of the id that a `notifications/cancelled` takes back. */
  readonly cancels: string | undefined
  /** JSON text of `_meta.progressToken`. */
  readonly progressToken: string | undefined
  /** Of a response that is an error: `error.code` and `error.message`. */
  readonly error: ErrorAnswer | undefined
  readonly trace: ContextFields
  readonly splice: SplicePoints
}

/** What one HTTP request body holds: one message, or a batch of them (2025-03-26). */
export interface Envelope {
  readonly kind: 'envelope'
  readonly batch: boolean
  readonly messages: readonly Message[]
  /** What is wrong with the messages although they could be read: their headers contradict them. */
  readonly fault: Rejection | undefined
}
