/**
 * Ends what a test has started, whether the test passed or not. Everything in test/support that
 * holds a socket or a process registers itself here; closing it earlier as well does no harm.
 */

import { afterEach } from 'node:test'

const closers: (() => Promise<unknown>)[] = []

afterEach(async () => {
  // The last started depends on the ones before it.
  const failures: unknown[] = []
  for (const close of closers.splice(0).toReversed()) {
    // What stays open would keep the process of the test for ever.
    await close().catch((failure: unknown) => failures.push(failure))
  }
  if (failures.length > 0) throw failures[0]
})

export function closeAfterTest(close: () => Promise<unknown>): void {
  closers.push(close)
}
