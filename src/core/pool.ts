/** What is known of the pools of connections and processes, and whoever counts it. */

export type PoolName =
  /** Connections of calls. */
  | 'calls'
  /** Connections of long-lived streams, and of health checks. */
  | 'streams'
  /** Processes that requests share. */
  | 'processes'

export const POOL_NAMES: readonly PoolName[] = ['calls', 'streams', 'processes']

/** A pool as it is now. A member is a connection or a process. */
export interface PoolState {
  readonly pool: PoolName
  readonly idle: number
  readonly used: number
  /** Most members; undefined when there is no limit. */
  readonly max: number | undefined
  /** Requests that wait for a member. */
  readonly pending: number
}

export interface PoolView extends PoolState {
  readonly upstream: string
}

/** Counts what happens in one pool. Every method is cheap and never throws; times are milliseconds. */
export interface PoolRecorder {
  /** A member was made, which took so long. */
  created(tookMs: number): void
  /** A request was given a member after so long; 0 when one was free. */
  waited(waitedMs: number): void
  /** A request is done with its member, after so long. */
  used(usedMs: number): void
  /** A member was not to be had in time. */
  timedOut(): void
}

export interface PoolObserver {
  pool(upstream: string, pool: PoolName): PoolRecorder
}
