/** `sidelight audit`: checks, shows and exports an audit log, and forgets a person in it. */

import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { codeOf, systemFs } from '../audit/audit-fs.ts'
import { toOcsf, toOtlp } from '../audit/export.ts'
import { KEY_FILES, secretKey } from '../audit/keys.ts'
import { erasePerson, isPseudonym, pseudonymsOf } from '../audit/people.ts'
import { findRecords, followLog, queryLog, tailLog, type AuditFilter } from '../audit/query.ts'
import { printable } from '../audit/json-text.ts'
import type { AuditRecord } from '../audit/record.ts'
import { parseVerifier } from '../audit/signed-note.ts'
import { verifyLog } from '../audit/verify.ts'
import { describeReport } from './audit-report.ts'
import { EXIT, type CommandContext } from './command.ts'
import type { FlagValues } from './flags.ts'

const ACTIONS = ['verify', 'tail', 'query', 'export', 'erase'] as const

type Action = (typeof ACTIONS)[number]

interface Place {
  readonly directory: string
  readonly keys: string
}

/** A flag that makes no sense, for people. */
class UsageError extends Error {}

export async function auditCommand(
  flags: FlagValues,
  [name]: readonly string[],
  context: CommandContext,
): Promise<number> {
  const action = ACTIONS.find((one) => one === name)
  const directory = textOf(flags, 'dir')
  if (action === undefined || directory === undefined) {
    context.err(
      `sidelight audit: say what to do and where: sidelight audit ${ACTIONS.join('|')} --dir DIR\n`,
    )
    return EXIT.usage
  }
  const place = { directory, keys: textOf(flags, 'keys') ?? join(directory, 'keys') }
  try {
    if (!(await stat(directory)).isDirectory()) throw new UsageError(`${directory} is no directory`)
    return await RUN[action](place, flags, context)
  } catch (error) {
    const isUsage = error instanceof UsageError
    context.err(
      `sidelight audit: ${isUsage ? error.message : `${directory} cannot be read (${codeOf(error)})`}\n`,
    )
    return isUsage ? EXIT.usage : EXIT.failed
  }
}

type Run = (place: Place, flags: FlagValues, context: CommandContext) => Promise<number>

const RUN: Readonly<Record<Action, Run>> = { verify, tail, query, export: exportAll, erase }

async function verify(
  { directory, keys }: Place,
  flags: FlagValues,
  context: CommandContext,
): Promise<number> {
  const publicFile = textOf(flags, 'public-key') ?? join(keys, KEY_FILES.public)
  const publicText = await readIfThere(publicFile)
  const verifier = publicText === undefined ? undefined : parseVerifier(publicText)
  if (publicText !== undefined && verifier === undefined) {
    throw new UsageError(`${publicFile} is no key of checkpoints (name+id+key)`)
  }
  const chain = await chainKeyIn(keys)
  if (chain === undefined && verifier === undefined) {
    throw new UsageError(`there is no key to check with: name --keys DIR or --public-key FILE`)
  }
  const kept = await Promise.all(listOf(flags, 'checkpoints').map((file) => readFile(file, 'utf8')))
  const report = await verifyLog({ directory, chainKey: chain, verifier, kept })
  const used = { chain: chain !== undefined, checkpoints: verifier !== undefined }
  context.out(
    flags['json'] === true ? `${JSON.stringify(report, null, 2)}\n` : describeReport(report, used),
  )
  return report.faults.length === 0 ? EXIT.ok : EXIT.failed
}

async function tail(place: Place, flags: FlagValues, context: CommandContext): Promise<number> {
  const filter = await filterOf(place, flags)
  const count = numberOf(flags, 'limit', 20)
  let part = await tailLog(place.directory, filter, count)
  print(part.records, context)
  if (flags['follow'] !== true) return EXIT.ok
  const stopped = context.stopped.then(() => true)
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop
    if (await Promise.race([stopped, pause(FOLLOW_MS, false)])) return EXIT.ok
    // oxlint-disable-next-line no-await-in-loop
    part = await followLog(place.directory, filter, part.place)
    print(part.records, context)
  }
}

const FOLLOW_MS = 500

async function query(place: Place, flags: FlagValues, context: CommandContext): Promise<number> {
  const filter = await filterOf(place, flags)
  const limit = numberOf(flags, 'limit', 100)
  const after = numberOf(flags, 'after', 0)
  const page = await queryLog(place.directory, filter, { after, limit, scanMax: Infinity })
  print(page.records, context)
  if (page.next !== undefined) context.err(`more: --after ${page.next}\n`)
  return EXIT.ok
}

