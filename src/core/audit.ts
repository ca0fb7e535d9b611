/** The words for what is written to the audit log, and what is known of the log itself. */

import type { LimitName } from './limits.ts'

export type AuditType =
  /** A token was verified for the first time, or again after its verification had run out. */
  | 'auth.succeeded'
  | 'auth.failed'
  /** The policy denies a call; with `dryRun` it went on all the same. */
  | 'authz.denied'
  /** A call is about to be sent to its upstream, or has been sent and has not ended yet. */
  | 'call.attempted'
  /** A call that was attempted has ended; says what the attempt was when no record of that came before. */
  | 'call.ended'
  /** A call was refused here; its upstream never saw it. */
  | 'call.refused'
  /** A request that holds no call, such as a stream or the end of a session, has ended. */
  | 'exchange.ended'
  /** Something was ordered on the admin plane. */
  | 'admin.action'
  | 'breaker.changed'
  | 'config.reloaded'
  /** Somebody read the audit log. */
  | 'audit.read'
  /** The first record of each segment: what it follows on. */
  | 'segment.opened'
  /** The log was not ended as it should: what was found at the next start. */
  | 'audit.recovered'
  /** Records that could not be taken, and how many. */
  | 'audit.gap'
  /** Segments that were kept as long as they had to be are removed. */
  | 'audit.expired'
  /** The last record of a run that ended in good order. */
  | 'audit.stopped'

export const AUDIT_TYPES: readonly AuditType[] = [
  'auth.succeeded',
  'auth.failed',
  'authz.denied',
  'call.attempted',
  'call.ended',
  'call.refused',
  'exchange.ended',
  'admin.action',
  'breaker.changed',
  'config.reloaded',
  'audit.read',
  'segment.opened',
  'audit.recovered',
  'audit.gap',
  'audit.expired',
  'audit.stopped',
]

export type AuditValue =
  | string
  | number
  | boolean
  | undefined
  | readonly AuditValue[]
  | { readonly [name: string]: AuditValue }

/** A party as it is known while it calls; the log shows pseudonyms. */
export interface AuditParty {
  /** Undefined when nobody said whose the subject is. */
  readonly issuer: string | undefined
  readonly subject: string
}

/** Who did it. */
export interface AuditWho {
  /** True when authentication has checked it, false for what a token claims unchecked. */
  readonly verified: boolean
  /** Undefined when nobody is known. */
  readonly party: AuditParty | undefined
  readonly organization: string | undefined
  /** On whose behalf, the one that acts now first (RFC 8693 §4.1). */
  readonly actors: readonly AuditParty[]
  /** Sessions as keyed hashes: MCP's, and the one that the token names. */
  readonly session: string | undefined
  readonly tokenSession: string | undefined
  /** Shown as the configuration says. */
  readonly address: string | undefined
}

/** One thing to be recorded. */
export interface AuditEntry {
  readonly type: AuditType
  /** Milliseconds since the epoch. */
  readonly atWallMs: number
  readonly who?: AuditWho | undefined
  /** SHA-256 of a call's arguments, a character for each byte; hashed with a key when it is written. */
  readonly argumentsHash?: string | undefined
  /** What else the record says; members that are undefined are left out. */
  readonly body: Readonly<Record<string, AuditValue>>
  /** Bytes of texts in it that may be long, which are bounded all together. */
  readonly textBytes?: number
}

/** Whoever may add to the log without waiting for it. Never throws. */
export interface AuditTrail {
  add(entry: AuditEntry): void
}

/** Told what becomes of records. Every method is cheap and never throws. */
export interface AuditMeter {
  recorded(type: AuditType, count: number): void
  dropped(count: number): void
  /** What was written was on the disk after so long. */
  synced(tookMs: number): void
  limitHit(limit: LimitName): void
}

/** The log as it is now, for gauges. */
export interface AuditView {
  /** Entries that wait to be written. */
  readonly backlog: number
  /** Number of the last record that is on the disk. */
  readonly position: number
  /** True while nothing can be written. */
  readonly failing: boolean
}

/** What records somebody asks for; what is undefined does not matter. */
export interface AuditAsk {
  readonly sinceMs: number | undefined
  readonly untilMs: number | undefined
  /** A person, by issuer and subject, or a pseudonym. */
  readonly issuer?: string | undefined
  readonly subject?: string | undefined
  readonly upstream?: string | undefined
  readonly tool?: string | undefined
  readonly type?: string | undefined
  readonly outcome?: string | undefined
  readonly traceId?: string | undefined
  readonly call?: string | undefined
  /** Only records after this number. */
  readonly after: number
  readonly limit: number
}

export interface AuditRecords {
  /** As they stand in the log. */
  readonly records: readonly Readonly<Record<string, unknown>>[]
  /** The number to ask for records after; absent at the end. */
  readonly next?: number
}

export interface AuditReader {
  /**
   * Records that `actor` reads, then reads; nothing is shown when that cannot be recorded. `unreadable`: the
   * files or the keys cannot be read.
   */
  read(
    ask: AuditAsk,
    actor: string | undefined,
  ): Promise<AuditRecords | 'not_recorded' | 'unreadable'>
}
