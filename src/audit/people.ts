/** Finds the pseudonyms of a person: as authentication knows them, and as unchecked tokens claim. */

import type { AuditParty } from '../core/audit.ts'
import type { AuditFs } from './audit-fs.ts'
import type { AuditKeys } from './keys.ts'
import { eraseSubject, findSubjectKey, identityOf, pseudonymOf } from './subject-keys.ts'

type KeyPlace = Pick<AuditKeys, 'hashes' | 'subjects'>

function identitiesOf(issuer: string | undefined, subject: string): readonly string[] {
  const claimed: AuditParty = { issuer: undefined, subject: `${issuer ?? ''} ${subject}` }
  return [identityOf({ issuer, subject }, true), identityOf(claimed, false)]
}

export function isPseudonym(text: string): boolean {
  return /^p_[\w-]{22}$/.test(text)
}

/** A pseudonym stands for itself, and needs no keys. */
export async function pseudonymsOf(
  fs: AuditFs,
  keys: KeyPlace,
  issuer: string | undefined,
  subject: string,
): Promise<readonly string[]> {
  if (isPseudonym(subject)) return [subject]
  const found: string[] = []
  for (const identity of identitiesOf(issuer, subject)) {
    // oxlint-disable-next-line no-await-in-loop
    const key = await findSubjectKey(fs, keys, identity)
    if (key !== undefined) found.push(pseudonymOf(key, identity))
  }
  return found
}

/** Destroys all keys of a person; how many there were. */
export async function erasePerson(
  fs: AuditFs,
  keys: KeyPlace,
  issuer: string | undefined,
  subject: string,
): Promise<number> {
  let erased = 0
  for (const identity of identitiesOf(issuer, subject)) {
    // oxlint-disable-next-line no-await-in-loop
    if (await eraseSubject(fs, keys, identity)) erased += 1
  }
  return erased
}
