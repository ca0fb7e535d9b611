/** From a picture of a sidecar to the lines of a screen. No state, no output. */

import { printable } from '../../core/printable.ts'
import type { AlertView, StatsView, Window } from '../../http/api/stats-schema.ts'
import type { ToolView, UpstreamGlance } from '../../http/api/upstream-schema.ts'
import { formatMs, formatUptime } from '../demo/format.ts'
import { fit, left, line, piece, right, type Line, type Size, type Style } from '../demo/text.ts'
import type { Picture } from './client.ts'

export const SORTS = ['p95', 'calls', 'errors', 'tokens'] as const

export type Sort = (typeof SORTS)[number]

export interface Shown {
  readonly url: string
  readonly window: Window
  readonly sort: Sort
  /** What is wrong at the moment: then the picture is an old one. */
  readonly notice: string | undefined
}

const NUMBERS_WIDTH = 44
const HEALTH_WIDTH = 10
const LABEL_WIDTH = { least: 14, most: 42 } as const
const ALERTS_MAX = 5
/** Rows of tools that are kept when there are many upstreams. */
const TOOLS_LEAST = 5

const HEALTH_STYLES: Readonly<Record<string, Style>> = {
  HEALTHY: 'good',
  WARNING: 'strong',
  CRITICAL: 'bad',
}

/** At most `rows` rows, none wider than `columns`. `picture` is undefined before the first. */
export function renderTop(picture: Picture | undefined, shown: Shown, size: Size): readonly Line[] {
  const head = [...titleLines(picture, shown), ...noticeLines(shown)]
  const lines =
    picture === undefined ? head : [...head, ...bodyLines(picture, shown, size, head.length)]
  return lines.slice(0, size.rows).map((one) => fit(one, size.columns))
}

function titleLines(picture: Picture | undefined, { url, window }: Shown): readonly Line[] {
  if (picture === undefined) return [line(piece(`Sidelight at ${printable(url)}`, 'strong'))]
  const { build, atMs, health, totals, inFlight, readiness } = picture.snapshot
  const upFor = formatUptime(atMs - build.startedAtMs)
  return [
    line(
      piece(`Sidelight ${printable(build.version)}`, 'strong'),
      piece(` at ${printable(url)}, up ${upFor}, ${readiness}: `),
      piece(health.level, HEALTH_STYLES[health.level] ?? 'faint'),
    ),
    line(piece(`last ${window}: ${sumInWords(totals)}, ${inFlight} in flight`)),
  ]
}

function sumInWords({ calls, ratePerSecond, errorRate, all }: StatsView): string {
  const durations =
    all === undefined ? '' : `, p50 ${formatMs(all.p50Ms)} p95 ${formatMs(all.p95Ms)} ms`
  return `${calls} calls, ${ratePerSecond.toFixed(1)}/s, ${percent(errorRate)} errors${durations}`
}

function noticeLines({ notice }: Shown): readonly Line[] {
  return notice === undefined ? [] : [line(piece(printable(notice), 'bad'))]
}

function bodyLines(
  { snapshot, tools }: Picture,
  { sort }: Shown,
  { columns, rows }: Size,
  used: number,
): readonly Line[] {
  const free = columns - NUMBERS_WIDTH - HEALTH_WIDTH
  const width = Math.max(LABEL_WIDTH.least, Math.min(LABEL_WIDTH.most, free))
  const alerts = alertLines(snapshot.alerts)
  // Two headers.
  const room = Math.max(0, rows - used - alerts.length - 2)
  const upstreams = worstFirst(snapshot.upstreams)
  const shownUpstreams = Math.min(
    upstreams.length,
    Math.max(room - TOOLS_LEAST, Math.ceil(room / 2)),
  )
  const sorted = sortTools(tools, sort).slice(0, room - shownUpstreams)
  return [
    header(moreWords('upstream', upstreams.length - shownUpstreams), 'health', width),
    ...upstreams.slice(0, shownUpstreams).map((one) => upstreamLine(one, width)),
    ...alerts,
    header(`tool, by ${sort}${moreWords('', tools.length - sorted.length)}`, 'tokens', width),
    ...sorted.map((one) => toolLine(one, width)),
  ]
}

