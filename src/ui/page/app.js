/**
 * The status page: takes what the sidecar tells, and draws it.
 *
 * @import { ToolList, Window } from './types.d.ts'
 */

import { html, nothing, render } from '/ui/lib/lit-html.js'
import { ApiError, get } from './api.js'
import { callList } from './calls.js'
import { catalogue } from './catalogue.js'
import { defineCharts } from './charts.js'
import { connect } from './connect.js'
import { dialogs, showDialog, signInForm } from './dialogs.js'
import { Feed } from './feed.js'
import { header } from './header.js'
import { alertList, overview } from './overview.js'
import { Store } from './store.js'
import { toolTable } from './tools.js'
import { upstreamCards } from './upstreams.js'

const THEME_KEY = 'sidelight.theme'
const TOOLS_EVERY_MS = 2_000

const store = new Store()

const feed = new Feed({
  snapshot: (snapshot) => {
    if (snapshot.window !== store.window) return
    store.snapshot = snapshot
    store.snapshotAtMs = performance.now()
    store.schedule()
  },
  calls: ({ calls }) => {
    store.addCalls(calls)
    store.schedule()
  },
  connection: (connection) => store.set({ connection }),
})

/** @param {string} theme */
function useTheme(theme) {
  document.documentElement.dataset['theme'] = theme
}

function toggleTheme() {
  const theme = document.documentElement.dataset['theme'] === 'dark' ? 'light' : 'dark'
  localStorage.setItem(THEME_KEY, theme)
  useTheme(theme)
  store.drawNow()
}

/** @param {Window} window */
function useWindow(window) {
  store.set({ window, tools: undefined })
  feed.open(window)
  void loadTools()
}

async function loadTools() {
  const { window } = store
  try {
    /** @type {ToolList} */
    const list = await get(`/api/v1/tools?window=${window}`)
    if (list.window !== store.window) return
    store.tools = list.tools
    store.problem = ''
  } catch (error) {
    // The feed says when nothing answers at all.
    if (error instanceof ApiError && error.status !== 0 && error.status !== 401)
      store.problem = error.message
  }
  store.schedule()
}

/**
 * @param {string} text
 * @param {string} what
 */
function copy(text, what) {
  navigator.clipboard.writeText(text).then(
    () => store.say(`${what} copied`),
    () => store.say('Your browser does not let this page copy'),
  )
}

function page() {
  const { snapshot, connection } = store
  if (connection === 'signin' || connection === 'forbidden')
    return signInForm(store, () => feed.open(store.window))
  if (snapshot === undefined) {
    return html`<main id="main" class="page" aria-busy="true">
      <p class="sr" role="status">Loading</p>
      <div class="skeleton"></div>
      <div class="skeleton"></div>
      <div class="skeleton"></div>
    </main>`
  }
  return html`<main class="page">
    ${overview(snapshot)}
    ${alertList(store, snapshot, (alert) => store.set({ dialog: { kind: 'silence', alert } }))}
    ${upstreamCards(store, snapshot, {
      show: (upstream) => {
        store.set({ upstream: store.upstream === upstream ? '' : upstream })
        document.getElementById('tools')?.scrollIntoView({ behavior: 'smooth' })
      },
      order: (upstream) => store.set({ dialog: { kind: 'breaker', upstream, tool: undefined } }),
    })}
    ${toolTable(store)} ${callList(store, copy)}
    <div class="two">${catalogue(store, snapshot)} ${connect(store, snapshot, copy)}</div>
  </main>`
}

function draw() {
  const root = document.getElementById('app')
  if (root === null) return
  render(
    html`${header(store, { window: useWindow, theme: toggleTheme })} ${page()} ${dialogs(store)}
      <div role="status">
        ${store.toast === '' ? nothing : html`<p class="toast">${store.toast}</p>`}
      </div>`,
    root,
  )
  showDialog()
}

function start() {
  const dark = matchMedia('(prefers-color-scheme: dark)')
  useTheme(localStorage.getItem(THEME_KEY) ?? (dark.matches ? 'dark' : 'light'))
  dark.addEventListener('change', ({ matches }) => {
    if (localStorage.getItem(THEME_KEY) !== null) return
    useTheme(matches ? 'dark' : 'light')
    store.drawNow()
  })
  defineCharts()
  document.getElementById('app')?.replaceChildren()
  store.begin(draw)
  feed.open(store.window)
  void loadTools()
  setInterval(() => {
    if (!document.hidden && store.connection === 'live') void loadTools()
  }, TOOLS_EVERY_MS)
  // Countdowns and ages go on between two snapshots.
  setInterval(() => store.schedule(), 1_000)
  // Nobody is told anything while nobody looks.
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
      feed.close()
      store.set({ connection: 'paused' })
    } else feed.open(store.window)
  })
}

start()
