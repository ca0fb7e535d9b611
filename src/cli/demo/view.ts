/** The live view: from what is known at one moment to the lines of a screen. No state, no output. */

import { formatErrors, formatMs, formatTime, formatUptime } from './format.ts'
import type { Hint } from './hints.ts'
import { isGood, type EndedCall, type Group, type Row, type Snapshot } from './stats.ts'
import type { RowNumbers } from './tally.ts'
import {
  fit,
  heightOf,
  left,
  line,
  piece,
  right,
  type Line,
  type Size,
  type Style,
} from './text.ts'

export interface ViewOptions {
  readonly version: string
  readonly dataUrl: string
  readonly adminUrl: string | undefined
  readonly hints: readonly Hint[]
  /** A word on each upstream, by name. */
  readonly about: Readonly<Record<string, string>>
}

const RECENT_MAX = 8
/** Below this the hints give way: a table without rows explains nothing. */
const TABLE_AND_RECENT_MIN = 7
const LABEL_WIDTH = { least: 20, most: 40 } as const
const NUMBERS_WIDTH = 35
const ERRORS_WIDTH_MIN = 24
/** From this width on, the last calls name their upstream too. */
const WIDE_COLUMNS = 100

/** At most `rows` rows high; no line but a hint is wider than `columns`. */
export function renderView(
  snapshot: Snapshot,
  options: ViewOptions,
  size: Size,
  notice?: string,
): readonly Line[] {
  const title = titleLines(snapshot, options)
  const warning = notice === undefined ? [] : [line(piece(notice, 'bad'))]
  const frame = title.length + warning.length + snapshot.groups.length + 2
  const hints = hintLines(options.hints, size.columns, size.rows - frame - TABLE_AND_RECENT_MIN)
  const room = Math.max(0, size.rows - frame - heightOfAll(hints, size.columns) - 1)
  const rowCount = snapshot.groups.reduce((sum, { rows }) => sum + rows.length, 0)
  const recentWanted = Math.min(RECENT_MAX, snapshot.recent.length)
  const shownRows = Math.min(rowCount, Math.max(room - recentWanted, Math.ceil(room / 2)))
  const shownCalls = Math.max(0, Math.min(recentWanted, room - shownRows))
  const gap = room - shownRows - shownCalls >= 3 ? [line()] : []
  const lines = [
    ...title,
    ...gap,
    ...tableLines(snapshot, options, size.columns, shownRows),
    ...gap,
    ...recentLines(snapshot.recent, size.columns, shownCalls),
    ...gap,
    ...hints,
    ...warning,
  ]
  return withinRows(
    lines.map((one) => fit(one, size.columns)),
    size,
  )
}

function withinRows(lines: readonly Line[], { columns, rows }: Size): readonly Line[] {
  let used = 0
  return lines.filter((one) => {
    used += heightOf(one, columns)
    return used <= rows
  })
}

function titleLines({ uptimeMs }: Snapshot, options: ViewOptions): Line[] {
  const { version, dataUrl, adminUrl } = options
  return [
    line(
      piece(`Sidelight ${version}`, 'strong'),
      piece(` demo: real MCP servers and clients, up ${formatUptime(uptimeMs)}. `),
      piece('Ctrl-C ends it.', 'faint'),
    ),
    line(
      piece('sidecar '),
      piece(dataUrl, 'link'),
      ...(adminUrl === undefined ? [] : [piece('  status page '), piece(`${adminUrl}/`, 'link')]),
    ),
  ]
}

function tableLines(
  snapshot: Snapshot,
  { about }: ViewOptions,
  columns: number,
  rowsMax: number,
): Line[] {
  const width = labelWidth(columns)
  const shown = mostCalled(snapshot.groups, rowsMax)
  const hidden = snapshot.groups.reduce((sum, { rows }) => sum + rows.length, 0) - shown.size
  const header = [
    left('durations in ms', width),
    right('calls', 6),
    right('/s', 6),
    right('open', 5),
    ...['p50', 'p95', 'p99'].map((name) => right(name, 6)),
    '  errors',
  ]
  const lines = [line(piece(header.join(''), 'faint'))]
  for (const { upstream, numbers, rows } of snapshot.groups) {
    const full = `${upstream} (${about[upstream] ?? ''})`
    const label = full.length <= width && upstream in about ? full : upstream
    lines.push(numbersLine(label, numbers, width, 'strong'))
    for (const row of rows) {
      if (shown.has(row)) lines.push(numbersLine(`  ${row.label}`, row.numbers, width, 'plain'))
    }
  }
  const label =
    hidden === 0 ? 'all calls' : `all calls, +${hidden} ${hidden === 1 ? 'row' : 'rows'}`
  lines.push(numbersLine(label, snapshot.total, width, 'strong'))
  return lines
}

function labelWidth(columns: number): number {
  const free = columns - NUMBERS_WIDTH - ERRORS_WIDTH_MIN
  return Math.max(LABEL_WIDTH.least, Math.min(LABEL_WIDTH.most, free))
}

function numbersLine(label: string, numbers: RowNumbers, width: number, style: Style): Line {
  const { calls, perSecond, inFlight, p50, p95, p99 } = numbers
  const errors = formatErrors(numbers)
  return line(
    piece(left(label, width), style),
    piece(
      [
        right(String(calls), 6),
        right(perSecond.toFixed(1), 6),
        right(String(inFlight), 5),
        ...[p50, p95, p99].map((value) => right(formatMs(value), 6)),
      ].join(''),
    ),
    piece(errors === '' ? '' : `  ${errors}`, 'bad'),
  )
}

/** The rows to show when not all have room. */
function mostCalled(groups: readonly Group[], count: number): ReadonlySet<Row> {
  const rows = groups.flatMap((group) => group.rows)
  return new Set(rows.toSorted((a, b) => b.numbers.calls - a.numbers.calls).slice(0, count))
}

function recentLines(recent: readonly EndedCall[], columns: number, count: number): Line[] {
  const title = line(piece('Last calls (time, call, outcome, ms, trace id)', 'faint'))
  return [title, ...recent.slice(recent.length - count).map((call) => recentLine(call, columns))]
}

function recentLine(call: EndedCall, columns: number): Line {
  const wide = columns >= WIDE_COLUMNS
  const label = wide ? `${left(call.upstream, 11)}${left(call.label, 32)}` : left(call.label, 15)
  return line(
    piece(`${formatTime(call.atWallMs)} `, 'faint'),
    piece(`${label} `),
    piece(left(call.outcome, wide ? 22 : 16), isGood(call.outcome) ? 'good' : 'bad'),
    piece(`${right(formatMs(call.durationMs), 6)} `),
    piece(call.traceId ?? '', 'link'),
  )
}

/** As many hints as fit, the first ones first, with a word on each when there is room for that too. */
function hintLines(hints: readonly Hint[], columns: number, rowsMax: number): Line[] {
  const title = line(piece('Try next, in another terminal', 'faint'))
  const explained = hints.flatMap((hint) => [line(piece(hint.about, 'faint')), commandLine(hint)])
  if (heightOfAll(explained, columns) <= rowsMax) return explained
  for (let count = hints.length; count > 0; count -= 1) {
    const lines = [title, ...hints.slice(0, count).map(commandLine)]
    if (heightOfAll(lines, columns) <= rowsMax) return lines
  }
  return []
}

function commandLine(hint: Hint): Line {
  return { pieces: [piece(hint.text)], wraps: true }
}

function heightOfAll(lines: readonly Line[], columns: number): number {
  return lines.reduce((sum, one) => sum + heightOf(one, columns), 0)
}
