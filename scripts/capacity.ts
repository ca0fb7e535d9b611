/**
 * What a fleet of sidecars needs: `npm run capacity -- --pods N --upstreams M --tools K --calls R
 * --sampling S`, all optional. The tables of docs/capacity.md come from the same functions.
 */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  adviceFor,
  FLEET_DEFAULTS,
  loadOf,
  type CapacityFigures,
  type Fleet,
  type Load,
  type PrometheusFigures,
} from './capacity-model.ts'
import { table } from './markdown.ts'

export const FIGURES_FILE = 'bench/results/2026-11-30-capacity.json'
export const PROMETHEUS_FILE = 'bench/results/2026-11-30-capacity-prometheus.json'

const at = (file: string): string => fileURLToPath(new URL(`../${file}`, import.meta.url))

export const readFigures = (): CapacityFigures => JSON.parse(readFileSync(at(FIGURES_FILE), 'utf8'))

export const readPrometheusFigures = (): PrometheusFigures =>
  JSON.parse(readFileSync(at(PROMETHEUS_FILE), 'utf8'))

interface Flag {
  readonly key: Exclude<keyof Fleet, 'histograms'>
  readonly least: number
  readonly most: number
  readonly about: string
}

const FLAGS: Readonly<Record<string, Flag>> = {
  pods: { key: 'pods', least: 1, most: 1e6, about: 'pods with a sidecar' },
  upstreams: { key: 'upstreams', least: 1, most: 1000, about: 'upstreams of each pod' },
  tools: { key: 'tools', least: 0, most: 256, about: 'tools in use, of each upstream' },
  'error-kinds': {
    key: 'errorKinds',
    least: 0,
    most: 1000,
    about: 'pairs of a tool and a kind of error, of each upstream',
  },
  calls: { key: 'calls', least: 0, most: 1e5, about: 'calls a second, of each pod' },
  sampling: { key: 'sampling', least: 0, most: 1, about: 'share of calls that are traced' },
  failing: { key: 'failing', least: 0, most: 1, about: 'share of calls that upstreams fail' },
  scrape: { key: 'scrapeSeconds', least: 1, most: 3600, about: 'seconds between two scrapes' },
  'pods-per-node': { key: 'podsPerNode', least: 1, most: 1000, about: 'pods on a node' },
}

