/** Notes what pools tell. */

import type { PoolName, PoolObserver, PoolRecorder } from '../../src/core/pool.ts'

export class PoolLog implements PoolObserver {
  /** `calls created`, `streams timed out` and so on, in order. */
  readonly told: string[] = []
  readonly waitsMs: number[] = []
  readonly usesMs: number[] = []

  pool(_upstream: string, pool: PoolName): PoolRecorder {
    return {
      created: () => void this.told.push(`${pool} created`),
      waited: (ms) => {
        this.told.push(`${pool} waited`)
        this.waitsMs.push(ms)
      },
      used: (ms) => {
        this.told.push(`${pool} used`)
        this.usesMs.push(ms)
      },
      timedOut: () => void this.told.push(`${pool} timed out`),
    }
  }
}
