/** The shape of a record, version 1, and how it is read. */

export const RECORD_VERSION = 1

/** Longest line that is read; none that is written is so long. */
export const LINE_BYTES_MAX = 1024 * 1024

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
