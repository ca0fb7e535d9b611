/** One person as records show them, and everybody on whose behalf they act. */

import type { AuditParty, AuditWho } from '../core/audit.ts'
import { member } from './json-text.ts'
import { identityOf, type Subject } from './subject-keys.ts'

/** Whose key hashes the arguments of calls that nobody is known to have made. */
export const NOBODY = identityOf({ issuer: undefined, subject: '' }, false)

export class Person {
  /** The texts that stand for all of them, whose keys are needed to write a record. */
  readonly identities: readonly string[]
  /** Whose key hashes the arguments. */
  readonly hashedBy: string
  readonly #who: Pick<AuditWho, 'verified' | 'party' | 'organization' | 'actors'>
  /** With whose keys the text was made. */
  readonly #subjects: Subject[] = []
  #text: string | undefined

  constructor(who: Pick<AuditWho, 'verified' | 'party' | 'organization' | 'actors'>) {
    this.#who = who
    const { verified, party, actors } = who
    const parties = party === undefined ? actors : [party, ...actors]
    this.identities = parties.map((one) => identityOf(one, verified))
    this.hashedBy = (party === undefined ? undefined : this.identities[0]) ?? NOBODY
  }

  /** Members of `who` as JSON; nothing when nobody is known. Made anew when somebody has another key. */
  text(subjects: ReadonlyMap<string, Subject>): string {
    if (this.#text === undefined || !this.#isMadeWith(subjects)) this.#text = this.#make(subjects)
    return this.#text
  }

  #isMadeWith(subjects: ReadonlyMap<string, Subject>): boolean {
    for (let i = 0; i < this.identities.length; i += 1) {
      if (subjects.get(this.identities[i] ?? '') !== this.#subjects[i]) return false
    }
    return true
  }

  #make(subjects: ReadonlyMap<string, Subject>): string {
    const { verified, party, organization, actors } = this.#who
    for (const [index, identity] of this.identities.entries()) {
      this.#subjects[index] = known(subjects, identity)
    }
    const shown = (one: AuditParty): string =>
      member('subject', known(subjects, identityOf(one, verified)).pseudonym) +
      member('issuer', one.issuer)
    const own = party === undefined ? '' : `${shown(party)},"verified":${verified}`
    const others = actors.map((actor) => `{${shown(actor).slice(1)}}`).join(',')
    const acting = others === '' ? '' : `,"actors":[${others}]`
    return `${own}${member('organization', organization)}${acting}`.slice(1)
  }
}

/** All who stand in an entry were asked for before; a record with nobody's key must not be written. */
export function known(subjects: ReadonlyMap<string, Subject>, identity: string): Subject {
  const found = subjects.get(identity)
  if (found === undefined) throw new Error('the key of a subject is missing')
  return found
}
