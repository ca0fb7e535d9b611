/**
 * The server side of the official conformance suite: a server behind Sidelight must look to it
 * exactly as the same server looks without, check by check, in every revision.
 */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { closeAfterTest } from '../support/scope.ts'
import { startTestSidecar } from '../support/test-sidecar.ts'
import { complaints, runSuite, verdicts, type SuiteResult } from './run-suite.ts'
import { startHttpTarget, STDIO_TARGET } from './target.ts'

/** The checks that the fixtures pass in each revision; they fail none. */
const PASSED: Readonly<Record<string, number>> = {
  '2025-03-26': 3,
  '2025-06-18': 56,
  '2025-11-25': 84,
  '2026-07-28': 152,
}

/**
 * What a server on stdio cannot say, so that no bridge can say it either: it has no word for
 * closing the stream of one call early, and the answer comes on that stream.
 */
const BEYOND_STDIO: Readonly<Record<string, string>> = {
  'server-sse-polling / server-sse-disconnect-resume / ServerDisconnectResume: SUCCESS':
    'server-sse-polling / server-sse-disconnect-resume / ServerDisconnectResume: INFO',
}

/** The newest of each era. */
const UNDER_A_POLICY: ReadonlySet<string> = new Set(['2025-11-25', '2026-07-28'])

const localhost = (url: string): string => url.replace('//127.0.0.1:', '//localhost:')

const directRuns = new Map<string, Promise<SuiteResult>>()

/** The suite's view of the fixtures themselves, taken once for each revision. */
function runDirect(revision: string): Promise<SuiteResult> {
  const run = directRuns.get(revision) ?? runOnce(revision)
  directRuns.set(revision, run)
  return run
}

async function runOnce(revision: string): Promise<SuiteResult> {
  const target = await startHttpTarget()
  closeAfterTest(() => target.close())
  return runSuite({ url: target.url, revision })
}

for (const [revision, passed] of Object.entries(PASSED)) {
  describe(`the conformance suite in ${revision}`, () => {
    it('finds no fault with the fixtures themselves', async () => {
      const direct = await runDirect(revision)
      assert.equal(complaints(direct), '')
      assert.deepEqual([direct.passed, direct.failed], [passed, 0])
    })

    it('sees no difference when Sidelight stands in front of an HTTP server', async () => {
      const direct = await runDirect(revision)
      const target = await startHttpTarget()
      closeAfterTest(() => target.close())
      const sidecar = await startTestSidecar({ upstreams: { fixtures: target.url } })
      const through = await runSuite({ url: localhost(sidecar.url('fixtures')), revision })
      assert.equal(complaints(through), '')
      assert.deepEqual(verdicts(through), verdicts(direct))
    })

    it('sees no difference under a policy that allows everything', async () => {
      // Every reply to a list is taken apart here, and so is every stream.
      if (!UNDER_A_POLICY.has(revision)) return
      const direct = await runDirect(revision)
      const target = await startHttpTarget()
      closeAfterTest(() => target.close())
      const sidecar = await startTestSidecar({
        upstreams: { fixtures: target.url },
        config: { policy: { roles: { anonymous: { allow: ['*'] } } } },
      })
      const through = await runSuite({ url: localhost(sidecar.url('fixtures')), revision })
      assert.equal(complaints(through), '')
      assert.deepEqual(verdicts(through), verdicts(direct))
    })

    it('sees an HTTP server when Sidelight stands in front of one on stdio', async () => {
      const direct = await runDirect(revision)
      const sidecar = await startTestSidecar({ upstreams: { fixtures: { command: STDIO_TARGET } } })
      const through = await runSuite({ url: localhost(sidecar.url('fixtures')), revision })
      assert.equal(complaints(through), '')
      assert.deepEqual(
        verdicts(through),
        verdicts(direct).map((verdict) => BEYOND_STDIO[verdict] ?? verdict),
      )
    })
  })
}
