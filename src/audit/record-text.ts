/** How records are written: the JSON text of one, in the order in which its members stand. */

import type { AuditType } from '../core/audit.ts'
import type { HmacKey } from './digests.ts'
import type { Draft } from './draft.ts'
import { known, NOBODY } from './person.ts'
import { LINE_BYTES_MAX, RECORD_VERSION } from './record.ts'
import type { Subject } from './subject-keys.ts'

/** No entry is so long; one that were would be recorded without what it says. */
const TEXT_CHARS_MAX = LINE_BYTES_MAX / 4

type Subjects = ReadonlyMap<string, Subject>

export class RecordText {
  // Many records are of the same second, and some of the same millisecond.
  #second = NaN
  #secondText = ''
  #atWallMs = NaN
  #time = ''

  /** A record without the brace that closes it, in pieces, as the chain takes it. */
  open(draft: Draft, seq: number, subjects: Subjects): readonly string[] {
    const time = this.#timeOf(draft.atWallMs)
    const head = `{"v":${RECORD_VERSION},"seq":${seq},"time":"${time}","type":"${draft.type}"`
    const { person, from, members } = draft
    const who = person === undefined ? '' : person.text(subjects)
    const hash = hashMember(draft, subjects)
    // With the brace.
    const chars = head.length + who.length + from.length + members.length + hash.length + 1
    if (chars > TEXT_CHARS_MAX) return [head, `,"omittedChars":${chars}`]
    return [head, who, from, members, hash]
  }

  #timeOf(atWallMs: number): string {
    if (atWallMs === this.#atWallMs) return this.#time
    const wholeMs = Math.trunc(atWallMs)
    const second = Math.floor(wholeMs / 1_000)
    if (second !== this.#second) {
      this.#secondText = new Date(second * 1_000).toISOString().slice(0, -'000Z'.length)
      this.#second = second
    }
    this.#time = `${this.#secondText}${String(wholeMs - second * 1_000).padStart(3, '0')}Z`
    this.#atWallMs = atWallMs
    return this.#time
  }
}

function hashMember({ person, argumentsHash }: Draft, subjects: Subjects): string {
  if (argumentsHash === undefined) return ''
  const { hmac } = known(subjects, person?.hashedBy ?? NOBODY)
  return `,"argumentsHash":"${hashForSubject(hmac, argumentsHash)}"`
}

/** The hash of arguments as it is shown: without the caller's key nobody can test a guess. */
export function hashForSubject(subjectKey: HmacKey, argumentsHash: string): string {
  return subjectKey.digestOfHash(argumentsHash, 'base64url')
}

export function countsOf(drafts: readonly Draft[]): ReadonlyMap<AuditType, number> {
  const counts = new Map<AuditType, number>()
  for (const { type } of drafts) counts.set(type, (counts.get(type) ?? 0) + 1)
  return counts
}

/** The texts that stand for all people of some records, whose keys are needed to write them. */
export function identitiesOf(drafts: readonly Draft[]): ReadonlySet<string> {
  const found = new Set<string>()
  let last: Draft['person']
  for (const { person, argumentsHash } of drafts) {
    if (argumentsHash !== undefined) found.add(person?.hashedBy ?? NOBODY)
    if (person === undefined || person === last) continue
    for (const identity of person.identities) found.add(identity)
    last = person
  }
  return found
}
