/** Load on a process before anything is measured, until V8 has optimised what calls run through. */

import type { Child } from './children.ts'
import type { Shape } from './shapes.ts'
import { measureWindow, type LoadTarget } from './window.ts'

/**
 * By calls, because a busy machine makes fewer of them in the same time, and code that V8 has not
 * optimised costs a multiple; bounded in time for targets that make few.
 */
export interface WarmUp {
  readonly calls: number
  readonly seconds: number
}

/** After so many calls what a call costs changes no more, in the programs that take longest. */
export const WARM_UP: WarmUp = { calls: 30_000, seconds: 6 }

/** Resolves to the calls that were made, as fast as answers come whatever the shape's rate is. */
export async function warmUp(
  load: Child,
  target: LoadTarget,
  shape: Shape,
  { calls, seconds }: WarmUp,
): Promise<number> {
  const options = { round: -1, seconds, callsMax: calls }
  return (await measureWindow(load, target, { ...shape, rate: undefined }, options)).callsInAll
}
