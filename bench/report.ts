/** The result on the terminal and in its file. */

import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Pinning } from './children.ts'
import type { LoadAverage } from './machine.ts'
import {
  quartiles,
  type Quartiles,
  type Requirement,
  type ShapeResult,
  type TargetResult,
} from './summary.ts'

interface Column {
  readonly title: string
  readonly read: (target: TargetResult) => string
}

const COLUMNS: readonly Column[] = [
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

/** `further` columns stand at the end. */
export function formatShape(
  { shape, targets }: ShapeResult,
  further: readonly Column[] = [],
): string {
  const columns = [...COLUMNS, ...further]
  const rows = [
    columns.map(({ title }) => title),
    ...targets.map((target) => columns.map(({ read }) => read(target))),
  ]
  const widths = columns.map((_, column) =>
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
    return `NOT MEASURED: ${text} (needs both targets at that shape)`
  }
  return `${verdict.toUpperCase()}: ${text} (ratio ${formatRatio(throughputRatio)})`
}

export function printConditions(
  pinning: Pinning | undefined,
  load: LoadAverage,
  absent: readonly { readonly target: string; readonly reason: string }[],
): void {
  console.log(`load average before: ${load.oneMinute} ${load.fiveMinutes} ${load.fifteenMinutes}`)
  console.log(
    pinning === undefined
      ? 'not pinned: the processes share all cores'
      : `pinned: target on core ${pinning.target}, helpers on ${pinning.helper}`,
  )
  if (process.platform !== 'linux') {
    console.log('CPU and memory are read from /proc, which only Linux has: they are missing here')
  }
  for (const { target, reason } of absent) console.log(`${target} is left out: ${reason}`)
}

export function save(result: object, file: string): void {
  write(result, file)
  console.log(`written: ${file}`)
}

/** All of it or nothing, whatever happens meanwhile. */
export function write(result: object, file: string): void {
  mkdirSync(dirname(file), { recursive: true })
  const unfinished = `${file}.${process.pid}.tmp`
  writeFileSync(unfinished, `${JSON.stringify(result, null, 2)}\n`)
  renameSync(unfinished, file)
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
