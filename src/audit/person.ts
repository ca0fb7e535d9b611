/** One person as records show them, and everybody on whose behalf they act. */

import type { AuditParty, AuditWho } from '../core/audit.ts'
import { bytesText, member } from './json-text.ts'
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
  #subjects: readonly Subject[] = []
  #text: string | undefined
  /** Nothing stands before the other members of `who`. */
  readonly isNobody: boolean

  constructor(who: Pick<AuditWho, 'verified' | 'party' | 'organization' | 'actors'>) {
    this.#who = who
    const { verified, party, organization, actors } = who
    this.isNobody = party === undefined && organization === undefined && actors.length === 0
    const parties = party === undefined ? actors : [party, ...actors]
    this.identities = parties.map((one) => identityOf(one, verified))
    this.hashedBy = (party === undefined ? undefined : this.identities[0]) ?? NOBODY
  }

  /** The beginning of the member `who`, with a comma before it. Made anew when somebody has another key. */
  text(subjects: ReadonlyMap<string, Subject>): string {
    if (this.#text === undefined || !this.#isMadeWith(subjects)) {
      this.#text = bytesText(this.#make(subjects))
    }
    return this.#text
  }

  /** The end of that member; `rest` are its other members, each with a comma before it. */
  end(rest: string): string {
    return `${this.isNobody ? rest.slice(1) : rest}}`
  }

  #isMadeWith(subjects: ReadonlyMap<string, Subject>): boolean {
    for (let i = 0; i < this.identities.length; i += 1) {
      if (subjects.get(this.identities[i] ?? '') !== this.#subjects[i]) return false
    }
    return true
  }

  #make(subjects: ReadonlyMap<string, Subject>): string {
    const { verified, party, organization, actors } = this.#who
    this.#subjects = this.identities.map((identity) => known(subjects, identity))
    const shown = (one: AuditParty): string =>
      member('subject', known(subjects, identityOf(one, verified)).pseudonym) +
      member('issuer', one.issuer)
    const own = party === undefined ? '' : `${shown(party)},"verified":${verified}`
    const others = actors.map((actor) => `{${shown(actor).slice(1)}}`).join(',')
    const acting = others === '' ? '' : `,"actors":[${others}]`
    const all = `${own}${member('organization', organization)}${acting}`
    return `,"who":{${all.slice(1)}`
  }
}

/** All who stand in an entry were asked for before; a record with nobody's key must not be written. */
export function known(subjects: ReadonlyMap<string, Subject>, identity: string): Subject {
  const found = subjects.get(identity)
  if (found === undefined) throw new Error('the key of a subject is missing')
  return found
}
