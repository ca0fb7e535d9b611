/** Each row of the failure tables in docs/operations.md is shown by a test, and its alerts exist. */

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { FAILURE_KINDS, FAILURES } from '../../scripts/failure-table.ts'
import { alertRules } from '../../grafana/src/rules/files.ts'

const rows = FAILURE_KINDS.flatMap((kind) => FAILURES[kind])

/** Whether the file has a test whose title begins so, as the title stands in the source. */
function hasTest(file: string, title: string): boolean {
  const escaped = title.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`(?:it|test)\\(\\s*['"\`]${escaped}`).test(readFileSync(file, 'utf8'))
}

describe('a failure that docs/operations.md tells of', () => {
  it('is shown by a test that exists', () => {
    const wrong = rows.flatMap(({ what, proofs }) => [
      ...(proofs.length === 0 ? [`${what}: no test`] : []),
      ...proofs
        .filter(([file, title]) => !existsSync(file) || !hasTest(file, title))
        .map(([file, title]) => `${what}: ${file} has no test ${title}`),
    ])
    assert.deepEqual(wrong, [])
    assert.ok(rows.length >= 40)
  })

  it('fires alerts that exist', () => {
    const known = new Set(alertRules().map(({ alert }) => alert))
    const wrong = rows.flatMap(({ what, alerts }) =>
      alerts.filter((name) => !known.has(name)).map((name) => `${what}: ${name}`),
    )
    assert.deepEqual(wrong, [])
  })
})