function moreWords(name: string, more: number): string {
  return more > 0 ? `${name} (+${more})` : name
}

function header(label: string, second: string, width: number): Line {
  const numbers = ['calls', '/s', 'err', 'open', 'p50', 'p95', 'p99']
    .map((name, index) => right(name, index === 3 ? 5 : index < 1 ? 7 : 6))
    .join('')
  return line(piece(`${left(label, width)}${left(second, HEALTH_WIDTH)}${numbers}`, 'faint'))
}

function upstreamLine(
  { name, health, guard, inFlight, stats }: UpstreamGlance,
  width: number,
): Line {
  const breaker = guard?.breaker?.state ?? 'closed'
  const state = breaker === 'closed' ? health.level : breaker === 'open' ? 'OPEN' : 'HALF OPEN'
  const style = breaker === 'closed' ? (HEALTH_STYLES[health.level] ?? 'faint') : 'bad'
  return line(
    piece(left(printable(name), width), 'strong'),
    piece(left(state, HEALTH_WIDTH), style),
    piece(numbersOf(stats, inFlight)),
    piece(health.reasons[0] === undefined ? '' : `  ${printable(health.reasons[0].text)}`, 'faint'),
  )
}

function toolLine({ upstream, tool, inFlight, stats }: ToolView, width: number): Line {
  const label = left(`${printable(upstream)} ${printable(tool)}`, width)
  const tokens = left(stats.resultTokens === 0 ? '-' : String(stats.resultTokens), HEALTH_WIDTH)
  return line(piece(label), piece(tokens, 'faint'), piece(numbersOf(stats, inFlight)))
}

function numbersOf({ calls, ratePerSecond, errorRate, all }: StatsView, inFlight: number): string {
  return [
    right(String(calls), 7),
    right(ratePerSecond.toFixed(1), 6),
    right(percent(errorRate), 6),
    right(String(inFlight), 5),
    ...[all?.p50Ms, all?.p95Ms, all?.p99Ms].map((value) => right(formatMs(value), 6)),
  ].join('')
}

/** Firing ones first, as the API has them. */
function alertLines(alerts: readonly AlertView[]): readonly Line[] {
  const active = alerts.filter(({ state }) => state !== 'resolved')
  return active.slice(0, ALERTS_MAX).map(({ state, severity, annotations, name, silencedBy }) => {
    const silenced = silencedBy === undefined ? '' : ' (silenced)'
    const what = printable(annotations['summary'] ?? name)
    return line(
      piece(`${state} ${severity}${silenced}: `, state === 'firing' ? 'bad' : 'plain'),
      piece(what),
    )
  })
}

const WORST: Readonly<Record<string, number>> = { CRITICAL: 0, WARNING: 1, UNKNOWN: 3 }

function worstFirst(upstreams: readonly UpstreamGlance[]): readonly UpstreamGlance[] {
  const rank = ({ health }: UpstreamGlance): number => WORST[health.level] ?? 2
  return upstreams.toSorted((a, b) => rank(a) - rank(b) || b.stats.calls - a.stats.calls)
}

const FIGURES: Readonly<Record<Sort, (stats: StatsView) => number>> = {
  p95: ({ all }) => all?.p95Ms ?? -1,
  calls: ({ calls }) => calls,
  errors: ({ errors }) => errors,
  tokens: ({ resultTokens }) => resultTokens,
}

function sortTools(tools: readonly ToolView[], sort: Sort): readonly ToolView[] {
  const figure = FIGURES[sort]
  return tools.toSorted(
    (a, b) => figure(b.stats) - figure(a.stats) || b.stats.calls - a.stats.calls,
  )
}

function percent(rate: number | undefined): string {
  if (rate === undefined) return '-'
  return rate > 0 && rate < 0.0995 ? `${(rate * 100).toFixed(1)}%` : `${Math.round(rate * 100)}%`
}
