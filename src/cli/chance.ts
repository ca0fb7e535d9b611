import { randomInt } from 'node:crypto'

/** As fine as chance has to be to spread what many sidecars do. */
const STEPS = 2 ** 32

/** A random number from 0 up to 1, for what must not happen at the same time everywhere. */
export function chance(): number {
  return randomInt(STEPS) / STEPS
}
