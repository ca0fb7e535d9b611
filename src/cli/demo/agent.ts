/** The demo's agent: a process of its own that calls both servers through the sidecar, at a pace. */

import { systemClock } from '../../core/clock.ts'
import { Connection } from './connection.ts'
import { endWithParent, onOrder, reportReady, type Order } from './parent.ts'
import { createRandom } from './random.ts'
import { createScenario, type Step } from './scenario.ts'
import { openLegacySession, openModernSession } from './sessions.ts'

/** Calls under way at a time; past it the agent leaves calls out rather than pile them up. */
const PENDING_MAX = 100
/** Calls made at once after a pause of the process, instead of all that were missed. */
const BURST_MAX = 10
const CALLS_PER_SESSION = 500
const LEAVE_TIMEOUT_MS = 500

type Work = Extract<Order, { kind: 'work' }>

class Agent {
  readonly #connections: Readonly<Record<Step['server'], Connection>>
  readonly #nextStep: () => Step
  readonly #random: () => number
  readonly #intervalMs: number
  #stopped = false
  #pending = 0
  #dueMs: number

  constructor(work: Work) {
    const clock = systemClock
    const callsMax = CALLS_PER_SESSION
    this.#connections = {
      everything: new Connection({
        clock,
        callsMax,
        open: () => openLegacySession(work.everythingUrl),
      }),
      library: new Connection({ clock, callsMax, open: () => openModernSession(work.libraryUrl) }),
    }
    this.#random = createRandom(work.seed)
    this.#nextStep = createScenario(this.#random)
    this.#intervalMs = 1_000 / work.callsPerSecond
    this.#dueMs = clock.monotonicMs()
  }

  /** Makes the calls that are due and comes back for the next. */
  run(): void {
    if (this.#stopped) return
    const now = systemClock.monotonicMs()
    this.#dueMs = Math.max(this.#dueMs, now - BURST_MAX * this.#intervalMs)
    while (this.#dueMs <= now) {
      // Calls of people and programs do not come in step.
      this.#dueMs += this.#intervalMs * (0.5 + this.#random())
      if (this.#pending < PENDING_MAX) void this.#call(this.#nextStep())
    }
    setTimeout(() => this.run(), this.#dueMs - now)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    const { everything, library } = this.#connections
    await Promise.all([everything.leave(), library.leave()])
  }

  async #call(step: Step): Promise<void> {
    this.#pending += 1
    const cancel = new AbortController()
    const timer =
      step.cancelAfterMs === undefined
        ? undefined
        : setTimeout(() => cancel.abort(), step.cancelAfterMs)
    await this.#connections[step.server].run(step.action, cancel.signal)
    clearTimeout(timer)
    this.#pending -= 1
  }
}

endWithParent()
let agent: Agent | undefined
onOrder((order) => {
  if (order.kind === 'work') {
    agent ??= new Agent(order)
    agent.run()
    return
  }
  setTimeout(() => process.exit(0), LEAVE_TIMEOUT_MS)
  void (agent?.stop() ?? Promise.resolve()).finally(() => process.exit(0))
})
reportReady(undefined)
