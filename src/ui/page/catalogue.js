/**
 * Tools that came, went or changed.
 *
 * @import { Store } from './store.js'
 * @import { DriftView, Snapshot } from './types.d.ts'
 */

import { html, nothing } from '/ui/lib/lit-html.js'
import { ago, count } from './format.js'
import { toneIcon } from './icons.js'

/**
 * @param {Store} store
 * @param {Snapshot} snapshot
 */
export function catalogue(store, { drifts, upstreams, atMs }) {
  const tools = upstreams.reduce((sum, one) => sum + one.catalogue.tools, 0)
  const tokens = upstreams.reduce((sum, one) => sum + one.catalogue.tokens, 0)
  const nowMs = atMs + store.ageMs()
  return html`<section id="catalogue" aria-labelledby="catalogue-title">
    <div class="section-head">
      <h2 id="catalogue-title">Catalogue</h2>
      <span class="note"
        >${tools === 0 ? '' : `${tools} tools, about ${count(tokens)} tokens of an agent's context`}</span
      >
    </div>
    <div class="card">
      ${
        drifts.length === 0
          ? html`<p class="quiet">
              ${toneIcon('ok', 14)} No tool has changed since Sidelight saw the first list.
            </p>`
          : html`<ul>
              ${drifts.slice(0, 8).map((drift) => driftRow(drift, nowMs))}
            </ul>`
      }
    </div>
  </section>`
}

/**
 * @param {DriftView} drift
 * @param {number} nowMs
 */
function driftRow({ atMs, upstream, tool, kind, members, pinned }, nowMs) {
  const tone = pinned ? 'crit' : kind === 'added' ? 'calm' : 'warn'
  return html`<li class="drift">
    <span class="pill" data-tone=${tone}>${toneIcon(tone)} ${kind}</span>
    <span class="name"
      ><strong>${tool}</strong>
      <span class="muted">${upstream}${members.length === 0 ? '' : `: ${members.join(', ')}`}</span>
      ${pinned ? html`<span class="tone-crit">not as pinned</span>` : nothing}</span
    >
    <time datetime=${new Date(atMs).toISOString()}>${ago(atMs, nowMs)}</time>
  </li>`
}
