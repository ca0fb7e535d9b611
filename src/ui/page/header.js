/**
 * The bar on top: who this is, where things are, how far back figures reach, whether it is live.
 *
 * @import { Store } from './store.js'
 * @import { Window } from './types.d.ts'
 */

import { html, nothing } from '/ui/lib/lit-html.js'
import { dot, moon, sun, toneIcon } from './icons.js'

/** @type {readonly Window[]} */
const WINDOWS = ['1m', '5m', '1h', '24h']

/** @type {Readonly<Record<Window, string>>} */
export const WINDOW_WORDS = {
  '1m': 'last minute',
  '5m': 'last 5 minutes',
  '1h': 'last hour',
  '24h': 'last 24 hours',
}

const CONNECTION_WORDS = {
  connecting: 'Connecting',
  live: 'Live',
  offline: 'Disconnected',
  paused: 'Paused',
  signin: 'Sign in',
  forbidden: 'Not allowed',
}

const SECTIONS = /** @type {const} */ ([
  ['main', 'Overview'],
  ['upstreams', 'Upstreams'],
  ['tools', 'Tools'],
  ['calls', 'Calls'],
  ['catalogue', 'Catalogue'],
  ['connect', 'Connect'],
])

/**
 * @param {Store} store
 * @param {{ window: (window: Window) => void, theme: () => void }} on
 */
export function header(store, on) {
  const { connection, snapshot } = store
  const dark = document.documentElement.dataset['theme'] === 'dark'
  return html`<header class="top">
    <div class="top-in">
      <div class="brand">
        <img src="/ui/icon.svg" alt="" />
        <h1>Sidelight</h1>
        ${snapshot === undefined ? nothing : html`<span class="version">${snapshot.build.version}</span>`}
      </div>
      <nav class="nav" aria-label="Sections">
        ${SECTIONS.map(([id, label]) => html`<a href="#${id}">${label}</a>`)}
      </nav>
      <div class="tools-right">
        <span class="live" data-state=${connection} role="status"
          >${dot}<span class="long">${CONNECTION_WORDS[connection]}</span></span
        >
        <div class="segmented" role="group" aria-label="Window of all figures">
          ${WINDOWS.map(
            (window) =>
              html`<button
                type="button"
                aria-pressed=${window === store.window}
                title=${WINDOW_WORDS[window]}
                @click=${() => on.window(window)}
              >
                ${window}
              </button>`,
          )}
        </div>
        <button
          type="button"
          class="icon-button"
          aria-label=${dark ? 'Use light colours' : 'Use dark colours'}
          @click=${on.theme}
        >
          ${dark ? sun : moon}
        </button>
      </div>
    </div>
    ${banner(store)}
  </header>`
}

/** @param {Store} store */
function banner(store) {
  if (store.connection === 'offline') {
    const since =
      store.snapshot === undefined ? '' : `, figures are ${Math.round(store.ageMs() / 1_000)} s old`
    return html`<div class="banner" data-kind="error" role="alert">
      <p>${toneIcon('crit', 14)} No connection to the sidecar${since}. Trying again&hellip;</p>
    </div>`
  }
  if (store.snapshot?.readiness === 'draining') {
    return html`<div class="banner" role="alert">
      <p>${toneIcon('warn', 14)} Sidelight is shutting down: no new calls are taken.</p>
    </div>`
  }
  if (store.problem !== '') {
    return html`<div class="banner" role="alert">
      <p>${toneIcon('warn', 14)} ${store.problem}</p>
    </div>`
  }
  return nothing
}
