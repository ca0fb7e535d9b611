/** The tables and charts of docs/performance.md, and the README's numbers: all from recorded runs. */

import type { TargetResult } from '../bench/summary.ts'
import { medianOf } from '../bench/trend.ts'
import { barChart, lineChart } from './charts.ts'
import { code, table } from './markdown.ts'
import { busyText, conditionsText, shapesText } from './performance-conditions.ts'
import { goalRows } from './performance-goals.ts'
import {
  addedMsOf,
  findTarget,
  ratioOf,
  readBurnt,
  readCalls,
  readGate,
  readSoak,
  type CallsResult,
  type GateResult,
  type Recorded,
} from './performance-result.ts'

const MAIN_SHAPE = 'json-200B@32'
const CROWD_SHAPE = 'idle1000-200B@32/500'
const BASE = 'undici-pipe'

const NAMES: Readonly<Record<string, string>> = {
  direct: 'no proxy',
  nginx: 'nginx, 1 process',
  haproxy: 'haproxy, 1 thread',
  'node-http': 'node:http to node:http, a raw pipe',
  'undici-pipe': 'node:http to undici, a raw pipe',
  bare: 'Sidelight, telemetry off',
  'unaudited-10': 'Sidelight, everything but the audit log, 1 in 10 traced',
  'full-10': 'Sidelight, everything on, 1 in 10 traced',
  'full-100': 'Sidelight, everything on, all traced',
  wrap: 'sidelight wrap, 1 in 10 traced',
  'mcp-proxy': 'mcp-proxy',
  supergateway: 'supergateway',
  'mcp-remote': 'mcp-remote',
}

const OURS = new Set(['bare', 'unaudited-10', 'full-10', 'full-100', 'wrap'])

const nameOf = (target: string): string => NAMES[target] ?? target

/** Parts of pages by their name; see scripts/docs.ts. */
export const PERFORMANCE_PARTS: Readonly<Record<string, () => string>> = {
  cost: costPart,
  numbers: readmePart,
  performancegoals: goalsPart,
  performancemain: () =>
    [conditionsText(readCalls(), MAIN_SHAPE), '', shapeTable(MAIN_SHAPE)].join('\n'),
  performanceshapes: shapesPart,
  performancerate: ratePart,
  performancepipes: () => shapeTable('stdio-200B@32'),
  performancebridge: () => shapeTable('bridge-200B@32'),
  performancesdk: () => shapeTable('sdk-200B@8'),
  performancememory: memoryPart,
  performancestart: startPart,
  performancegate: gatePart,
}

/** Pictures by their file. */
export function performanceCharts(): ReadonlyMap<string, string> {
  const charts = new Map([
    ['docs/images/performance-cpu.svg', cpuChart()],
    ['docs/images/performance-shapes.svg', shapesChart()],
    ['docs/images/performance-pipes.svg', pipesChart()],
  ])
  const soak = soakChart()
  if (soak !== undefined) charts.set('docs/images/performance-soak.svg', soak)
  return charts
}

/** What calls through Sidelight cost, for those who size containers. */
export function sidecarFigures(): readonly {
  readonly what: string
  readonly cpuUsPerCall: number
  readonly callsPerSecond: number
}[] {
  return targetsOf(readCalls().content, MAIN_SHAPE).flatMap((each) =>
    OURS.has(each.target) && each.cpuUsPerCall !== null
      ? [
          {
            what: nameOf(each.target),
            cpuUsPerCall: each.cpuUsPerCall,
            callsPerSecond: each.callsPerSecond,
          },
        ]
      : [],
  )
}

/** What a call costs, in a sentence. */
function costPart(): string {
  const targets = targetsOf(readCalls().content, MAIN_SHAPE)
  const cost = (name: string): string =>
    orNothing(targets.find(({ target }) => target === name)?.cpuUsPerCall ?? null, 0)
  return `A call takes ${cost('bare')} µs of CPU with telemetry off and ${cost('full-10')} with everything on, where a plain proxy of node:http takes ${cost('node-http')} and observes nothing.`
}

