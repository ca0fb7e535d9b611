/** How records are written: the JSON text of one, in the order in which its members stand. */

import type { AuditType } from '../core/audit.ts'
import type { ByteText } from './byte-text.ts'
import type { Draft } from './draft.ts'
import { bytesText } from './json-text.ts'
import { known, NOBODY } from './person.ts'
import { LINE_BYTES_MAX, RECORD_VERSION } from './record.ts'
import type { Subject } from './subject-keys.ts'

/** No entry is so long, with room for its keyed hash; one that were would be recorded without what it says. */
const TEXT_BYTES_MAX = LINE_BYTES_MAX - 128

type Subjects = ReadonlyMap<string, Subject>

const BEGIN = `{"v":${RECORD_VERSION},"seq":`
const HASH_MEMBER = ',"argumentsHash":"'
/** 32 bytes in base64url, and a quotation mark. */
const HASH_BYTES = 43 + 1

export class RecordText {
  // Many records are of the same second.
  #second = NaN
  #secondText = ''

  /** Writes a record without the brace that closes it. */
  open(draft: Draft, seq: number, subjects: Subjects, to: ByteText): void {
    const { type, atWallMs, person, argumentsHash } = draft
    const started = to.end
    to.ascii(BEGIN)
    to.whole(seq)
    this.#time(atWallMs, to)
    to.ascii(type)
    to.ascii('"')
    const who = person === undefined ? '' : person.text(subjects)
    const hashBytes = argumentsHash === undefined ? 0 : HASH_MEMBER.length + HASH_BYTES
    const said = who.length + draft.length + hashBytes
    // With the brace.
    const length = to.end - started + said + 1
    if (length > TEXT_BYTES_MAX) return to.ascii(`,"omittedBytes":${length}`)
    to.ascii(who)
    draft.writeTo(to)
    if (argumentsHash === undefined) return
    to.ascii(HASH_MEMBER)
    const { argumentsKey } = known(subjects, person?.hashedBy ?? NOBODY)
    to.ascii(argumentsKey.digestOfHash(argumentsHash, 'base64url'))
    to.ascii('"')
  }

  /** When, up to the text of the type. */
  #time(atWallMs: number, to: ByteText): void {
    const wholeMs = Math.trunc(atWallMs)
    const second = Math.floor(wholeMs / 1_000)
    if (second !== this.#second) {
      const text = new Date(second * 1_000).toISOString().slice(0, -'000Z'.length)
      this.#secondText = bytesText(`,"time":"${text}`)
      this.#second = second
    }
    to.ascii(this.#secondText)
    to.whole(wholeMs - second * 1_000, 3)
    to.ascii('Z","type":"')
  }
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
