/** The result on the terminal. */

import { REQUIRED_SHAPE } from './shapes.ts'
import {
  quartiles,
  type Quartiles,
  type Requirement,
  type ShapeResult,
  type TargetResult,
} from './summary.ts'

const COLUMNS: readonly {
  readonly title: string
  readonly read: (target: TargetResult) => string
}[] = [
  { title: 'target', read: ({ target }) => target },
  { title: 'calls/s', read: ({ callsPerSecond }) => callsPerSecond.toFixed(0) },
  { title: 'p50 ms', read: ({ p50Ms }) => p50Ms.toFixed(2) },
  { title: 'p99 ms', read: ({ p99Ms }) => p99Ms.toFixed(2) },
  { title: 'p99.9 ms', read: ({ p999Ms }) => p999Ms.toFixed(2) },
  { title: 'errors', read: ({ errors }) => String(errors) },
  { title: 'CPU us/call', read: ({ cpuUsPerCall }) => orDash(cpuUsPerCall) },
  { title: 'RSS MB', read: ({ rssMb }) => orDash(rssMb) },
  { title: 'calls/s ratio [q1 q3]', read: ({ throughputRatio }) => formatRatio(throughputRatio) },
  { title: 'CPU ratio [q1 q3]', read: ({ cpuRatio }) => formatRatio(cpuRatio) },
]

export function formatShape({ shape, targets }: ShapeResult): string {
  const rows = [
    COLUMNS.map(({ title }) => title),
    ...targets.map((target) => COLUMNS.map(({ read }) => read(target))),
  ]
  const widths = COLUMNS.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const lines = rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  '),
  )
  return `\n${shape}\n${lines.join('\n')}\n${targets.map(formatTelemetry).join('')}${formatForeign(targets)}`
}

export function formatRequirement({ text, verdict, throughputRatio }: Requirement): string {
  if (throughputRatio === null) {
    return `NOT MEASURED: ${text} (needs both targets at ${REQUIRED_SHAPE})`
  }
  return `${verdict.toUpperCase()}: ${text} (ratio ${formatRatio(throughputRatio)})`
}

/** Whether the figures include the export of every span. */
function formatTelemetry({ target, telemetry }: TargetResult): string {
  if (telemetry === null) return ''
  const { spans, spansPerCall, exports } = telemetry
  return `${target}: its sink took ${spans} spans, ${spansPerCall} per call, in ${exports} exports\n`
}

/** How far to trust the figures: a quiet machine says 0. */
function formatForeign(targets: readonly TargetResult[]): string {
  const cores = targets.flatMap(({ windows }) => windows.map((each) => each.foreignCores))
  const foreign = quartiles(cores.filter((value) => value !== null))
  if (foreign === null) return ''
  return `other programs kept ${foreign.median.toFixed(1)} cores busy (q3 ${foreign.q3.toFixed(1)})\n`
}

function formatRatio(ratio: Quartiles | null): string {
  if (ratio === null) return '-'
  return `${ratio.median.toFixed(2)} [${ratio.q1.toFixed(2)} ${ratio.q3.toFixed(2)}]`
}

function orDash(value: number | null): string {
  return value === null ? '-' : value.toFixed(0)
}