/** The fleet that the arguments describe, or what is wrong with them. */
export function readFleet(args: readonly string[]): Fleet | string {
  const options = {
    ...Object.fromEntries(Object.keys(FLAGS).map((name) => [name, { type: 'string' } as const])),
    native: { type: 'boolean' } as const,
  }
  try {
    const { values }: { values: Readonly<Record<string, string | boolean | undefined>> } =
      parseArgs({ args: [...args], options })
    const numbers: Partial<Record<keyof Fleet, number>> = {}
    for (const [name, { key, least, most }] of Object.entries(FLAGS)) {
      const text = values[name]
      if (typeof text !== 'string') continue
      const value = Number(text)
      if (text.trim() === '' || !(value >= least && value <= most)) {
        return `--${name} is a number from ${least} to ${most}`
      }
      numbers[key] = value
    }
    const histograms = values['native'] ? 'native' : 'classic'
    return { ...FLEET_DEFAULTS, ...numbers, histograms }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

export const usage = (): string =>
  [
    'npm run capacity -- [flags]',
    '',
    ...Object.entries(FLAGS).map(
      ([name, { key, about }]) =>
        `  --${name} N`.padEnd(22) + `${about}; ${FLEET_DEFAULTS[key]} when it is not given`,
    ),
    '  --native'.padEnd(22) + 'histograms as native ones, pushed by OTLP',
    '',
  ].join('\n')

/** A number of bytes as people write it. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${short(value)} ${units[unit] ?? ''}`
}

/** A count as people write it: two places at most, thousands told apart. */
export function short(value: number): string {
  if (value >= 1e6) return `${short(value / 1e6)} million`
  if (value >= 100) return Math.round(value).toLocaleString('en')
  return Number(value.toPrecision(2)).toLocaleString('en')
}

/** Each line of an answer: what it is, and how much. */
export function loadRows(load: Load): readonly (readonly [string, string])[] {
  const { prometheus, mimir } = load
  return [
    ['series of a pod', short(load.seriesPerPod)],
    ['series', short(load.series)],
    ['samples a second', short(load.samplesPerSecond)],
    ['scraped a second, gzipped', bytesText(load.scrapeBytesPerSecond)],
    ['calls a second', short(load.callsPerSecond)],
    ['spans a second', short(load.spansPerSecond)],
    ['spans a day, OTLP', bytesText(load.spanBytesPerDay)],
    ['audit log of a pod a day', bytesText(load.auditBytesPerPodDay)],
    ['audit log of a pod in 400 days', bytesText(load.auditBytesPerPodKept)],
    ['audit logs a day', bytesText(load.auditBytesPerDay)],
    ['log a day, at level info', bytesText(load.logBytesPerDay)],
    ['collectors on nodes', short(load.nodes)],
    ['gateways', short(load.gateways)],
    ['spans held by each gateway', bytesText(load.gatewayBytesEach)],
    ['Prometheus: memory in all', bytesText(prometheus.bytes)],
    ['Prometheus: cores in all', short(prometheus.cores)],
    ['Prometheus: disk for 15 days', bytesText(prometheus.diskBytes)],
    ['Prometheus: servers of 64 GB', short(prometheus.servers)],
    ['Mimir: cores of distributors', short(mimir.distributorCores)],
    ['Mimir: cores of ingesters', short(mimir.ingesterCores)],
    ['Mimir: memory of ingesters', bytesText(mimir.ingesterBytes)],
    ['Tempo: distributors', short(load.tempoDistributors)],
  ]
}

/** What the command prints. */
export function report(fleet: Fleet): string {
  const load = loadOf(fleet, readFigures(), readPrometheusFigures())
  return [
    ...loadRows(load).map(([what, value]) => `${what.padEnd(32)}${value}`),
    '',
    ...adviceFor(fleet, load).map(({ part, text }) => `${part.padEnd(12)}${text}`),
    '',
  ].join('\n')
}

/** The units of docs/capacity.md. */
export function unitsTable(): string {
  const { series, spans, audit, log } = readFigures()
  const { classic, native } = series
  const prometheus = readPrometheusFigures()
  const both = (key: keyof typeof classic): readonly string[] => [
    String(classic[key]),
    String(native[key]),
  ]
  const seriesRows = [
    ['of a sidecar, whatever it stands in front of', ...both('sidecar')],
    ['of an upstream that nobody calls', ...both('upstreamIdle')],
    ['of an upstream in use, without its tools', ...both('upstreamUsed')],
    ['more for each tool in use', ...both('tool')],
    ['more for each tool and kind of error', ...both('toolError')],
  ]
  const bytes = (value: number): string => `${Math.round(value)} B`
  return [
    table(['Series', 'scraped', 'with native histograms'], seriesRows),
    '',
    table(
      ['What', 'How much'],
      [
        [
          'a series in a scrape, and gzipped',
          `${bytes(series.bytes)}, ${bytes(series.gzippedBytes)}`,
        ],
        ['spans of a call that is traced', String(spans.perCall)],
        ['a span by OTLP, and gzipped', `${bytes(spans.bytes)}, ${bytes(spans.gzippedBytes)}`],
        ['audit record of a call', bytes(audit.callBytes)],
        [
          'log at level info: a call that works, one that the upstream fails',
          `0, ${bytes(log.failureBytes)}`,
        ],
        ['log at level debug: any call', bytes(log.callBytes)],
        [
          `Prometheus ${prometheus.version}: memory of a series, CPU of a sample`,
          `${prometheus.residentBytesPerSeries} B, ${prometheus.cpuMicrosPerSample} µs`,
        ],
      ],
    ),
  ].join('\n')
}

/** The fleets of docs/capacity.md. */
export function fleetsTable(): string {
  const sizes = [10, 100, 1000, 10_000, 100_000]
  const loads = sizes.map((pods) => {
    const fleet = { ...FLEET_DEFAULTS, pods }
    return { fleet, rows: loadRows(loadOf(fleet, readFigures(), readPrometheusFigures())) }
  })
  const names = loads[0]?.rows.map(([name]) => name) ?? []
  return table(
    ['Pods', ...sizes.map(short)],
    names.map((name, index) => [name, ...loads.map(({ rows }) => rows[index]?.[1] ?? '')]),
  )
}

/** What has to change, and from how many pods on. */
export function changesTable(): string {
  const sizes = [1, 10, 100, 1000, 10_000, 100_000].flatMap((size) => [size, 2 * size, 5 * size])
  const rows: { pods: number; part: string; text: string }[] = []
  let before = 0
  for (const size of sizes.filter((pods) => pods <= 100_000)) {
    for (const { part, text } of adviceOf(size)) {
      const said = rows.findLast((row) => row.part === part)
      if (said !== undefined && kindOf(said.text) === kindOf(text)) continue
      const pods = firstPods(before, size, part, kindOf(text))
      const there = adviceOf(pods).find((advice) => advice.part === part)
      rows.push({ pods, part, text: there?.text ?? text })
    }
    before = size
  }
  return table(
    ['From so many pods', 'Part', 'What it takes'],
    rows
      .toSorted((one, other) => one.pods - other.pods)
      .map(({ pods, part, text }) => [pods.toLocaleString('en'), part, text]),
  )
}

function adviceOf(pods: number): ReturnType<typeof adviceFor> {
  const fleet = { ...FLEET_DEFAULTS, pods }
  return adviceFor(fleet, loadOf(fleet, readFigures(), readPrometheusFigures()))
}

/** An advice without its numbers. */
const kindOf = (text: string): string => text.replaceAll(/\d[\d.,]*/g, 'N')

/** The least number of pods, above one for which it is not so, for which a part is of this kind. */
function firstPods(above: number, atMost: number, part: string, kind: string): number {
  let [no, yes] = [above, atMost]
  while (yes - no > 1) {
    const middle = Math.floor((no + yes) / 2)
    const found = adviceOf(middle).find((advice) => advice.part === part)
    if (found !== undefined && kindOf(found.text) === kind) yes = middle
    else no = middle
  }
  return yes
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const args = process.argv.slice(2)
  const fleet = args.includes('--help') ? usage() : readFleet(args)
  if (typeof fleet === 'string') {
    console.error(args.includes('--help') ? fleet : `${fleet}\n\n${usage()}`)
    process.exitCode = args.includes('--help') ? 0 : 2
  } else {
    console.log(report(fleet))
  }
}
