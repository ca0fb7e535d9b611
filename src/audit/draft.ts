/** Records before they are written: everything is there that does not depend on what stands before. */

import type { AuditEntry, AuditType, AuditWho } from '../core/audit.ts'
import { ByteText } from './byte-text.ts'
import { member, membersText } from './json-text.ts'
import { Pages, type Page } from './pages.ts'
import { Person } from './person.ts'

/** What a record says of itself besides its text. */
export interface DraftFacts {
  readonly type: AuditType
  /** Milliseconds since the epoch. */
  readonly atWallMs: number
  /** Undefined when the record does not say who did it. */
  readonly person: Person | undefined
  /** SHA-256 of a call's arguments, a character for each byte, to be hashed with the caller's own key. */
  readonly argumentsHash: string | undefined
  /** Bytes of texts in it that may be long. */
  readonly textBytes: number
}

/** A record but for what is known when it is written: its number, pseudonyms, and the keyed hashes. */
export class Draft implements DraftFacts {
  readonly type: AuditType
  readonly atWallMs: number
  readonly person: Person | undefined
  readonly argumentsHash: string | undefined
  readonly textBytes: number
  /** How long its text is. */
  readonly length: number
  readonly #pages: Pages
  readonly #begin: number
  #page: Page | undefined

  /** `text` is the rest of the member `who`, as the person's text leaves it, and what else the record says. */
  constructor(facts: DraftFacts, text: ByteText, pages: Pages) {
    this.type = facts.type
    this.atWallMs = facts.atWallMs
    this.person = facts.person
    this.argumentsHash = facts.argumentsHash
    this.textBytes = facts.textBytes
    this.length = text.end
    this.#pages = pages
    const page = pages.take(text.end)
    this.#begin = page.used
    page.used += text.bytes.copy(page.bytes, page.used, 0, text.end)
    this.#page = page
  }

  /** Writes what stands behind the person's text. */
  writeTo(to: ByteText): void {
    if (this.#page === undefined) throw new Error('a record is written that was let go')
    to.copy(this.#page.bytes, this.#begin, this.#begin + this.length)
  }

  /** Its text is not needed any more. */
  letGo(): void {
    const page = this.#page
    this.#page = undefined
    if (page !== undefined) this.#pages.letGo(page)
  }
}

/** What is to be recorded, by whoever makes the text of it and by whoever does not. */
export type Recordable = AuditEntry | Draft

/** Nearly every text fits; what a long one needed is not kept when it is more than this. */
const FIRST_BYTES = 4 * 1024
const KEPT_BYTES = 64 * 1024

/** Makes drafts, one at a time. */
export class Drafts {
  /** What a draft is made of, between `begin` and `end`: JSON members, each with a comma before it. */
  readonly text = new ByteText(FIRST_BYTES)
  readonly #pages = new Pages()

  begin(): void {
    this.text.clear(KEPT_BYTES)
  }

  end(facts: DraftFacts): Draft {
    return new Draft(facts, this.text, this.#pages)
  }

  of(entry: Recordable): Draft {
    if (entry instanceof Draft) return entry
    const { type, atWallMs, who, argumentsHash, body, textBytes = 0 } = entry
    const person = who === undefined ? undefined : new Person(who)
    this.begin()
    if (person !== undefined) this.text.text(person.end(fromOf(who)))
    this.text.text(membersText(body))
    return this.end({ type, atWallMs, person, argumentsHash, textBytes })
  }
}

function fromOf(who: AuditWho | undefined): string {
  const session = member('session', who?.session) + member('tokenSession', who?.tokenSession)
  return session + member('address', who?.address)
}
