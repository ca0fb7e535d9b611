/**
 * Where the time of a call went, as bars and as words.
 *
 * @import { CallView, PhasesView } from './types.d.ts'
 */

import { html, svg } from '/ui/lib/lit-html.js'
import { duration } from './format.js'

/** @type {readonly (readonly [keyof PhasesView, string, string])[]} phase, class of its colour, words */
export const PHASES = [
  ['readMs', 'read', 'Read'],
  ['authMs', 'auth', 'Auth'],
  ['queueMs', 'queue', 'Queue'],
  ['connectMs', 'connect', 'Connect'],
  ['waitMs', 'first', 'First event'],
  ['bodyMs', 'body', 'Body'],
  ['otherMs', 'other', 'Other'],
]

/**
 * @param {CallView} call
 * @returns {{ key: string, label: string, colour: string, startMs: number, ms: number }[]}
 */
export function segments({ phases }) {
  let startMs = 0
  return PHASES.map(([key, colour, label]) => {
    const ms = phases[key]
    const segment = { key, label, colour, startMs, ms }
    startMs += ms
    return segment
  })
}

/** All phases in one line. @param {CallView} call */
export function flow(call) {
  const parts = segments(call)
  const total = Math.max(
    0.001,
    parts.reduce((sum, { ms }) => sum + ms, 0),
  )
  const spoken = parts.filter(({ ms }) => ms / total > 0.02)
  const label = spoken.map(({ label: word, ms }) => `${word} ${duration(ms)}`).join(', ')
  return html`<svg
    role="img"
    aria-label=${label === '' ? 'no phases' : label}
    viewBox="0 0 100 10"
    preserveAspectRatio="none"
  >
    <rect width="100" height="10" rx="2" fill="var(--calm-soft)"></rect>
    ${parts.map(({ colour, startMs, ms }) => bar(colour, startMs / total, ms / total, 10))}
  </svg>`
}

/** A line for each phase, one below the other. @param {CallView} call */
export function waterfall(call) {
  const parts = segments(call)
  const total = Math.max(
    0.001,
    parts.reduce((sum, { ms }) => sum + ms, 0),
  )
  return html`<div class="phases">
    ${parts.map(
      ({ label, colour, startMs, ms }) =>
        html`<span>${label}</span>
          <svg viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">
            ${bar(colour, startMs / total, ms / total, 12)}
          </svg>
          <span class="num">${duration(ms)}</span>`,
    )}
  </div>`
}

/**
 * @param {string} colour
 * @param {number} start 0 to 1
 * @param {number} share 0 to 1
 * @param {number} height
 */
function bar(colour, start, share, height) {
  // What took any time at all can be seen.
  const width = share === 0 ? 0 : Math.max(0.6, share * 100)
  return svg`<rect x=${Math.min(start * 100, 99.4).toFixed(2)} width=${width.toFixed(2)} height=${height} class=${`seg-${colour}`} />`
}
