import assert from 'node:assert/strict'
import { it } from 'node:test'
import { recordReload } from '../../src/cli/audit-events.ts'
import type { AuditEntry } from '../../src/core/audit.ts'
import { FakeClock } from '../support/fake-clock.ts'

it('A configuration that was put in force or refused is recorded by the names of what changed', () => {
  const entries: AuditEntry[] = []
  const trail = { add: (entry: AuditEntry) => void entries.push(entry) }
  const clock = new FakeClock()
  const change = {
    added: ['files'],
    removed: [],
    changed: ['weather'],
    live: ['policy'],
    needRestart: ['listen.data'],
  }
  recordReload(trail, clock, 'restart_needed', change)
  recordReload(trail, clock, 'applied', change, 'ann')
  recordReload(trail, clock, 'invalid', undefined)
  recordReload(trail, clock, 'unchanged', undefined)
  assert.deepEqual(
    entries.map(({ type, body }) => [type, body]),
    [
      ['config.reloaded', { result: 'restart_needed', ...change }],
      ['config.reloaded', { result: 'applied', ...change, actor: 'ann' }],
      ['config.reloaded', { result: 'invalid' }],
    ],
  )
})