function readmePart(): string {
  const { file, content } = readCalls()
  const rows = targetsOf(content, MAIN_SHAPE)
    .filter(({ target }) => target !== 'direct')
    .map(({ target, callsPerSecond, cpuUsPerCall, p50Ms, p99Ms }) => [
      nameOf(target),
      callsPerSecond.toFixed(0),
      orNothing(cpuUsPerCall, 0),
      ratioText(content, MAIN_SHAPE, target),
      p50Ms.toFixed(2),
      p99Ms.toFixed(1),
    ])
  const { cpu, cores, node } = content.machine
  return [
    `Small JSON calls over 32 connections, targets interleaved, one core for the target (${cpu}, ${cores} cores, Node ${node}; [${nameOfFile(file)}](${file})):`,
    '',
    table(
      ['', 'calls/s', 'CPU µs per call', 'in relation to the undici pipe', 'p50 ms', 'p99 ms'],
      rows,
    ),
    ...busyText(content, MAIN_SHAPE).flatMap((line) => ['', line]),
  ].join('\n')
}

function goalsPart(): string {
  const rows = goalRows().map(({ text, limit, measured, verdict }) => [
    text,
    limit,
    measured,
    verdict === 'met' ? 'met' : `**${verdict}**`,
  ])
  return table(['What', 'Goal', 'Measured', ''], rows)
}

const TARGET_HEAD = [
  '',
  'calls/s',
  'CPU µs per call (user + system)',
  'CPU ratio [quartiles]',
  'p50 / p99 / p99.9 ms',
  'RSS MB idle / load / after',
  'loop delay p99 ms',
  'errors',
]

function shapeTable(shape: string): string {
  const { content } = readCalls()
  const targets = targetsOf(content, shape)
  if (targets.length === 0) return 'Not measured in the recorded run.'
  return table(
    TARGET_HEAD,
    targets.map((target) => targetRow(target)),
  )
}

function targetRow(result: TargetResult): string[] {
  const { cpuUsPerCall, cpuUserUsPerCall, cpuSystemUsPerCall, cpuRatio } = result
  const cpu =
    cpuUsPerCall === null
      ? ''
      : `${cpuUsPerCall.toFixed(0)} (${orNothing(cpuUserUsPerCall, 0)} + ${orNothing(cpuSystemUsPerCall, 0)})`
  const ratio =
    cpuRatio === null
      ? ''
      : `${cpuRatio.median.toFixed(2)} [${cpuRatio.q1.toFixed(2)} ${cpuRatio.q3.toFixed(2)}]`
  return [
    nameOf(result.target),
    result.callsPerSecond.toFixed(0),
    cpu,
    ratio,
    `${result.p50Ms.toFixed(2)} / ${result.p99Ms.toFixed(1)} / ${result.p999Ms.toFixed(1)}`,
    [result.rssIdleMb, result.rssMb, result.rssAfterMb].map((mb) => orNothing(mb, 0)).join(' / '),
    orNothing(result.loopDelayP99Ms, 1),
    String(result.errors),
  ]
}

function shapesPart(): string {
  const { content } = readCalls()
  const rows = httpShapes(content).map((shape) => {
    const full = findTarget(content, shape, 'full-10')
    const pipe = findTarget(content, shape, BASE)
    return [
      code(shape),
      orNothing(pipe?.cpuUsPerCall ?? null, 0),
      ...['node-http', 'bare', 'full-10'].map((target) => ratioText(content, shape, target)),
      orNothing(pipe?.p99Ms ?? null, 1),
      orNothing(full?.p99Ms ?? null, 1),
      orNothing(full?.loopDelayP99Ms ?? null, 1),
    ]
  })
  const rowsTable = table(
    [
      'Shape',
      'undici pipe, CPU µs per call',
      'node:http pipe',
      'Sidelight, telemetry off',
      'Sidelight, everything on',
      'p99 ms, undici pipe',
      'p99 ms, everything on',
      'loop delay p99 ms, everything on',
    ],
    rows,
  )
  return [rowsTable, ...shapesText(content, MAIN_SHAPE).flatMap((line) => ['', line])].join('\n')
}

