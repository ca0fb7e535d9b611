/** Under which conditions the recorded calls were measured, and what that means for their figures. */

import { FOREIGN_CORES_MAX } from '../bench/gate-verdict.ts'
import type { ShapeConditions } from '../bench/run-result.ts'
import { quartiles } from '../bench/summary.ts'
import { code } from './markdown.ts'
import type { CallsResult, CallsShape, Recorded } from './performance-result.ts'

/** How and on what a shape was measured, in lines. */
export function conditionsText({ file, content }: Recorded<CallsResult>, shape: string): string {
  const { machine, options } = content
  const { cpu, cores, node, kernel, nginx, haproxy, wrk, peers } = machine
  const versions = [
    ['nginx', nginx],
    ['haproxy', haproxy],
    ['wrk', wrk],
    ...Object.entries(peers),
  ].flatMap(([name, version]) => (version === null ? [] : [`${name} ${version}`]))
  const pinned = options.pinned === null ? 'not pinned' : 'the target alone on one core'
  const of = conditionsOf(content, shape)
  return [
    `Recorded ${dayOf(of)} in [${file.split('/').at(-1)}](../${file}): ${cpu}, ${cores} cores, ${kernel}, Node ${node}`,
    `(${versions.join(', ')}), commit ${of.commit ?? 'unknown'}; ${of.rounds} rounds of ${of.seconds} s${warmUpText(of)}, load by ${options.generator}, ${pinned};`,
    `load average ${of.loadAverage.before.oneMinute} before and ${of.loadAverage.after.oneMinute} after.`,
    ...busyText(content, shape),
  ].join('\n')
}

/** Nothing for a machine that was left alone. */
export function busyText(content: CallsResult, shape: string): readonly string[] {
  const { foreignCores } = conditionsOf(content, shape)
  if (!isBusy(foreignCores)) return []
  const { cores } = content.machine
  return [
    `Other programs kept ${foreignCores?.toFixed(1)} of the ${cores} cores busy meanwhile: every level is too high, and the ratios are worse than those of a quiet machine.`,
  ]
}

/** What has to be known of single shapes: which were disturbed, of another day or commit, or are missing. */
export function shapesText(content: CallsResult, mainShape: string): readonly string[] {
  const main = conditionsOf(content, mainShape)
  const listed = (
    shapes: readonly CallsShape[],
    what: (conditions: Conditions) => string,
  ): string =>
    shapes.map(({ shape }) => `${code(shape)} (${what(conditionsOf(content, shape))})`).join(', ')
  const of = (each: Conditions): string => `${dayOf(each)}, ${each.commit ?? 'unknown'}`
  const busy = content.shapes.filter(({ shape }) =>
    isBusy(conditionsOf(content, shape).foreignCores),
  )
  const apart = content.shapes.filter(({ shape }) => of(conditionsOf(content, shape)) !== of(main))
  const lines = []
  if (busy.length > 0) {
    const cores = listed(busy, ({ foreignCores }) => `${foreignCores?.toFixed(1)}`)
    lines.push(`Disturbed by other programs, with the cores that these kept busy: ${cores}.`)
  }
  if (apart.length > 0) lines.push(`Of another day or commit: ${listed(apart, of)}.`)
  const { missing = [] } = content
  if (missing.length > 0) lines.push(`Not measured: ${missing.map(code).join(', ')}.`)
  return lines
}

type Conditions = Omit<ShapeConditions, 'startedAt' | 'warmUpCalls' | 'starts'> & {
  readonly warmUp: Pick<ShapeConditions, 'warmUpCalls' | 'starts'> | undefined
}

/** Results of version 1 say them of all shapes together. */
function conditionsOf(content: CallsResult, id: string): Conditions {
  const shape = content.shapes.find((each) => each.shape === id)
  if (shape?.conditions !== undefined) return { ...shape.conditions, warmUp: shape.conditions }
  const { endedAt, loadAverage, options, machine } = content
  const windows = shape?.targets.flatMap((target) => target.windows) ?? []
  return {
    endedAt,
    commit: machine.commit,
    rounds: options.rounds,
    seconds: options.seconds,
    warmUp: undefined,
    loadAverage,
    foreignCores: quartiles(windows.flatMap((each) => each.foreignCores ?? []))?.median ?? null,
  }
}

function isBusy(foreignCores: number | null): boolean {
  return foreignCores !== null && foreignCores > FOREIGN_CORES_MAX
}

function warmUpText({ warmUp }: Conditions): string {
  if (warmUp === undefined) return ''
  const { starts, warmUpCalls } = warmUp
  const calls = Math.min(...Object.values(warmUpCalls))
  const each = starts === 1 ? '' : ` in each of ${starts} starts`
  return ` after at least ${calls} calls of warm-up${each}`
}

function dayOf({ endedAt }: Conditions): string {
  return endedAt.slice(0, 10)
}
