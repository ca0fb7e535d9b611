/**
 * Ends what a test has started, whether the test passed or not. Everything in test/support that
 * holds a socket or a process registers itself here; closing it earlier as well does no harm.
 */

import { afterEach } from 'node:test'

const closers: (() => Promise<unknown>)[] = []

afterEach(async () => {
  // The last started depends on the ones before it.
  for (const close of closers.splice(0).toReversed()) await close()
})

export function closeAfterTest(close: () => Promise<unknown>): void {
  closers.push(close)
}
