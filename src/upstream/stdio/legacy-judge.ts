/** Finds out whether a program is a server of an earlier revision, or cannot run at all. */

import type { Clock } from '../../core/clock.ts'
import type { TransportFailure } from '../transport.ts'
import type { ProcessTable } from './process-table.ts'
import type { SharedProcess } from './shared-process.ts'

/** A server that lives for so long without being asked anything can run. */
const JUDGE_MS = 500

/** How long what was found out about a server is believed. */
export const LEGACY_MS = 60_000

export class LegacyJudge {
  readonly #clock: Clock
  readonly #processes: ProcessTable
  #untilMs = 0

  constructor(clock: Clock, processes: ProcessTable) {
    this.#clock = clock
    this.#processes = processes
  }

  /** True while the server is taken for one of an earlier revision, and not asked again. */
  get legacy(): boolean {
    return this.#untilMs > this.#clock.monotonicMs()
  }

  /**
   * A process ended when it was asked `server/discover`: it may be a server of an earlier revision, or
   * one that cannot run at all. One that lives as long as it is asked nothing is the former.
   */
  judge(shared: SharedProcess, failure: TransportFailure): void {
    let decided = false
    const decide = (legacy: boolean): void => {
      if (decided) return
      decided = true
      if (legacy) {
        this.#untilMs = this.#clock.monotonicMs() + LEGACY_MS
        shared.answerProbes()
      } else {
        this.#processes.failed('shared')
        shared.fail(failure)
      }
    }
    if (this.legacy) return decide(true)
    const user = { received: () => {}, lost: () => {} }
    const silent = this.#processes.start('shared', {
      ...user,
      ended: () => {
        decide(false)
        return 'probe'
      },
    })
    if ('reason' in silent) return decide(false)
    setTimeout(() => {
      decide(true)
      void silent.stop()
    }, JUDGE_MS)
  }
}
