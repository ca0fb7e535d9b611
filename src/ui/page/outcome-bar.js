/**
 * How calls ended, as one bar.
 *
 * @import { StatsView } from './types.d.ts'
 */

import { html, svg } from '/ui/lib/lit-html.js'
import { shares } from './format.js'

/** @param {StatsView} stats */
export function outcomeBar(stats) {
  const parts = shares(stats).filter(({ calls }) => calls > 0)
  const total = Math.max(
    1,
    parts.reduce((sum, { calls }) => sum + calls, 0),
  )
  const label = parts.map(({ label: word, calls }) => `${word}: ${calls}`).join(', ')
  let x = 0
  return html`<svg
    class="stack"
    role="img"
    aria-label=${label === '' ? 'no calls' : label}
    preserveAspectRatio="none"
    viewBox="0 0 100 8"
  >
    ${parts.map(({ key, calls }) => {
      const width = (calls / total) * 100
      const at = x
      x += width
      return svg`<rect x=${at.toFixed(3)} width=${width.toFixed(3)} height="8" class=${`bar-${key}`} />`
    })}
  </svg>`
}
