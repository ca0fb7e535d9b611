import assert from 'node:assert/strict'
import { it } from 'node:test'
import { withSilenceRecords } from '../../src/cli/silence-records.ts'
import type { AuditEntry } from '../../src/core/audit.ts'
import type { Insight } from '../../src/insight/views.ts'
import { FakeClock } from '../support/fake-clock.ts'

it('A silence is recorded with who ordered it, and so is its end; a refused one is not', () => {
  const entries: AuditEntry[] = []
  const silences = {
    silence: (order: Parameters<Insight['silence']>[0]) =>
      order.reason === 'no'
        ? ('invalid' as const)
        : { ...order, id: 's1', createdAtMs: 0, endsAtMs: order.ttlMs },
    endSilence: (id: string) => id === 's1',
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the rest is not asked
  const given = silences as unknown as Insight
  const trail = { add: (entry: AuditEntry) => void entries.push(entry) }
  const insight = withSilenceRecords(given, trail, new FakeClock())
  const order = { matchers: { alertname: 'x' }, ttlMs: 60_000, author: 'sre' }
  insight.silence({ ...order, reason: 'maintenance' })
  insight.silence({ ...order, reason: 'no' })
  insight.endSilence('s2')
  insight.endSilence('s1')
  assert.deepEqual(
    entries.map(({ type, body }) => [type, body]),
    [
      [
        'admin.action',
        {
          action: 'silence.create',
          id: 's1',
          matchers: { alertname: 'x' },
          reason: 'maintenance',
          actor: 'sre',
          ttlMs: 60_000,
        },
      ],
      ['admin.action', { action: 'silence.end', id: 's1' }],
    ],
  )
})
