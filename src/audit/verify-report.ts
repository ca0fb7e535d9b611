/** What the check of a log finds. */

import type { AuditRecord } from './record.ts'
import type { NoteVerifier } from './signed-note.ts'

export interface VerifyOptions {
  readonly directory: string
  /** Key of the chain; without it records are checked against checkpoints alone. */
  readonly chainKey: Buffer | undefined
  /** Without it checkpoints are not checked. */
  readonly verifier: NoteVerifier | undefined
  /** Texts with checkpoints that were kept elsewhere. */
  readonly kept: readonly string[]
}

/** Something that should not be. */
export interface Fault {
  readonly segment: number | undefined
  /** Number of the record that was expected there. */
  readonly record: number | undefined
  /** Byte in the segment's file. */
  readonly offset: number | undefined
  readonly problem: string
}

export interface VerifyReport {
  readonly segments: number
  readonly firstRecord: number
  readonly lastRecord: number
  readonly records: number
  readonly faults: readonly Fault[]
  /** What is in order but worth knowing. */
  readonly notes: readonly string[]
  readonly checkpoints: { readonly checked: number; readonly notCovered: number }
  /** Records that no checkpoint counts. */
  readonly afterLastCheckpoint: number
}

/** What a record says that is worth knowing of the log itself. */
export function describeOwnRecord(record: AuditRecord): string {
  if (record.type === 'audit.gap') return `${String(record['dropped'])} records were lost`
  return `found at a start: the log ended ${String(record['end'])}, ${String(record['missing'])} records missing`
}
