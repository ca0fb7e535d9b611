/**
 * Sees the timers that the code under test keeps, so that a test can say that none is over something
 * instead of waiting for what does not happen.
 */

import { createHook } from 'node:async_hooks'
import { closeAfterTest } from './scope.ts'

export interface KeptTimer {
  readonly ms: number
  readonly repeats: boolean
  /** Where it was made. */
  readonly from: string
}

/** Parts of Node's timers that have no public name. */
interface Timeout {
  readonly _idleTimeout: number
  readonly _repeat: number | null
  readonly _destroyed: boolean
}

/** The timers made from now on by anything but tests that are still to fire. */
export function watchTimers(): () => readonly KeptTimer[] {
  const made = new Map<Timeout, string>()
  const hook = createHook({
    init: (_id, type, _trigger, resource) => {
      if (type !== 'Timeout') return
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Node's own class of timers
      const timeout = resource as Timeout
      const from = originOf(new Error('made here').stack ?? '')
      if (!from.includes('/test/')) made.set(timeout, from)
    },
  })
  Error.stackTraceLimit = 50
  hook.enable()
  closeAfterTest(async () => {
    hook.disable()
    Error.stackTraceLimit = 10
  })
  return () =>
    [...made]
      .filter(([timeout]) => !timeout._destroyed && timeout._idleTimeout >= 0)
      .map(([{ _idleTimeout, _repeat }, from]) => ({
        ms: _idleTimeout,
        repeats: _repeat !== null,
        from,
      }))
}

/** The innermost place outside Node itself and this file. */
function originOf(stack: string): string {
  const places = stack.split('\n').slice(1)
  const own = places.find(
    (place) => /file:|node_modules/.test(place) && !place.includes('timers.ts'),
  )
  return own?.trim() ?? 'node'
}
