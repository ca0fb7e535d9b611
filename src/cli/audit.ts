/** The audit log of a sidecar: opened, told of calls and of what happens besides, and closed. */

import { join } from 'node:path'
import { systemFs } from '../audit/audit-fs.ts'
import { CallAudit } from '../audit/call-audit.ts'
import { createAuditRules } from '../audit/levels.ts'
import { AuditStore } from '../audit/store.ts'
import { AuditWriter } from '../audit/writer.ts'
import type { Config } from '../config/schema.ts'
import type { AuditMeter, AuditReader, AuditTrail, AuditView } from '../core/audit.ts'
import type { Clock } from '../core/clock.ts'
import { compileLinearPattern } from '../core/linear-pattern.ts'
import type { Log } from '../core/log.ts'
import type { CallObserver } from '../core/observer.ts'
import { reject, type Outcome, type Rejection } from '../core/outcome.ts'
import { assignmentsTo, DENIED_KEYS, plainName, type RedactionRules } from '../core/redact.ts'
import type { Stages } from '../pipeline/stages.ts'
import { createAuditReader } from './audit-reader.ts'
import type { StartFailure } from './parts.ts'
import { createRecordIds } from './record-ids.ts'
import { durationOf, sizeOf } from './units.ts'

type AuditConfig = NonNullable<Config['audit']>

export interface Audit {
  /** None when there is no log. */
  readonly observers: readonly CallObserver[]
  /** Takes what happens besides calls; without a log, goes nowhere. */
  readonly trail: AuditTrail
  /** Undefined without a log. */
  readonly reader: AuditReader | undefined
  readonly view: () => AuditView | undefined
  readonly recordAttempt: Stages['recordAttempt']
  tick(): void
  close(timeoutMs: number): Promise<void>
}

export interface AuditOptions {
  readonly config: Config
  readonly clock: Clock
  readonly log: Log
  readonly meter: AuditMeter & { begin(): void }
}

const NO_AUDIT: Audit = {
  observers: [],
  trail: { add: () => {} },
  reader: undefined,
  view: () => undefined,
  recordAttempt: (_exchange, permit) => permit,
  tick: () => {},
  close: () => Promise.resolve(),
}

const UNAVAILABLE: Rejection = reject(
  'audit_unavailable',
  'the record of this call could not be written, and audit.mode is strict',
)

const CANCELLED: Outcome = { kind: 'cancelled' }

/** Without `audit` in the configuration, nothing is recorded. */
export async function openAudit(options: AuditOptions): Promise<Audit | StartFailure> {
  const settings = options.config.audit
  if (settings === undefined) return NO_AUDIT
  const { clock, meter } = options
  const store = await openStore(settings, options)
  if ('kind' in store) {
    return { kind: 'failed', what: 'audit', address: store.path, code: store.problem }
  }
  meter.begin()
  const writer = createWriter(store, settings, options)
  reportRecovery(store, writer, options)
  const calls = new CallAudit({
    trail: writer,
    clock,
    ruleOf: createAuditRules(settings.rules, settings),
    hashesKey: store.keys.hashes,
    addresses: settings.clientAddress,
    redaction: redactionOf(settings),
    newId: createRecordIds(),
  })
  return {
    observers: [calls],
    trail: writer,
    reader: createAuditReader(store, writer, { directory: settings.dir, clock }),
    view: () => writer.view,
    recordAttempt: attemptStage(calls),
    tick: () => writer.tick(),
    close: (timeoutMs) => writer.close(timeoutMs),
  }
}

/** A permit is settled by whoever does not pass it on. */
export function attemptStage(calls: Pick<CallAudit, 'attempt'>): Stages['recordAttempt'] {
  return (exchange, permit) => {
    const wait = calls.attempt(exchange)
    if (wait === undefined) return permit
    return {
      kind: 'queued',
      start: (done) => {
        wait.start((isDurable) => {
          if (isDurable) return done(permit)
          permit.settle(UNAVAILABLE)
          done(UNAVAILABLE)
        })
      },
      leave: () => {
        wait.leave()
        permit.settle(CANCELLED)
      },
    }
  }
}

function openStore(
  settings: AuditConfig,
  { clock, log, meter }: AuditOptions,
): ReturnType<typeof AuditStore.open> {
  return AuditStore.open({
    directory: settings.dir,
    keys: keysOf(settings),
    segmentBytesMax: sizeOf(settings.segmentBytes),
    segmentAgeMs: durationOf(settings.segmentAge),
    freeBytesMin: sizeOf(settings.freeSpace),
    checkpointFile: settings.checkpointFile,
    fs: systemFs,
    clock,
    onCheckpoint: (note, size) =>
      log.write('info', 'sidelight.audit.checkpoint', 'The audit log was signed so far', {
        'sidelight.audit.size': size,
        'sidelight.audit.note': note,
      }),
    onRecorded: (type, count) => meter.recorded(type, count),
    onSynced: (tookMs) => meter.synced(tookMs),
  })
}

/** Where the keys of a log are. */
export function keysOf({ dir, keys }: Pick<AuditConfig, 'dir' | 'keys'>): string {
  return keys ?? join(dir, 'keys')
}

function createWriter(
  store: AuditStore,
  settings: AuditConfig,
  { clock, log, meter }: AuditOptions,
): AuditWriter {
  return new AuditWriter({
    store,
    fs: systemFs,
    directory: settings.dir,
    clock,
    meter,
    queueMax: settings.queue,
    queueBytesMax: sizeOf(settings.queueBytes),
    flushMs: durationOf(settings.flushInterval),
    strictMs: durationOf(settings.strictTimeout),
    retentionMs: durationOf(settings.retention),
    checkpointRecords: settings.checkpointRecords,
    checkpointMs: durationOf(settings.checkpointInterval),
    onFailing: (code) =>
      log.write('error', 'sidelight.audit.failing', 'Nothing can be written to the audit log', {
        'sidelight.detail': code,
      }),
    onWorking: (lost) =>
      log.write('warn', 'sidelight.audit.working', 'The audit log can be written to again', {
        'sidelight.audit.lost': lost,
      }),
  })
}

/** Says in the log, and in the audit log itself, when it did not end as it should. */
function reportRecovery(store: AuditStore, trail: AuditTrail, { clock, log }: AuditOptions): void {
  const { previous, tornBytes, missing } = store.recovered
  const ended = previous?.end ?? 'stopped'
  if ((ended === 'stopped' || ended === 'rotated') && missing === 0) return
  const isBad = missing > 0 || ended === 'damaged'
  log.write(
    isBad ? 'error' : 'warn',
    'sidelight.audit.recovered',
    isBad
      ? 'Records of the audit log are missing or damaged; see sidelight audit verify'
      : 'The audit log had not been closed; every whole record of it is there',
    {
      'sidelight.audit.segment': previous?.segment,
      'sidelight.audit.end': ended,
      'sidelight.audit.torn_bytes': tornBytes,
      'sidelight.audit.missing': missing,
    },
  )
  trail.add({
    type: 'audit.recovered',
    atWallMs: clock.wallMs(),
    body: { segment: previous?.segment, end: ended, tornBytes, missing },
  })
}

function redactionOf({ captureBytes, denyKeys, patterns }: AuditConfig): RedactionRules {
  const denied = [...DENIED_KEYS, ...denyKeys.map(plainName)]
  return {
    denyKeys: denied,
    assignments: assignmentsTo(denied),
    patterns: patterns.flatMap((source) => compileLinearPattern(source) ?? []),
    bytesMax: sizeOf(captureBytes),
  }
}
