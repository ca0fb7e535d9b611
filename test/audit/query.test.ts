import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { systemFs } from '../../src/audit/audit-fs.ts'
import { toOcsf, toOtlp } from '../../src/audit/export.ts'
import { erasePerson, pseudonymsOf } from '../../src/audit/people.ts'
import { NO_FILTER, queryLog, tailLog, type AuditFilter } from '../../src/audit/query.ts'
import type { AuditRecord } from '../../src/audit/record.ts'
import { createAuditReader } from '../../src/cli/audit-reader.ts'
import type { AuditEntry } from '../../src/core/audit.ts'
import { systemClock } from '../../src/core/clock.ts'
import { AUDIT_ROUTES } from '../../src/http/api/audit-routes.ts'
import { makeDirectory, openStore, openWriter, recordsOf } from './rig.ts'

const DAY_MS = 86_400_000
const START_MS = Date.UTC(2026, 0, 1)

function called(n: number, subject: string): AuditEntry {
  return {
    type: n % 2 === 0 ? 'call.attempted' : 'call.ended',
    atWallMs: START_MS + n * DAY_MS,
    who: {
      verified: true,
      party: { issuer: 'https://idp.example', subject },
      organization: 'acme',
      actors: [],
      session: undefined,
      tokenSession: undefined,
      address: '10.0.0.0/24',
    },
    body: {
      call: `c${n >> 1}`,
      upstream: n < 6 ? 'weather' : 'files',
      method: 'tools/call',
      tool: `t${n % 3}`,
      outcome: n % 2 === 0 ? undefined : 'ok',
      trace: { traceId: `${n}`.padStart(32, '0'), spanId: '0'.repeat(16) },
    },
  }
}

/** Twelve records after each segment's first one, in segments of four. */
async function makeLog(): Promise<string> {
  const directory = await makeDirectory()
  const { store } = await openStore(directory, { segmentBytesMax: 1 })
  for (let n = 0; n < 12; n += 4) {
    await store.write([n, n + 1, n + 2, n + 3].map((one) => called(one, one < 8 ? 'alice' : 'bob')))
  }
  await store.close()
  return directory
}

const ALL = { after: 0, limit: 1_000, scanMax: Infinity }

async function seqs(
  directory: string,
  filter: Partial<AuditFilter>,
  page: Partial<typeof ALL> = {},
): Promise<{ readonly seqs: number[]; readonly next: number | undefined }> {
  const { records, next } = await queryLog(
    directory,
    { ...NO_FILTER, ...filter },
    { ...ALL, ...page },
  )
  return { seqs: records.map(({ seq }) => seq), next }
}

describe('A query of the audit log', () => {
  it('finds records by what they say', async () => {
    const directory = await makeLog()
    const rows: readonly (readonly [Partial<AuditFilter>, readonly number[]])[] = [
      [{ upstream: 'files' }, [10, 11, 13, 14, 15, 16]],
      [{ upstream: 'files', tool: 't0' }, [10, 14]],
      [{ type: 'call.ended' }, [4, 6, 9, 11, 14, 16]],
      [{ outcome: 'ok', tool: 't1' }, [4, 11]],
      [{ traceId: '00000000000000000000000000000005' }, [9]],
      [{ call: 'c2' }, [8, 9]],
      [{ sinceMs: START_MS + 10 * DAY_MS }, [15, 16]],
      [{ type: 'call.ended', untilMs: START_MS + 2 * DAY_MS }, [4]],
      [{ upstream: 'none' }, []],
    ]
    for (const [filter, expected] of rows) {
      const found = await seqs(directory, filter)
      // Every segment begins with a record of its own, of now.
      const own = found.seqs.filter((seq) => ![1, 2, 7, 12].includes(seq))
      assert.deepEqual(own, expected, JSON.stringify(filter))
    }
  })

  it('gives pages that follow on each other', async () => {
    const directory = await makeLog()
    const seen: number[] = []
    let after: number | undefined = 0
    while (after !== undefined) {
      const page = await seqs(directory, { type: 'call.ended' }, { after, limit: 4 })
      seen.push(...page.seqs)
      after = page.next
    }
    assert.deepEqual(seen, [4, 6, 9, 11, 14, 16])
  })

  it('gives no records for a limit of none that fit, and says where to go on, after it has looked at enough', async () => {
    const directory = await makeLog()
    assert.deepEqual(await seqs(directory, { upstream: 'files' }, { scanMax: 5 }), {
      seqs: [],
      next: 5,
    })
  })

  it('finds a person by name as long as the key is there', async () => {
    const directory = await makeLog()
    const { store } = await openStore(directory)
    const { keys } = store
    const bob = await pseudonymsOf(systemFs, keys, 'https://idp.example', 'bob')
    assert.equal(bob.length, 1)
    assert.deepEqual((await seqs(directory, { subjects: bob })).seqs, [13, 14, 15, 16])
    assert.deepEqual(await pseudonymsOf(systemFs, keys, 'https://other.example', 'bob'), [])
    assert.equal(await erasePerson(systemFs, keys, 'https://idp.example', 'bob'), 1)
    assert.deepEqual(await pseudonymsOf(systemFs, keys, 'https://idp.example', 'bob'), [])
  })

  it('gives a person who was erased another pseudonym when they come back', async () => {
    const directory = await makeLog()
    const { store } = await openStore(directory)
    const before = await pseudonymsOf(systemFs, store.keys, 'https://idp.example', 'bob')
    await erasePerson(systemFs, store.keys, 'https://idp.example', 'bob')
    await store.write([called(12, 'bob')])
    const after = await pseudonymsOf(systemFs, store.keys, 'https://idp.example', 'bob')
    assert.equal(after.length, 1)
    assert.notDeepEqual(after, before)
  })

  it('shows the last records in their order', async () => {
    const directory = await makeLog()
    const filter = { ...NO_FILTER, type: 'call.ended' }
    assert.deepEqual(
      (await tailLog(directory, filter, 3)).records.map(({ seq }) => seq),
      [11, 14, 16],
    )
  })
})

