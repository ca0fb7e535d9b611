/**
 * Health at a glance: one verdict with its reasons, six figures, two charts, the alerts.
 *
 * @import { Store } from './store.js'
 * @import { AlertView, Snapshot } from './types.d.ts'
 * @import { Tone } from './icons.js'
 */

import { html, nothing, svg } from '/ui/lib/lit-html.js'
import { repeat } from '/ui/lib/directives/repeat.js'
import { ago, count, duration, percent, rate } from './format.js'
import { toneIcon } from './icons.js'

/** @type {Readonly<Record<string, readonly [Tone, string]>>} */
export const VERDICTS = {
  HEALTHY: ['ok', 'Healthy'],
  WARNING: ['warn', 'Warning'],
  CRITICAL: ['crit', 'Critical'],
  UNKNOWN: ['calm', 'No verdict yet'],
}

/** @param {string} level */
export function verdictOf(level) {
  return VERDICTS[level] ?? /** @type {const} */ (['calm', level])
}

/** @param {Snapshot} snapshot */
export function overview(snapshot) {
  const [tone, word] = verdictOf(snapshot.health.level)
  const reasons = reasonsOf(snapshot)
  return html`<section id="main" tabindex="-1" aria-label="Overview">
    <div class="card hero">
      <div class="verdict" data-tone=${tone}>
        <p class="word">${toneIcon(tone, 24)} ${word}</p>
        ${
          reasons.length === 0
            ? html`<p>${calmWords(snapshot)}</p>`
            : reasons.slice(0, 3).map((reason) => html`<p>${reason}</p>`)
        }
        ${reasons.length > 3 ? html`<p class="muted">and ${reasons.length - 3} more below</p>` : nothing}
      </div>
      <dl class="kpis">${figures(snapshot)}</dl>
    </div>
    <div class="charts">
      <figure class="card chart">
        <header>
          <h2>Calls per second</h2>
          ${legend([
            ['accent', 'All calls'],
            ['crit-bar', 'Errors'],
          ])}
        </header>
        <sl-rate
          role="img"
          aria-label=${`Calls per second over time; now ${rate(snapshot.totals.ratePerSecond)}`}
          .points=${snapshot.timeline}
        ></sl-rate>
      </figure>
      <figure class="card chart">
        <header>
          <h2>Duration of calls</h2>
          ${legend([
            ['warn-bar', 'p95'],
            ['accent', 'p50'],
          ])}
        </header>
        <sl-latency
          role="img"
          aria-label=${`Durations over time; p95 is ${duration(snapshot.totals.all?.p95Ms)}`}
          .points=${snapshot.timeline}
        ></sl-latency>
      </figure>
    </div>
  </section>`
}

/** What is wrong, and where; the worst first. @param {Snapshot} snapshot @returns {string[]} */
function reasonsOf({ health, upstreams }) {
  /** @param {string} wanted */
  const reasons = (wanted) =>
    health.upstreams
      .filter(({ level }) => level === wanted)
      .flatMap(({ upstream, reasons: all }) =>
        all.slice(0, 1).map(({ text }) => (upstreams.length > 1 ? `${upstream}: ${text}` : text)),
      )
  return [...reasons('CRITICAL'), ...reasons('WARNING')]
}

/** @param {Snapshot} snapshot */
function calmWords({ upstreams, health, totals }) {
  if (health.level === 'UNKNOWN')
    return totals.calls === 0 ? 'No calls yet.' : 'Too few calls to judge.'
  return upstreams.length === 1
    ? 'The upstream answers as it should.'
    : `All ${upstreams.length} upstreams answer as they should.`
}