function ratePart(): string {
  const { content } = readCalls()
  const added = (target: string, figure: 'p50Ms' | 'p99Ms'): string =>
    orNothing(addedMsOf(content, CROWD_SHAPE, target, figure) ?? null, 2)
  const rows = targetsOf(content, CROWD_SHAPE).map((each) => [
    nameOf(each.target),
    each.callsPerSecond.toFixed(0),
    `${each.p50Ms.toFixed(2)} / ${each.p99Ms.toFixed(2)} / ${each.p999Ms.toFixed(2)}`,
    added(each.target, 'p50Ms'),
    added(each.target, 'p99Ms'),
    orNothing(each.cpuUsPerCall, 0),
    orNothing(each.lateP99Ms, 2),
  ])
  return table(
    [
      '',
      'calls/s',
      'p50 / p99 / p99.9 ms',
      'added p50 ms',
      'added p99 ms',
      'CPU µs per call',
      'sent late, p99 ms',
    ],
    rows,
  )
}

function memoryPart(): string {
  const recorded = readSoak()
  if (recorded === undefined) return 'Not recorded yet.'
  const { costs, soak, callsPerSecond, machine } = recorded.content
  const { churn, rss, live } = soak
  const streams = costs.streams
    .map(({ megabytes, rssGrowthMb }) => `${rssGrowthMb} MB more for one of ${megabytes} MB`)
    .join(', ')
  return [
    `[${nameOfFile(recorded.file)}](../${recorded.file}), commit ${machine.commit ?? 'unknown'}, everything on, 1 call in 10 traced:`,
    '',
    table(
      ['', ''],
      [
        ['idle', `${costs.rssIdleMb} MB resident`],
        [`${costs.crowd} open sessions`, `${costs.rssWithSessionsMb} MB resident`],
        [
          `${costs.crowd} open sessions, each with an open stream`,
          `${costs.rssWithStreamsMb} MB resident`,
        ],
        ['a session', `${(costs.bytesPerSession / 1_000).toFixed(1)} kB that cannot be collected`],
        [
          'an open stream, both connections',
          `${(costs.bytesPerStream / 1_000).toFixed(1)} kB that cannot be collected`,
        ],
        ['a large stream, read with pauses', streams],
        [
          `${soak.minutes} minutes of churn at ${callsPerSecond} calls/s`,
          `${churn['sessions']} sessions (${churn['abandoned']} left open), ${churn['calls']} calls (${churn['aborted']} aborted, ${churn['toolErrors']} failed tools), ${churn['streams']} streams, ${churn['streamedMb']} MB streamed; ${churn['failed']} failures`,
        ],
        [
          'heap after collections, after the warm-up',
          `${live.firstMb} MB at first, ${live.lastMb} MB at last; slope ${live.slopeMbPerHour} MB/h`,
        ],
        [
          'resident memory, after the warm-up',
          `${rss.firstMb} MB at first, ${rss.lastMb} MB at last, ${rss.mostMb} MB at most; slope ${rss.slopeMbPerHour} MB/h`,
        ],
      ],
    ),
  ].join('\n')
}

function startPart(): string {
  const { content } = readCalls()
  const rows = Object.keys(NAMES).flatMap((target) => {
    const starts = content.shapes.flatMap(({ targets }) =>
      targets.flatMap((each) =>
        each.target === target && each.start !== null ? [each.start] : [],
      ),
    )
    if (starts.length === 0) return []
    const cpuMs = starts.flatMap((start) => start.cpuMs ?? [])
    return [
      [
        nameOf(target),
        medianOf(starts.map(({ wallMs }) => wallMs)).toFixed(0),
        medianOf(cpuMs).toFixed(0),
        String(starts.length),
      ],
    ]
  })
  if (rows.length === 0) return 'Not measured in the recorded run.'
  return table(['', 'ms until it listens', 'ms of CPU until then', 'starts'], rows)
}

function gatePart(): string {
  const gate = readGate()
  if (gate === undefined) return 'Not recorded yet.'
  const burnt = readBurnt()
  const rows = [gateRow('as it is', gate)]
  if (burnt !== undefined) {
    rows.push(gateRow(`${burnt.content.burnUs.toFixed(0)} µs more per call, on purpose`, burnt))
  }
  return table(
    ['', 'Ratio', 'Between', 'Medians of the pairs', 'Limit', 'Verdict', 'Load average', 'Result'],
    rows,
  )
}

function gateRow(what: string, { file, content }: Recorded<GateResult>): string[] {
  const { estimate, pairs, limit, verdict, loadAverage } = content
  return [
    what,
    estimate.median.toFixed(2),
    `${estimate.low.toFixed(2)} and ${estimate.high.toFixed(2)}`,
    pairs.map(({ ratio }) => ratio.toFixed(2)).join(' '),
    limit.toFixed(2),
    verdict,
    String(loadAverage.before.oneMinute),
    `[${nameOfFile(file)}](../${file})`,
  ]
}

