/** How much of results may be copied at a time. */

import type { CallObserver } from '../core/observer.ts'
import { CaptureBudget } from '../mcp/text-capture.ts'

/** Most bytes of copies of results, such as lists of tools, that are held at a time. */
const CAPTURES_BYTES_MAX = 32 * 1024 * 1024

export function createBudget(observer: CallObserver): CaptureBudget {
  return new CaptureBudget({
    bytesMax: CAPTURES_BYTES_MAX,
    onFull: () => observer.limitHit('captures'),
  })
}
