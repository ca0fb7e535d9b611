/** Values that cost something are made once for all who ask within a while. */

import type { Clock } from '../../core/clock.ts'

/** `keysMax` different keys are remembered; the one that was made first goes first. */
export function createMemo<K, V>(
  make: (key: K) => V,
  limits: { readonly clock: Clock; readonly forMs: number; readonly keysMax: number },
): (key: K) => V {
  const made = new Map<K, { readonly value: V; readonly atMs: number }>()
  return (key) => {
    const nowMs = limits.clock.monotonicMs()
    const known = made.get(key)
    if (known !== undefined && nowMs - known.atMs < limits.forMs) return known.value
    const value = make(key)
    made.delete(key)
    made.set(key, { value, atMs: nowMs })
    const oldest = made.keys().next()
    if (made.size > limits.keysMax && oldest.done !== true) made.delete(oldest.value)
    return value
  }
}
