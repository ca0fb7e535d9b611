/** Where the time of a call went, as numbers in a row of an array. */

import type { Exchange } from '../core/exchange.ts'
import type { AttemptFacts } from '../core/observer.ts'
import type { CallPhases } from './views.ts'

/** How many there are. */
export const PHASES = 7

const READ = 0
const AUTH = 1
const QUEUE = 2
const CONNECT = 3
const WAIT = 4
const BODY = 5
const OTHER = 6

/** What the phases of the last attempt do not explain is `otherMs`. */
export function writePhases(
  cells: Float64Array,
  at: number,
  exchange: Pick<Exchange, 'receivedAtMs' | 'authMs' | 'readAtMs' | 'turnMs'>,
  attempt: AttemptFacts | undefined,
  endedMs: number,
): void {
  const { receivedAtMs, authMs = 0, readAtMs, turnMs } = exchange
  const readMs = Math.max(0, readAtMs - receivedAtMs - authMs)
  const queueMs = turnMs + (attempt?.queuedMs ?? 0)
  const connectMs = Math.max(0, attempt?.connectMs ?? 0)
  const heardMs = heardAt(attempt, endedMs)
  const waitMs = heardMs === undefined ? 0 : Math.max(0, heardMs - (attempt?.handedMs ?? 0))
  const bodyMs = heardMs === undefined ? 0 : endedMs - heardMs
  const known = readMs + authMs + queueMs + connectMs + waitMs + bodyMs
  cells[at + READ] = readMs
  cells[at + AUTH] = authMs
  cells[at + QUEUE] = queueMs
  cells[at + CONNECT] = connectMs
  cells[at + WAIT] = waitMs
  cells[at + BODY] = bodyMs
  cells[at + OTHER] = Math.max(0, endedMs - receivedAtMs - known)
}

/** When the upstream was first heard; undefined when nothing was handed to it. */
function heardAt(attempt: AttemptFacts | undefined, endedMs: number): number | undefined {
  if (attempt === undefined || attempt.handedMs === 0) return undefined
  return Math.min(endedMs, attempt.firstEventMs || attempt.headMs || endedMs)
}

export function readPhases(cells: Float64Array, at: number): CallPhases {
  const cell = (column: number): number => cells[at + column] ?? 0
  return {
    readMs: cell(READ),
    authMs: cell(AUTH),
    queueMs: cell(QUEUE),
    connectMs: cell(CONNECT),
    waitMs: cell(WAIT),
    bodyMs: cell(BODY),
    otherMs: cell(OTHER),
  }
}
