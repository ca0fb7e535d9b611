/**
 * The client side of the official conformance suite: a client must not be able to tell that its
 * server is behind Sidelight, whether it signs in, resumes a stream, answers a question of the
 * server or mirrors its arguments into headers. The sidecar stands beside the server
 * (`host: preserve`), so that the client keeps the server's URL, to which OAuth and DPoP bind.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explain, runClientSuite } from './client/run-client-suite.ts'
import { verdicts, type SuiteResult } from './run-suite.ts'

/** How many scenarios a revision requires or adds, and the checks that the client passes in them. */
const PASSED = [
  { revision: '2025-11-25', scenarios: 25, checks: 321 },
  { revision: '2026-07-28', scenarios: 39, checks: 484 },
] as const

/** Dozens of processes start at the same time, twice. */
const WITHIN = { timeout: 360_000 }

for (const { revision, scenarios, checks } of PASSED) {
  test(
    `a client of ${revision} conforms, and with Sidelight exactly as without`,
    WITHIN,
    async () => {
      const direct = await runClientSuite(revision, 'direct.ts')
      assert.equal(explain(direct), '')
      assert.deepEqual(
        [direct.conforms, direct.scenarios.size, direct.passed, direct.failed],
        [true, scenarios, checks, 0],
      )
      const through = await runClientSuite(revision, 'through-sidecar.ts')
      assert.equal(explain(through), '')
      assert.equal(through.conforms, true)
      assert.deepEqual(sortedVerdicts(through), sortedVerdicts(direct))
      for (const [scenario, printed] of through.printed) {
        assert.match(printed, /every call has ended once$/, scenario)
      }
    },
  )
}

/** Scenarios with calls at the same time make their checks in any order. */
function sortedVerdicts(result: SuiteResult): readonly string[] {
  return verdicts(result).toSorted()
}
