/** The timers of a sidecar. */

/** What depends on time is looked after this often: calls that wait, sessions, processes. */
const SWEEP_INTERVAL_MS = 1_000

/** Calls are looked at this often for whether they take too long. */
const DEADLINE_INTERVAL_MS = 100

/** Neither keeps the process alive. */
export function startTimers(work: { deadlines(): void; sweep(): void }): () => void {
  const timers = [
    setInterval(() => work.deadlines(), DEADLINE_INTERVAL_MS).unref(),
    setInterval(() => work.sweep(), SWEEP_INTERVAL_MS).unref(),
  ]
  return () => {
    for (const timer of timers) clearInterval(timer)
  }
}
