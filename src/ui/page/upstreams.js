/**
 * A card per upstream: its verdict, its figures, its breaker with the time it stays open.
 *
 * @import { Store } from './store.js'
 * @import { BreakerApiView, Snapshot, StatsView, UpstreamGlance } from './types.d.ts'
 * @import { Tone } from './icons.js'
 */

import { html, nothing } from '/ui/lib/lit-html.js'
import { repeat } from '/ui/lib/directives/repeat.js'
import { count, countdown, duration, percent, rate } from './format.js'
import { toneIcon } from './icons.js'
import { verdictOf } from './overview.js'

/**
 * @typedef {object} UpstreamActions
 * @property {(upstream: string) => void} show
 * @property {(upstream: string) => void} order
 */

/**
 * @param {Store} store
 * @param {Snapshot} snapshot
 * @param {UpstreamActions} on
 */
export function upstreamCards(store, { upstreams, takesOrders }, on) {
  return html`<section id="upstreams" aria-labelledby="upstreams-title">
    <div class="section-head">
      <h2 id="upstreams-title">Upstreams</h2>
      <span class="note"
        >${upstreams.length === 1 ? 'one MCP server' : `${upstreams.length} MCP servers`}</span
      >
    </div>
    <ul class="grid">
      ${repeat(
        upstreams,
        ({ name }) => name,
        (upstream) => card(upstream, store, takesOrders, on),
      )}
    </ul>
  </section>`
}

/**
 * @param {UpstreamGlance} upstream
 * @param {Store} store
 * @param {boolean} takesOrders
 * @param {UpstreamActions} on
 */
function card(upstream, store, takesOrders, on) {
  const { name, health, stats, timeline } = upstream
  const [tone, word] = verdictOf(health.level)
  return html`<li class="card upstream" data-tone=${tone} data-upstream=${name}>
    <div class="head">
      <h3 title=${name}>${name}</h3>
      <span class="pill" data-tone=${tone}>${toneIcon(tone)} ${word}</span>
    </div>
    <p class="target" title=${upstream.target}>${upstream.transport} · ${upstream.target}</p>
    <sl-spark role="img" aria-label=${`Calls of ${name} over time`} .points=${timeline}></sl-spark>
    ${figures(stats)}
    ${
      health.reasons.length === 0
        ? nothing
        : html`<ul class="reasons">
            ${health.reasons.map(({ text }) => html`<li>${text}</li>`)}
          </ul>`
    }
    <div class="state">${states(upstream, store.ageMs() / 1_000)}</div>
    ${foot(upstream, store, takesOrders, on)}
  </li>`
}

/** @param {StatsView} stats */
function figures(stats) {
  return html`<dl class="figures">
    <div>
      <dt>Calls/s</dt>
      <dd>${rate(stats.ratePerSecond)}</dd>
    </div>
    <div>
      <dt>Errors</dt>
      <dd class=${(stats.errorRate ?? 0) > 0.05 ? 'tone-crit' : ''}>${percent(stats.errorRate)}</dd>
    </div>
    <div>
      <dt>p50</dt>
      <dd>${duration(stats.all?.p50Ms)}</dd>
    </div>
    <div>
      <dt>p95</dt>
      <dd>${duration(stats.all?.p95Ms)}</dd>
    </div>
  </dl>`
}

/**
 * @param {UpstreamGlance} upstream
 * @param {number} ageSeconds how old the view is
 */
function states(upstream, ageSeconds) {
  const { guard } = upstream
  if (guard === null) return upState(upstream)
  return [
    breakerPill(guard.breaker, ageSeconds),
    upState(upstream),
    guard.calls.queued > 0
      ? html`<span class="chip">${count(guard.calls.queued)} waiting</span>`
      : nothing,
    guard.throttled
      ? html`<span class="pill" data-tone="warn"
          >${toneIcon('warn')} throttled for
          ${countdown(guard.throttledForSeconds - ageSeconds)}</span
        >`
      : nothing,
  ]
}

/**
 * @param {UpstreamGlance} upstream
 * @param {Store} store
 * @param {boolean} takesOrders
 * @param {UpstreamActions} on
 */
function foot({ name, catalogue, guard }, store, takesOrders, on) {
  return html`<div class="foot">
    <span class="muted"
      >${catalogue.tools === 0 ? 'no tools listed yet' : `${catalogue.tools} tools`}</span
    >
    <span class="spacer"></span>
    <button
      type="button"
      class="button small"
      aria-pressed=${store.upstream === name}
      @click=${() => on.show(name)}
    >
      ${store.upstream === name ? 'Show all' : 'Focus'}<span class="sr"> on ${name}</span>
    </button>
    ${
      takesOrders && guard !== null && guard.breaker !== null
        ? html`<button type="button" class="button small" @click=${() => on.order(name)}>
            Breaker&hellip;<span class="sr"> of ${name}</span>
          </button>`
        : nothing
    }
  </div>`
}

/** @param {UpstreamGlance} upstream */
function upState({ up, upError }) {
  if (up === undefined) return nothing
  return up
    ? html`<span class="chip">up</span>`
    : html`<span class="pill" data-tone="crit"
        >${toneIcon('crit')} down${upError === undefined ? '' : `: ${upError}`}</span
      >`
}

/** @type {Readonly<Record<string, readonly [Tone, string]>>} */
const BREAKER_WORDS = {
  closed: ['ok', 'closed'],
  half_open: ['warn', 'half open'],
  open: ['crit', 'open'],
}

/**
 * @param {BreakerApiView | null} breaker
 * @param {number} ageSeconds how old the view is
 */
export function breakerPill(breaker, ageSeconds) {
  if (breaker === null) return html`<span class="chip">no breaker</span>`
  const { override } = breaker
  if (override !== undefined) {
    const tone = override.mode === 'forced_open' ? 'crit' : 'warn'
    return html`<span
      class="pill"
      data-tone=${tone}
      title=${`${override.actor}: ${override.reason}`}
    >
      ${toneIcon(tone)} ${override.mode.replace('_', ' ')},
      ${countdown(override.endsInSeconds - ageSeconds)} left</span
    >`
  }
  const [tone, word] = BREAKER_WORDS[breaker.state] ?? /** @type {const} */ ([
    'calm',
    breaker.state,
  ])
  const left =
    breaker.openForSeconds === undefined ? undefined : breaker.openForSeconds - ageSeconds
  return html`<span class="pill" data-tone=${tone}
    >${toneIcon(tone)} breaker
    ${word}${left === undefined ? '' : `, asks again in ${countdown(left)}`}</span
  >`
}
