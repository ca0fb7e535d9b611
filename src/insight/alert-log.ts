/** The log events of health and alerts. */

import type { Log } from '../core/log.ts'
import type { AlertChange } from './alert-book.ts'
import { UPSTREAM_LABEL, SIGNAL_LABEL } from './alert-rules.ts'
import type { HealthLevel, HealthVerdict, SilenceView } from './views.ts'

export class AlertLog {
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  changed(changes: readonly AlertChange[]): void {
    for (const { alert, from } of changes) {
      const firing = alert.state === 'firing'
      // What was pending and went away is of interest to nobody but who looks for it.
      const quiet = alert.state === 'pending' || from === 'pending'
      this.#log.write(
        firing ? 'warn' : quiet ? 'debug' : 'info',
        'sidelight.alert.changed',
        alert.annotations['summary'] ?? alert.name,
        {
          'sidelight.alert.name': alert.name,
          'sidelight.alert.state': alert.state,
          'sidelight.alert.severity': alert.severity,
          'sidelight.upstream.name': alert.labels[UPSTREAM_LABEL],
          'sidelight.telemetry.signal': alert.labels[SIGNAL_LABEL],
          'sidelight.alert.value': alert.value,
          'sidelight.alert.threshold': alert.threshold,
        },
      )
    }
  }

  silenced({ id, matchers, reason, author, createdAtMs, endsAtMs }: SilenceView): void {
    this.#log.write('warn', 'sidelight.alert.silenced', 'Alerts were silenced by hand', {
      'sidelight.alert.silence.id': id,
      'sidelight.alert.silence.matchers': textOf(matchers),
      'sidelight.alert.silence.reason': reason,
      'sidelight.alert.silence.author': author,
      'sidelight.alert.silence.duration': (endsAtMs - createdAtMs) / 1_000,
    })
  }

  unsilenced({ id, matchers }: SilenceView): void {
    this.#log.write('info', 'sidelight.alert.unsilenced', 'A silence was ended by hand', {
      'sidelight.alert.silence.id': id,
      'sidelight.alert.silence.matchers': textOf(matchers),
    })
  }

  delivered(receiver: string, error: string | undefined, failuresBefore: number): void {
    if (error === undefined && failuresBefore > 0) {
      this.#log.write('info', 'sidelight.alert.delivery_recovered', 'Alerts can be sent again', {
        'sidelight.alert.receiver': receiver,
      })
    }
    // Further failures are counted, not told.
    if (error !== undefined && failuresBefore === 0) {
      this.#log.write('warn', 'sidelight.alert.delivery_failed', 'Alerts could not be sent', {
        'sidelight.alert.receiver': receiver,
        'error.type': error,
      })
    }
  }

  healthChanged(upstream: string, before: HealthLevel, { level, reasons }: HealthVerdict): void {
    const bad = level === 'WARNING' || level === 'CRITICAL'
    this.#log.write(
      bad ? 'warn' : 'info',
      'sidelight.health.changed',
      'The verdict on an upstream has changed',
      {
        'sidelight.upstream.name': upstream,
        'sidelight.health.level': level.toLowerCase(),
        'sidelight.health.previous_level': before.toLowerCase(),
        'sidelight.detail': reasons.map(({ text }) => text).join('; ') || undefined,
      },
    )
  }
}

function textOf(matchers: Readonly<Record<string, string>>): string {
  return Object.entries(matchers)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(',')
}
