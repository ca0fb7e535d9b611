/** What OpenTelemetry's SDK says of its own troubles, in our log. */

import { diag, DiagLogLevel, type DiagLogger } from '@opentelemetry/api'
import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'

/** How often the same complaint of the SDK is logged: an absent collector is said once a minute. */
const COMPLAINT_INTERVAL_MS = 60_000
const COMPLAINT_KINDS_MAX = 64

/** The logger of the SDK is the one thing that is registered globally. */
export function reportComplaints(log: Log, clock: Clock): void {
  const lastMs = new Map<string, number>()
  const report = (message: string): void => {
    const text = message.slice(0, 300)
    const kind = text.slice(0, 40)
    const now = clock.monotonicMs()
    const last = lastMs.get(kind)
    if (last !== undefined && now - last < COMPLAINT_INTERVAL_MS) return
    if (lastMs.size < COMPLAINT_KINDS_MAX) lastMs.set(kind, now)
    log.write('warn', 'sidelight.telemetry.export_failed', 'OpenTelemetry could not do its work', {
      'sidelight.detail': text,
    })
  }
  const quiet = (): void => {}
  const logger: DiagLogger = {
    error: report,
    warn: report,
    info: quiet,
    debug: quiet,
    verbose: quiet,
  }
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
}
