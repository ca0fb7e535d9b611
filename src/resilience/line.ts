/** A call's place in the line for a turn at an upstream. */

import type { QueueEnd } from '../core/breaker.ts'
import type { CallGate, Waiter } from './call-gate.ts'
import type { GuardQueued } from './guard-parts.ts'

/** How a wait ends that is not given up. */
export type WaitEnd = Exclude<QueueEnd, 'left'>

type Result = Parameters<Parameters<GuardQueued['start']>[0]>[0]

/** Undefined when the line is full. `after` says what came of the wait; `told` is told of its end. */
export function standInLine(
  gate: CallGate,
  waiter: Omit<Waiter, 'ended'>,
  told: (how: QueueEnd) => void,
  after: (how: WaitEnd) => Result,
): GuardQueued | undefined {
  let done: ((result: Result) => void) | undefined
  let entry = gate.wait({
    ...waiter,
    ended: (how) => {
      entry = undefined
      told(how)
      done?.(after(how))
    },
  })
  if (entry === undefined) return undefined
  return {
    kind: 'queued',
    start: (tell) => {
      done = tell
    },
    leave: () => {
      if (entry === undefined) return
      gate.giveUp(entry)
      told('left')
    },
  }
}
