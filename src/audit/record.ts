/** The shape of a record, version 1, and how it is written and read. */

import type { AuditEntry, AuditParty, AuditValue, AuditWho } from '../core/audit.ts'
import { hmacSha256 } from './digests.ts'
import { identityOf, type Subject } from './subject-keys.ts'

export const RECORD_VERSION = 1

/** Longest line that is read; none that is written is so long. */
export const LINE_BYTES_MAX = 1024 * 1024

/** No entry is so long; one that were would be recorded without what it says. */
const TEXT_CHARS_MAX = LINE_BYTES_MAX / 4

export interface RecordedParty {
  /** A pseudonym; see docs/audit.md. */
  readonly subject: string
  readonly issuer?: string
}

/** A record as it stands in the log. Which members it has follows from its type (docs/audit.md). */
export interface AuditRecord {
  readonly v: number
  /** 1 for the first of the log, and no number is left out. */
  readonly seq: number
  /** RFC 3339 in UTC, with milliseconds. */
  readonly time: string
  readonly type: string
  readonly who?: Partial<RecordedParty> & {
    readonly verified?: boolean
    readonly organization?: string
    readonly actors?: readonly RecordedParty[]
    readonly session?: string
    readonly tokenSession?: string
    readonly address?: string
  }
  /** Joins the records of one call. */
  readonly call?: string
  readonly upstream?: string
  readonly method?: string
  readonly tool?: string
  readonly prompt?: string
  readonly resource?: string
  /** Keyed hash of the arguments, which nobody can test a guess with who lacks the keys. */
  readonly argumentsHash?: string
  readonly arguments?: {
    readonly bytes: number
    /** Of what the hash is: canonical JSON (RFC 8785), or the bytes as they came. */
    readonly form: 'canonical' | 'raw'
    /** The arguments without what looks like a secret, where the configuration asks for them. */
    readonly shown?: string
  }
  readonly result?: { readonly bytes: number; readonly shown?: string }
  readonly decision?: {
    readonly effect: 'allow' | 'deny'
    readonly reason?: string
    readonly role?: string
    readonly rule?: string
    readonly dryRun?: boolean
  }
  readonly trace?: { readonly traceId: string; readonly spanId: string }
  readonly outcome?: string
  readonly reason?: string
  readonly errorType?: string
  readonly durationMs?: number
  readonly attempts?: number
  readonly [member: string]: unknown
}

/** The texts that stand for all people of an entry, whose keys are needed to write it. */
export function identitiesOf({ who, argumentsHash }: AuditEntry): readonly string[] {
  const nobody = argumentsHash === undefined ? [] : [NOBODY]
  if (who === undefined) return nobody
  const parties = who.party === undefined ? who.actors : [who.party, ...who.actors]
  const identities = parties.map((party) => identityOf(party, who.verified))
  return who.party === undefined ? [...identities, ...nobody] : identities
}

/** Whose key hashes the arguments of calls that nobody is known to have made. */
export const NOBODY = identityOf({ issuer: undefined, subject: '' }, false)

/** A record's JSON without the brace that closes it, as the chain takes it. */
export function openRecord(
  entry: AuditEntry,
  seq: number,
  subjects: ReadonlyMap<string, Subject>,
): string {
  const { type, atWallMs, who } = entry
  const record = {
    v: RECORD_VERSION,
    seq,
    time: new Date(atWallMs).toISOString(),
    type,
    ...(who === undefined ? {} : { who: showWho(who, subjects) }),
    ...withArguments(entry, subjects),
  } satisfies Record<string, AuditValue>
  const text = printable(JSON.stringify(record))
  if (text.length <= TEXT_CHARS_MAX) return text.slice(0, -1)
  const { v, time } = record
  return JSON.stringify({ v, seq, time, type, omittedChars: text.length }).slice(0, -1)
}

function withArguments(
  { body, who, argumentsHash }: AuditEntry,
  subjects: ReadonlyMap<string, Subject>,
): Readonly<Record<string, AuditValue>> {
  if (argumentsHash === undefined) return body
  const identity = who?.party === undefined ? NOBODY : identityOf(who.party, who.verified)
  const hash = hashForSubject(known(subjects, identity).key, argumentsHash)
  return { ...body, argumentsHash: hash }
}

/** The hash of arguments as it is shown: without the caller's key nobody can test a guess. */
export function hashForSubject(subjectKey: Buffer, argumentsHash: Buffer): string {
  return hmacSha256(subjectKey, argumentsHash).toString('base64url')
}

function showWho(who: AuditWho, subjects: ReadonlyMap<string, Subject>): AuditValue {
  const { verified, party, organization, actors, session, tokenSession, address } = who
  const show = (one: AuditParty): { subject: string; issuer: string | undefined } => {
    const { pseudonym } = known(subjects, identityOf(one, verified))
    return { subject: pseudonym, issuer: one.issuer }
  }
  return {
    ...(party === undefined ? {} : { ...show(party), verified }),
    organization,
    actors: actors.length === 0 ? undefined : actors.map(show),
    session,
    tokenSession,
    address,
  }
}

/** All who stand in an entry were asked for before; a record with nobody's key must not be written. */
function known(subjects: ReadonlyMap<string, Subject>, identity: string): Subject {
  const found = subjects.get(identity)
  if (found === undefined) throw new Error('the key of a subject is missing')
  return found
}

/** JSON may hold these as they are, and terminals and line readers act on them. */
export function printable(json: string): string {
  return json.replaceAll(
    /[\u007f-\u009f\u2028\u2029]/g,
    (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  )
}

/** Undefined when a line is no record of a version that is known. */
export function parseRecord(line: Buffer): AuditRecord | undefined {
  try {
    const value: unknown = JSON.parse(line.toString('utf8'))
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is AuditRecord {
  const members = membersOf(value)
  return (
    members.get('v') === RECORD_VERSION &&
    Number.isSafeInteger(members.get('seq')) &&
    typeof members.get('time') === 'string' &&
    typeof members.get('type') === 'string'
  )
}

/** The members of a JSON object; none of anything else. */
export function membersOf(value: unknown): ReadonlyMap<string, unknown> {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return new Map(isObject ? Object.entries(value) : [])
}
