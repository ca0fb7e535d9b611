/** The table of docs/alerts.md, from a recorded run of test/grafana/chaos.test.ts. */

import { readFileSync } from 'node:fs'
import { code, table } from './markdown.ts'

interface ChaosRun {
  /** By how much the windows and waits of the rules were divided. */
  readonly divisor: number
  readonly alerts: readonly {
    /** The alert, and the upstream that it is about. */
    readonly alert: string
    /** Seconds. */
    readonly firedAfter: number
    readonly resolvedAfter?: number
  }[]
}

/** What was done, by the name of the upstream that it was done to. */
const FAULTS: readonly (readonly [upstream: string, fault: string])[] = [
  ['killed', 'the server is killed'],
  ['slow', 'it answers after 5.6 s'],
  ['failing', 'one call in six is a failed tool'],
  ['throttled', 'it answers 429 with `Retry-After`'],
  ['full', 'it has one place and four in the queue, and needs 0.7 s for a call'],
]

/** The same for alerts that are about no upstream. */
const OTHERS: Readonly<Record<string, string>> = {
  SidelightForgedTokens: 'tokens with a wrong signature',
  SidelightAuthFailureSpike: 'tokens with a wrong signature',
  SidelightAuditFailing: 'the disk of the audit log is full',
  SidelightTelemetryFailing: 'the collector answers 400',
  SidelightGone: 'the sidecar is killed',
}

export function chaosTable(file: string): string {
  const { divisor, alerts }: ChaosRun = JSON.parse(readFileSync(file, 'utf8'))
  const rows = alerts.map(({ alert, firedAfter, resolvedAfter }) => {
    const [name = '', upstream = ''] = alert.split(' ')
    const fault = FAULTS.find(([one]) => one === upstream)?.[1] ?? OTHERS[name]
    if (fault === undefined) throw new Error(`${file}: nothing is known of ${alert}`)
    return {
      fault,
      cells: [
        code(name),
        `${firedAfter} s`,
        resolvedAfter === undefined ? 'not mended in the test' : `${resolvedAfter} s`,
      ],
    }
  })
  const sorted = rows.toSorted((a, b) => a.fault.localeCompare(b.fault))
  return [
    `Recorded with every window and wait divided by ${divisor} ([${file.split('/').at(-1)}](../${file})):`,
    '',
    table(
      ['Fault', 'Alert', 'At the webhook after', 'Resolved there after it was mended'],
      sorted.map(({ fault, cells }) => [fault, ...cells]),
    ),
  ].join('\n')
}
