/** Records before they are written: everything is text that does not depend on what stands before. */

import type { AuditEntry, AuditType, AuditWho } from '../core/audit.ts'
import { member, membersText } from './json-text.ts'
import { Person } from './person.ts'

/** A record but for what is known when it is written: its number, pseudonyms, and the keyed hashes. */
export interface Draft {
  readonly type: AuditType
  /** Milliseconds since the epoch. */
  readonly atWallMs: number
  /** Undefined when the record does not say who did it. */
  readonly person: Person | undefined
  /** The rest of the member `who`, as the person's text leaves it; empty without one. */
  readonly from: string
  /** Keyed hash of a call's arguments, a character for each byte, to be keyed with the caller's own key. */
  readonly argumentsHash: string | undefined
  /** What else the record says, as JSON members, each with a comma before it. */
  readonly members: string
  /** Bytes of texts in it that may be long. */
  readonly textBytes: number
}

/** What is to be recorded, by whoever makes the text of it and by whoever does not. */
export type Recordable = AuditEntry | Draft

export function draftOf(entry: Recordable): Draft {
  if ('members' in entry) return entry
  const { type, atWallMs, who, argumentsHash, body, textBytes = 0 } = entry
  const person = who === undefined ? undefined : new Person(who)
  return {
    type,
    atWallMs,
    person,
    from: person === undefined ? '' : person.end(fromOf(who)),
    argumentsHash,
    members: membersText(body),
    textBytes,
  }
}

function fromOf(who: AuditWho | undefined): string {
  const session = member('session', who?.session) + member('tokenSession', who?.tokenSession)
  return session + member('address', who?.address)
}