/** @param {Snapshot} snapshot */
function figures({ totals, alerts, inFlight }) {
  const firing = alerts.filter(
    ({ state, silencedBy }) => state === 'firing' && silencedBy === undefined,
  ).length
  const unavailable = (totals.availability ?? 1) < 0.99
  return [
    kpi(
      'Calls',
      html`${rate(totals.ratePerSecond)}<small>/s</small>`,
      `${count(totals.calls)} in all`,
    ),
    kpi(
      'Errors',
      percent(totals.errorRate),
      'of all calls',
      (totals.errorRate ?? 0) > 0.05 ? 'warn' : undefined,
    ),
    kpi(
      'Availability',
      percent(totals.availability),
      'of the upstreams',
      unavailable ? 'crit' : undefined,
    ),
    kpi('p95', duration(totals.all?.p95Ms), `median ${duration(totals.all?.p50Ms)}`),
    kpi('In flight', count(inFlight), 'under way now'),
    kpi(
      'Alerts',
      String(firing),
      firing === 0 ? 'none firing' : 'firing',
      firing > 0 ? 'crit' : undefined,
    ),
  ]
}

/**
 * @param {string} label
 * @param {unknown} value
 * @param {string} sub
 * @param {Tone} [tone]
 */
function kpi(label, value, sub, tone) {
  return html`<div class="kpi">
    <dt>${label}</dt>
    <dd class=${tone === undefined ? '' : `tone-${tone}`}>${value}</dd>
    <dd class="sub">${sub}</dd>
  </div>`
}

/** @param {readonly (readonly [string, string])[]} entries colours and labels */
function legend(entries) {
  return html`<ul class="legend">
    ${entries.map(
      ([colour, label]) =>
        html`<li>
          ${svg`<svg width="14" height="4" aria-hidden="true"><rect width="14" height="3" rx="1.5" fill=${`var(--${colour})`} /></svg>`}${label}
        </li>`,
    )}
  </ul>`
}

/**
 * @param {Store} store
 * @param {Snapshot} snapshot
 * @param {(alert: AlertView) => void} silence
 */
export function alertList(store, { alerts, takesOrders, atMs }, silence) {
  return html`<section id="alerts" aria-labelledby="alerts-title">
    <div class="section-head"><h2 id="alerts-title">Alerts</h2></div>
    <div class="card" aria-live="polite">
      ${
        alerts.length === 0
          ? html`<p class="quiet">${toneIcon('ok', 14)} Nothing is pending or firing.</p>`
          : html`<ul>
              ${repeat(
                alerts,
                ({ fingerprint }) => fingerprint,
                (alert) => alertRow(alert, atMs + store.ageMs(), takesOrders, silence),
              )}
            </ul>`
      }
    </div>
  </section>`
}

/**
 * @param {AlertView} alert
 * @param {number} nowMs
 * @param {boolean} takesOrders
 * @param {(alert: AlertView) => void} silence
 */
function alertRow(alert, nowMs, takesOrders, silence) {
  const { state, silencedBy, resolvedAtMs } = alert
  const over = silencedBy !== undefined || state === 'resolved'
  const tone = over ? 'calm' : state === 'pending' ? 'warn' : 'crit'
  const since =
    resolvedAtMs === undefined
      ? `${alert.severity}, since ${ago(alert.activeAtMs, nowMs)}`
      : `resolved ${ago(resolvedAtMs, nowMs)}`
  return html`<li class="alert">
    <span class="pill" data-tone=${tone}
      >${toneIcon(tone)} ${silencedBy === undefined ? state : 'silenced'}</span
    >
    <p class="what"><span class="name">${alert.name}</span>${summaryOf(alert)}</p>
    <span class="since">${since}</span>
    ${takesOrders && !over ? html`<button type="button" class="button small" @click=${() => silence(alert)}>Silence<span class="sr"> ${alert.name}</span></button>` : nothing}
  </li>`
}

/** @param {AlertView} alert */
export function summaryOf({ annotations, labels }) {
  const { alertname: _, ...others } = labels
  return (
    annotations['summary'] ??
    Object.entries(others)
      .map(([name, value]) => `${name}=${value}`)
      .join(', ')
  )
}
