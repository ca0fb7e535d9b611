/**
 * Pseudonyms of people, each made with a key of its own, which is a file. Whose file is removed cannot be
 * told from anybody else any more, in all that has been written; should they come back, they get another.
 */

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { AuditParty } from '../core/audit.ts'
import { codeOf, writeNew, type AuditFs } from './audit-fs.ts'
import { HmacKey, hmacSha256 } from './digests.ts'
import type { AuditKeys } from './keys.ts'

/** Keys that are kept in memory, and for how long: after that a key that was destroyed is forgotten. */
const CACHED_MAX = 10_000
const CACHED_MS = 60_000

/** Files that are read at a time. */
const READS_MAX = 16

const KEY_DIGITS = /^[0-9a-f]{64}$/

/** One text for one party. Unchecked claims are others than checked ones. */
export function identityOf({ issuer, subject }: AuditParty, verified: boolean): string {
  return JSON.stringify([verified ? 'verified' : 'claimed', issuer ?? null, subject])
}

export function pseudonymOf(key: Buffer, identity: string): string {
  return `p_${hmacSha256(key, identity).toString('base64url').slice(0, 22)}`
}

type KeyPlace = Pick<AuditKeys, 'hashes' | 'subjects'>

function fileOf({ hashes, subjects }: KeyPlace, identity: string): string {
  const name = hmacSha256(hashes, `subject ${identity}`).toString('hex').slice(0, 32)
  return join(subjects, `${name}.key`)
}

/** The key of somebody who has one. */
export async function findSubjectKey(
  fs: AuditFs,
  keys: KeyPlace,
  identity: string,
): Promise<Buffer | undefined> {
  try {
    const text = (await fs.read(fileOf(keys, identity))).toString('utf8').trim()
    return KEY_DIGITS.test(text) ? Buffer.from(text, 'hex') : undefined
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Destroys the key of somebody; false when there is none. */
export async function eraseSubject(
  fs: AuditFs,
  keys: KeyPlace,
  identity: string,
): Promise<boolean> {
  try {
    await fs.remove(fileOf(keys, identity))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
  await fs.syncDirectory(keys.subjects)
  return true
}

/** The key that arguments are hashed with: nobody can test a guess who lacks that of the log or the person's. */
export function argumentsKey(key: Buffer, { hashes }: Pick<KeyPlace, 'hashes'>): HmacKey {
  return new HmacKey(hmacSha256(key, 'arguments ', hashes))
}

/** What is known of one person. */
export interface Subject {
  readonly argumentsKey: HmacKey
  readonly pseudonym: string
}

interface Cached extends Subject {
  readonly untilMs: number
}

export class SubjectKeys {
  readonly #fs: AuditFs
  readonly #keys: KeyPlace
  readonly #cached = new Map<string, Cached>()

  constructor(fs: AuditFs, keys: KeyPlace) {
    this.#fs = fs
    this.#keys = keys
  }

  /** The keys of all of them, made and on the disk where there were none. */
  async resolve(
    identities: Iterable<string>,
    nowMs: number,
  ): Promise<ReadonlyMap<string, Subject>> {
    const found = new Map<string, Subject>()
    const missing: string[] = []
    for (const identity of new Set(identities)) {
      const cached = this.#cached.get(identity)
      if (cached !== undefined && cached.untilMs > nowMs) found.set(identity, cached)
      else missing.push(identity)
    }
    let made = false
    for (let i = 0; i < missing.length; i += READS_MAX) {
      const some = missing.slice(i, i + READS_MAX)
      // In turns, so that few files are open at a time.
      // oxlint-disable-next-line no-await-in-loop
      const keys = await Promise.all(some.map((identity) => this.#load(identity)))
      for (const [index, { key, isNew }] of keys.entries()) {
        const identity = some[index] ?? ''
        made ||= isNew
        const pseudonym = pseudonymOf(key, identity)
        const subject = {
          argumentsKey: argumentsKey(key, this.#keys),
          pseudonym,
          untilMs: nowMs + CACHED_MS,
        }
        found.set(identity, subject)
        this.#keep(identity, subject)
      }
    }
    if (made) await this.#fs.syncDirectory(this.#keys.subjects)
    return found
  }

  async #load(identity: string): Promise<{ readonly key: Buffer; readonly isNew: boolean }> {
    const known = await findSubjectKey(this.#fs, this.#keys, identity)
    if (known !== undefined) return { key: known, isNew: false }
    const file = fileOf(this.#keys, identity)
    const key = randomBytes(32)
    // What is there and no key is what a crash left of one that was never used.
    await this.#fs.remove(file).catch(() => {})
    await writeNew(this.#fs, file, `${key.toString('hex')}\n`)
    return { key, isNew: true }
  }

  #keep(identity: string, cached: Cached): void {
    if (this.#cached.size >= CACHED_MAX) this.#cached.clear()
    this.#cached.set(identity, cached)
  }
}