function cpuChart(): string {
  const { content } = readCalls()
  const bars = targetsOf(content, MAIN_SHAPE)
    .filter(({ target }) => target !== 'direct')
    .map(({ target, cpuUsPerCall, cpuUserUsPerCall, cpuSystemUsPerCall }) => {
      // User and system are counted in hundredths of a second; their share is what is of use.
      const all = cpuUsPerCall ?? 0
      const parts = (cpuUserUsPerCall ?? 0) + (cpuSystemUsPerCall ?? 0)
      const user = parts === 0 ? all : (all * (cpuUserUsPerCall ?? 0)) / parts
      const ratio = ratioText(content, MAIN_SHAPE, target)
      return {
        label: shortName(target),
        values: [user, all - user],
        text: `${all.toFixed(0)} µs (${ratio} ×)`,
        ours: OURS.has(target),
      }
    })
  return barChart(
    'CPU per call of the proxy',
    'µs, dark in programs and light in the kernel; JSON of 200 B, 32 connections',
    bars,
  )
}

function shapesChart(): string {
  const { content } = readCalls()
  const bars = httpShapes(content).flatMap((shape) => {
    const ratio = ratioOf(content, shape, ['full-10', BASE], 'cpuUsPerCall')?.median
    if (ratio === undefined) return []
    return [{ label: shape, values: [ratio], text: `${ratio.toFixed(2)} ×`, ours: true }]
  })
  return barChart(
    'Everything on, in relation to a raw undici pipe',
    'CPU per call, 1 call in 10 traced, by shape',
    bars,
  )
}

function pipesChart(): string {
  const { content } = readCalls()
  const bars = ['stdio-200B@32', 'bridge-200B@32'].flatMap((shape) =>
    targetsOf(content, shape).map(({ target, callsPerSecond }) => ({
      label: shape.startsWith('stdio')
        ? `${shortName(target)}, HTTP→pipes`
        : `${shortName(target)}, pipes→HTTP`,
      values: [callsPerSecond],
      text: `${callsPerSecond.toFixed(0)}/s`,
      ours: OURS.has(target),
    })),
  )
  return barChart(
    'Between pipes and HTTP',
    'calls/s of proxies that do the same job, 32 calls under way',
    bars,
  )
}

function soakChart(): string | undefined {
  const soak = readSoak()?.content.soak
  if (soak === undefined) return undefined
  const minutes = (seconds: number): number => seconds / 60
  return lineChart(
    `Memory over ${soak.minutes} minutes of churn`,
    'resident, and what is left of the heap after a collection',
    [
      {
        name: 'resident',
        points: soak.samples.map(({ seconds, rssMb }) => [minutes(seconds), rssMb]),
      },
      {
        name: 'heap',
        points: soak.samples.flatMap(({ seconds, liveMb }) =>
          liveMb === null ? [] : [[minutes(seconds), liveMb] as const],
        ),
      },
    ],
    ['minutes', 'MB'],
  )
}

function targetsOf({ shapes }: CallsResult, shape: string): readonly TargetResult[] {
  return shapes.find((each) => each.shape === shape)?.targets ?? []
}

/** Those in which the raw pipe stands beside Sidelight. */
function httpShapes(content: CallsResult): readonly string[] {
  return content.shapes
    .filter(({ targets }) => targets.some(({ target }) => target === BASE))
    .map(({ shape }) => shape)
}

function ratioText(content: CallsResult, shape: string, target: string): string {
  return ratioOf(content, shape, [target, BASE], 'cpuUsPerCall')?.median.toFixed(2) ?? ''
}

function shortName(target: string): string {
  const short: Readonly<Record<string, string>> = {
    bare: 'Sidelight, bare',
    'unaudited-10': 'Sidelight, no audit log',
    'full-10': 'Sidelight, all on',
    'full-100': 'Sidelight, all traced',
    wrap: 'sidelight wrap',
    'node-http': 'node:http pipe',
    'undici-pipe': 'undici pipe',
  }
  return short[target] ?? target
}

function orNothing(value: number | null, digits: number): string {
  return value === null ? '' : value.toFixed(digits)
}

function nameOfFile(file: string): string {
  return file.split('/').at(-1) ?? file
}
