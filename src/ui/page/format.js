/**
 * Figures as people read them.
 *
 * @import { CallView, StatsView } from './types.d.ts'
 */

const NONE = '–'

/** @param {number | null | undefined} value */
export function duration(value) {
  if (value === null || value === undefined) return NONE
  if (value === 0) return '0 ms'
  if (value < 1) return `${value.toFixed(2)} ms`
  if (value < 10) return `${value.toFixed(1)} ms`
  if (value < 1_000) return `${Math.round(value)} ms`
  if (value < 60_000) return `${(value / 1_000).toFixed(value < 10_000 ? 2 : 1)} s`
  return `${Math.floor(value / 60_000)} min ${Math.round((value % 60_000) / 1_000)} s`
}

/** @param {number | null | undefined} value 0 to 1 */
export function percent(value) {
  if (value === null || value === undefined) return NONE
  const hundred = value * 100
  if (hundred === 0 || hundred === 100) return `${hundred} %`
  // Never rounded up to a whole that it is not.
  if (hundred > 99.9) return '> 99.9 %'
  return `${hundred < 0.1 ? '< 0.1' : hundred.toFixed(1)} %`
}

/** @param {number} value */
export function rate(value) {
  if (value === 0) return '0'
  if (value < 0.1) return '< 0.1'
  return value < 10 ? value.toFixed(1) : count(Math.round(value))
}

/** @param {number | null | undefined} value */
export function count(value) {
  if (value === null || value === undefined) return NONE
  if (value < 10_000) return String(value)
  if (value < 1_000_000) return `${(value / 1_000).toFixed(value < 100_000 ? 1 : 0)}k`
  return `${(value / 1_000_000).toFixed(1)}M`
}

/** @param {number} value */
export function bytes(value) {
  if (value < 1_024) return `${value} B`
  if (value < 1_048_576) return `${(value / 1_024).toFixed(1)} KiB`
  return `${(value / 1_048_576).toFixed(1)} MiB`
}

/** @param {number} seconds */
export function countdown(seconds) {
  const left = Math.max(0, Math.ceil(seconds))
  return left < 60
    ? `${left} s`
    : `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')} min`
}

/** @param {number} atMs */
export function clockTime(atMs) {
  const at = new Date(atMs)
  /** @param {number} value */
  const two = (value) => String(value).padStart(2, '0')
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

/**
 * @param {number} atMs
 * @param {number} nowMs
 */
export function ago(atMs, nowMs) {
  const seconds = Math.max(0, Math.round((nowMs - atMs) / 1_000))
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`
  return seconds < 172_800
    ? `${Math.floor(seconds / 3_600)} h ago`
    : `${Math.floor(seconds / 86_400)} days ago`
}

/** @typedef {{ key: 'ok' | 'tool' | 'caller' | 'refused' | 'upstream', label: string, calls: number }} Share */

/** What outcomes look like: five kinds, in the order in which bars show them. */
export const SHARES = /** @type {const} */ ([
  ['ok', 'Answered'],
  ['tool', 'Tool failed'],
  ['caller', "Caller's fault"],
  ['refused', 'Refused here'],
  ['upstream', 'Upstream failed'],
])

/** @type {Readonly<Record<string, Share['key']>>} */
const SHARE_OF = {
  ok: 'ok',
  input_required: 'ok',
  task: 'ok',
  tool_error: 'tool',
  rpc_error: 'caller',
  upstream_status: 'caller',
  cancelled: 'caller',
  rejected: 'refused',
  internal: 'refused',
  upstream_failed: 'upstream',
}

/** @param {StatsView} stats @returns {Share[]} */
export function shares(stats) {
  /** @type {Record<Share['key'], number>} */
  const sums = { ok: 0, tool: 0, caller: 0, refused: 0, upstream: 0 }
  for (const { outcome, calls } of stats.outcomes) sums[SHARE_OF[outcome] ?? 'caller'] += calls
  return SHARES.map(([key, label]) => ({ key, label, calls: sums[key] }))
}

/** @type {Readonly<Record<string, string>>} */
const OUTCOME_WORDS = {
  ok: 'ok',
  input_required: 'input required',
  task: 'task accepted',
  tool_error: 'tool failed',
  rpc_error: 'JSON-RPC error',
  upstream_status: 'HTTP status',
  cancelled: 'cancelled',
  rejected: 'refused',
  internal: 'internal error',
  upstream_failed: 'upstream failed',
}

/** @param {CallView} call */
export function outcomeText({ outcome, reason }) {
  const word = OUTCOME_WORDS[outcome] ?? outcome
  return reason === undefined ? word : `${word}: ${reason.replaceAll('_', ' ')}`
}

/** @param {CallView} call @returns {'ok' | 'warn' | 'crit' | 'calm'} */
export function toneOf({ counts }) {
  return TONES[counts]
}

/** @type {Readonly<Record<CallView['counts'], 'ok' | 'warn' | 'crit' | 'calm'>>} */
const TONES = { good: 'ok', error: 'warn', unavailable: 'crit', excluded: 'calm' }
