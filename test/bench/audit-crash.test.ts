import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killWriters } from '../../bench/audit-crash.ts'

test('ten writers that are killed in the middle of their writes lose nothing that they acknowledged', async () => {
  const { kills, acknowledged, lost, faults } = await killWriters(10)
  assert.equal(kills, 10)
  assert.ok(acknowledged >= 10, String(acknowledged))
  assert.equal(lost, 0)
  assert.deepEqual(faults, [])
})