function print(records: readonly AuditRecord[], context: CommandContext): void {
  for (const record of records) context.out(`${printable(JSON.stringify(record))}\n`)
}

const EXPORT_BATCH = 100

async function exportAll(
  place: Place,
  flags: FlagValues,
  context: CommandContext,
): Promise<number> {
  const format = textOf(flags, 'format') ?? 'ocsf'
  if (format !== 'ocsf' && format !== 'otlp')
    throw new UsageError('--format: expected ocsf or otlp')
  const filter = await filterOf(place, flags)
  const after = numberOf(flags, 'after', 0)
  let batch: AuditRecord[] = []
  const flush = (): void => {
    if (batch.length === 0) return
    const lines = format === 'otlp' ? [toOtlp(batch, context.version)] : batch.map(toOcsf)
    for (const line of lines) context.out(`${printable(JSON.stringify(line))}\n`)
    batch = []
  }
  for await (const record of findRecords(place.directory, filter, after)) {
    batch.push(record)
    if (batch.length >= EXPORT_BATCH) flush()
  }
  flush()
  return EXIT.ok
}

async function erase(place: Place, flags: FlagValues, context: CommandContext): Promise<number> {
  const subject = textOf(flags, 'subject')
  if (subject === undefined) {
    throw new UsageError('name the person: --issuer ISSUER --subject NAME')
  }
  const keys = await hashKeysOf(place.keys)
  const erased = await erasePerson(systemFs, keys, textOf(flags, 'issuer'), subject)
  context.out(
    erased === 0
      ? 'There is no key of this person.\n'
      : 'The key is destroyed: no record can be told to be of this person any more. A sidecar that runs forgets it within a minute.\n',
  )
  return EXIT.ok
}

async function filterOf(place: Place, flags: FlagValues): Promise<AuditFilter> {
  return {
    sinceMs: instantOf(flags, 'since'),
    untilMs: instantOf(flags, 'until'),
    subjects: await subjectsOf(place, flags),
    upstream: textOf(flags, 'upstream'),
    tool: textOf(flags, 'tool'),
    type: textOf(flags, 'type'),
    outcome: textOf(flags, 'outcome'),
    traceId: textOf(flags, 'trace'),
    call: textOf(flags, 'call'),
  }
}

async function subjectsOf(place: Place, flags: FlagValues): Promise<readonly string[] | undefined> {
  const subject = textOf(flags, 'subject')
  if (subject === undefined) {
    if (flags['issuer'] === undefined) return undefined
    throw new UsageError('--issuer: name the person too, with --subject')
  }
  if (isPseudonym(subject)) return [subject]
  return pseudonymsOf(systemFs, await hashKeysOf(place.keys), textOf(flags, 'issuer'), subject)
}

async function hashKeysOf(
  directory: string,
): Promise<{ readonly hashes: Buffer; readonly subjects: string }> {
  const file = join(directory, KEY_FILES.hashes)
  const hashes = await secretKey(systemFs, file, false)
  if ('kind' in hashes) throw new UsageError(`${file}: ${hashes.problem}`)
  return { hashes, subjects: join(directory, KEY_FILES.subjects) }
}

async function chainKeyIn(directory: string): Promise<Buffer | undefined> {
  const file = join(directory, KEY_FILES.chain)
  if ((await readIfThere(file)) === undefined) return undefined
  const key = await secretKey(systemFs, file, false)
  if ('kind' in key) throw new UsageError(`${file}: ${key.problem}`)
  return key
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function textOf(flags: FlagValues, name: string): string | undefined {
  const value = flags[name]
  return typeof value === 'string' ? value : undefined
}

function listOf(flags: FlagValues, name: string): readonly string[] {
  const value = flags[name]
  return Array.isArray(value) ? value : []
}

function numberOf(flags: FlagValues, name: string, otherwise: number): number {
  const text = textOf(flags, name)
  if (text === undefined) return otherwise
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`--${name}: expected a whole number`)
  return Number(text)
}

function instantOf(flags: FlagValues, name: string): number | undefined {
  const text = textOf(flags, name)
  if (text === undefined) return undefined
  const ms = Date.parse(text)
  if (Number.isNaN(ms))
    throw new UsageError(`--${name}: expected a time such as 2026-11-30T10:00:00Z`)
  return ms
}
