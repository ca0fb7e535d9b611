/** Reads the audit log for the admin plane: who reads is recorded first. */

import { systemFs } from '../audit/audit-fs.ts'
import { pseudonymsOf } from '../audit/people.ts'
import { queryLog } from '../audit/query.ts'
import type { AuditStore } from '../audit/store.ts'
import type { AuditWriter } from '../audit/writer.ts'
import type { AuditAsk, AuditEntry, AuditReader } from '../core/audit.ts'
import type { Clock } from '../core/clock.ts'

/** Most records that one request looks at: it shares the event loop with calls. */
const SCAN_MAX = 50_000

export function createAuditReader(
  { keys }: AuditStore,
  writer: AuditWriter,
  { directory, clock }: { readonly directory: string; readonly clock: Clock },
): AuditReader {
  return {
    read: async (ask, actor) => {
      const subjects = await subjectsOf(ask, keys)
      if (subjects === 'unreadable') return subjects
      const entry = readEntry(ask, { actor, subjects, atWallMs: clock.wallMs() })
      const recorded = await new Promise<boolean>((resolve) => {
        writer.addDurably([entry], resolve)
      })
      if (!recorded) return 'not_recorded'
      const { after, limit, sinceMs, untilMs, upstream, tool, type, outcome, traceId, call } = ask
      const filter = { sinceMs, untilMs, subjects, upstream, tool, type, outcome, traceId, call }
      try {
        const page = await queryLog(directory, filter, { after, limit, scanMax: SCAN_MAX })
        const { records, next } = page
        return next === undefined ? { records } : { records, next }
      } catch {
        return 'unreadable'
      }
    },
  }
}

/** Pseudonyms of the person that is asked for; undefined when none is. */
async function subjectsOf(
  { issuer, subject }: AuditAsk,
  keys: AuditStore['keys'],
): Promise<readonly string[] | undefined | 'unreadable'> {
  if (subject === undefined) return undefined
  try {
    return await pseudonymsOf(systemFs, keys, issuer, subject)
  } catch {
    return 'unreadable'
  }
}

/** The person who was asked for stands in it as a pseudonym. */
function readEntry(
  { issuer: _issuer, subject: _subject, sinceMs, untilMs, after, limit, ...filter }: AuditAsk,
  {
    actor,
    subjects,
    atWallMs,
  }: {
    readonly actor: string | undefined
    readonly subjects: readonly string[] | undefined
    readonly atWallMs: number
  },
): AuditEntry {
  const shown = (ms: number | undefined): string | undefined =>
    ms === undefined || Math.abs(ms) > 8.64e15 ? undefined : new Date(ms).toISOString()
  return {
    type: 'audit.read',
    atWallMs,
    body: {
      actor: actor ?? 'local',
      asked: { ...filter, subjects, since: shown(sinceMs), until: shown(untilMs), after, limit },
    },
  }
}
