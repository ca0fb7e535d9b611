/** What the run and its helper processes tell each other over Node's process channel. */

import type { RequestFacts } from './request.ts'

/** One window of load, from the run to the load generator. */
export interface LoadOrder extends RequestFacts {
  readonly kind: 'load'
  readonly connections: number
  /** Calls are made in these sessions in turns; without any, outside of sessions. */
  readonly sessionIds: readonly string[]
  /** Calls a second, each made when it is due; undefined: the next follows the answer. */
  readonly rate: number | undefined
  /** Load before the measured time, so that connections are open and warm. */
  readonly leadMs: number
  readonly windowMs: number
  /** Ends the window early, so that the load is bounded in count as well as in time. */
  readonly callsMax: number
  /** The length every reply body must have. */
  readonly bodyBytes: number
  /** So much longer it may be: a bridge that reads messages writes them in its own words. */
  readonly bodySlack: number
}

/** The measured time has begun, or ended: the run looks at the processes now. */
export interface LoadMark {
  readonly kind: 'begun' | 'ended'
}

/** The target of the stdio benchmark has answered its first request. */
export interface LoadStarted {
  readonly kind: 'started'
  /** Of the target, which leads a process group. */
  readonly pid: number
}

/** After the last connection has closed. */
export interface LoadResult {
  readonly kind: 'result'
  /** Right answers in the measured time. */
  readonly calls: number
  readonly elapsedMs: number
  /** Right answers before, in and after the measured time. */
  readonly callsInAll: number
  readonly errors: LoadErrors
  readonly p50Us: number
  readonly p99Us: number
  readonly p999Us: number
  /** At a fixed rate: how late calls were sent, which is the generator's own fault. */
  readonly lateP99Us?: number
}

export interface LoadErrors {
  /** Not status 200. */
  readonly status: number
  /** Another id or another length than what was asked for. */
  readonly content: number
  /** Connections that failed or closed. */
  readonly connection: number
  /** Not answered when the grace time was over. */
  readonly unanswered: number
}

/** How long the event loop of a target was held up since it was last asked. */
export interface LoopDelay {
  readonly kind: 'loop_delay'
  readonly p99Ms: number
  readonly maxMs: number
}

/** What memory a process has. */
export interface Memory {
  readonly kind: 'memory'
  readonly rssBytes: number
  readonly heapBytes: number
  /** Buffers and the like, outside of V8's heap. */
  readonly externalBytes: number
}

/** What has arrived at the OTLP sink. */
export interface SinkStats {
  readonly kind: 'stats'
  readonly exports: number
  readonly bytes: number
  readonly spans: number
}

export type LoadMessage = LoadMark | LoadResult

export function isLoadOrder(message: unknown): message is LoadOrder {
  return kindOf(message) === 'load'
}

export function isLoadMessage(message: unknown): message is LoadMessage {
  const kind = kindOf(message)
  return kind === 'begun' || kind === 'ended' || kind === 'result'
}

export function isLoadStarted(message: unknown): message is LoadStarted {
  return kindOf(message) === 'started'
}

export function isSinkStats(message: unknown): message is SinkStats {
  return kindOf(message) === 'stats'
}

export function isLoopDelay(message: unknown): message is LoopDelay {
  return kindOf(message) === 'loop_delay'
}

export function isMemory(message: unknown): message is Memory {
  return kindOf(message) === 'memory'
}

function kindOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null && 'kind' in message
    ? message.kind
    : undefined
}