describe('Reading on the admin plane', () => {
  it('is recorded before anything is shown, and the person asked for as a pseudonym', async () => {
    const { writer, store, directory } = await openWriter()
    writer.add(called(0, 'canary-alice'))
    const reader = createAuditReader(store, writer, { directory, clock: systemClock })
    const [route] = AUDIT_ROUTES
    const query = { issuer: 'https://idp.example', subject: 'canary-alice', limit: '10' }
    // What is shown was written before the reading.
    await new Promise<void>((resolve) => {
      writer.addDurably([called(1, 'canary-alice')], () => resolve())
    })
    const request = { params: {}, query, body: undefined, actor: 'auditor' }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the other views are not asked
    const views = { audit: reader } as unknown as Parameters<NonNullable<typeof route>['handle']>[0]
    const page: unknown = await route?.handle(views, request)
    assert.match(JSON.stringify(page), /"call":"c0".*"call":"c0"/)
    assert.equal(route?.permission, 'audit')
    const read = (await recordsOf(directory)).find(({ type }) => type === 'audit.read')
    assert.equal(read?.['actor'], 'auditor')
    assert.match(JSON.stringify(read?.['asked']), /"subjects":\["p_[\w-]{22}"\]/)
    assert.doesNotMatch(JSON.stringify(read), /canary/)
  })

  it('says that it cannot read what is gone, and takes no issuer without a person', async () => {
    const { writer, store, directory } = await openWriter()
    const reader = createAuditReader(store, writer, { directory, clock: systemClock })
    await rm(directory, { recursive: true })
    const ask = { sinceMs: undefined, untilMs: undefined, after: 0, limit: 1 }
    assert.equal(await reader.read(ask, 'auditor'), 'unreadable')
    const [route] = AUDIT_ROUTES
    const request = {
      params: {},
      query: { issuer: 'https://x' },
      body: undefined,
      actor: 'auditor',
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the other views are not asked
    const views = { audit: reader } as unknown as Parameters<NonNullable<typeof route>['handle']>[0]
    const refused: unknown = await route?.handle(views, request)
    assert.match(JSON.stringify(refused), /"status":400.*issuer: say whose subject is meant/)
  })

  it('shows nothing when it cannot be recorded, and says that there is no log where there is none', async () => {
    const { writer, store, directory } = await openWriter()
    const reader = createAuditReader(store, writer, { directory, clock: systemClock })
    await writer.close(5_000)
    const ask = { sinceMs: undefined, untilMs: undefined, after: 0, limit: 1 }
    assert.equal(await reader.read(ask, 'auditor'), 'not_recorded')
  })
})

describe('An export', () => {
  const record: AuditRecord = {
    v: 1,
    seq: 7,
    time: '2026-01-01T00:00:00.000Z',
    type: 'authz.denied',
    who: { subject: 'p_x', issuer: 'https://idp.example', verified: true, address: '10.0.0.0/24' },
    call: 'c1',
    upstream: 'weather',
    method: 'tools/call',
    tool: 'delete',
    outcome: 'rejected',
    reason: 'forbidden',
    durationMs: 1.6,
    trace: { traceId: '0'.repeat(32), spanId: '1'.repeat(16) },
  }

  it('says it in the words of OCSF', () => {
    const event = JSON.parse(JSON.stringify(toOcsf(record)))
    const { unmapped, ...named } = event
    assert.deepEqual(unmapped, { sidelight: record })
    assert.deepEqual(named, {
      class_uid: 3003,
      category_uid: 3,
      activity_id: 99,
      activity_name: 'authz.denied',
      type_uid: 300399,
      time: 1767225600000,
      severity_id: 2,
      status_id: 2,
      status_detail: 'forbidden',
      duration: 2,
      metadata: {
        version: '1.9.0-dev',
        product: { name: 'Sidelight', vendor_name: 'Sidelight' },
        uid: '7',
        sequence: 7,
        correlation_uid: 'c1',
        trace_uid: '00000000000000000000000000000000',
      },
      actor: { user: { uid: 'p_x', domain: 'https://idp.example' } },
      src_endpoint: { ip: '10.0.0.0/24' },
      api: { operation: 'tools/call', service: { name: 'weather' } },
      resources: [{ type: 'tool', name: 'delete' }],
    })
  })

  it('has the class of each kind of record', () => {
    const classes = ['auth.failed', 'authz.denied', 'call.ended', 'admin.action', 'config.reloaded']
    assert.deepEqual(
      classes.map((type) => JSON.parse(JSON.stringify(toOcsf({ ...record, type }))).class_uid),
      [3002, 3003, 6003, 6003, 6002],
    )
  })

  it('is a log record of OTLP in the trace of its call', () => {
    const [resource] = JSON.parse(JSON.stringify(toOtlp([record], '1.2.3'))).resourceLogs
    const [scope] = resource.scopeLogs
    const [log] = scope.logRecords
    assert.deepEqual(scope.scope, { name: 'sidelight.audit', version: '1.2.3' })
    assert.equal(log.timeUnixNano, '1767225600000000000')
    assert.equal(log.traceId, '00000000000000000000000000000000')
    assert.equal(log.body.stringValue, JSON.stringify(record))
    assert.equal(log.severityText, 'WARN')
  })
})
