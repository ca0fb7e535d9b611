/**
 * The table of tools. Only the rows in sight are in the document, so a thousand cost what thirty do.
 *
 * @import { Store } from './store.js'
 * @import { SortKey, ToolView } from './types.d.ts'
 */

import { html, nothing, svg } from '/ui/lib/lit-html.js'
import { Directive, directive } from '/ui/lib/directive.js'
import { repeat } from '/ui/lib/directives/repeat.js'
import { textOf } from './fields.js'
import { outcomeBar } from './outcome-bar.js'
import { count, duration, percent, rate, SHARES } from './format.js'
import { arrow, toneIcon } from './icons.js'

const ROW_PX = 42

/** Rows beyond both edges, so that scrolling shows no gap. */
const SPARE_ROWS = 12

/** Rows that a table shows at a time at the most, before it scrolls. */
const ROWS_IN_SIGHT = 14

/** @type {readonly (readonly [SortKey, string, string])[]} */
const COLUMNS = [
  ['tool', 'Tool', ''],
  ['upstream', 'Upstream', 'wide'],
  ['calls', 'Calls', 'num'],
  ['rate', 'Calls/s', 'num wide'],
  ['errors', 'Outcomes', 'outcomes'],
  ['p50', 'p50', 'num wide'],
  ['p95', 'p95', 'num'],
  ['tokens', 'Context tokens', 'num wide'],
]

/** @type {Readonly<Record<SortKey, (tool: ToolView) => number | string>>} */
const SORT_VALUES = {
  tool: ({ tool }) => tool,
  upstream: ({ upstream }) => upstream,
  calls: ({ stats }) => stats.calls,
  rate: ({ stats }) => stats.ratePerSecond,
  errors: ({ stats }) => stats.errorRate ?? -1,
  p50: ({ stats }) => stats.all?.p50Ms ?? -1,
  p95: ({ stats }) => stats.all?.p95Ms ?? -1,
  tokens: ({ contextTokens }) => contextTokens ?? -1,
}

class Height extends Directive {
  /** @param {number} _px */
  render(_px) {
    return nothing
  }

  /**
   * Set as a property: the page's policy allows no style in the document.
   * @override
   * @param {import('lit-html/directive.js').ElementPart} part
   * @param {[number]} values
   */
  update(part, [px]) {
    if (part.element instanceof HTMLElement) part.element.style.height = `${px}px`
    return nothing
  }
}

const height = directive(Height)

/** @param {Store} store @returns {ToolView[]} */
export function chosenTools(store) {
  const wanted = store.toolFilter.trim().toLowerCase()
  const found = (store.tools ?? []).filter(
    ({ upstream, tool }) =>
      (store.upstream === '' || upstream === store.upstream) &&
      (wanted === '' || `${upstream} ${tool}`.toLowerCase().includes(wanted)),
  )
  const valueOf = SORT_VALUES[store.sort.key]
  const way = store.sort.descending ? -1 : 1
  return found.sort((a, b) => {
    const left = valueOf(a)
    const right = valueOf(b)
    if (left !== right) return left < right ? -way : way
    return a.tool < b.tool ? -1 : 1
  })
}

/** @param {Store} store */
export function toolTable(store) {
  const tools = chosenTools(store)
  return html`<section id="tools" aria-labelledby="tools-title">
    <div class="section-head">
      <h2 id="tools-title">Tools</h2>
      <span class="note" role="status">${noteOf(store, tools.length)}</span>
      <span class="spacer"></span>
      <ul class="legend wide" aria-label="What the bars of outcomes show">
        ${SHARES.map(
          ([key, label]) =>
            html`<li>
              ${svg`<svg width="10" height="10" aria-hidden="true"><rect width="10" height="10" rx="3" class=${`bar-${key}`} /></svg>`}${label}
            </li>`,
        )}
      </ul>
    </div>
    <div class="card">
      <div class="toolbar">
        <label class="sr" for="tool-filter">Filter tools by name</label>
        <input
          id="tool-filter"
          class="input"
          type="search"
          placeholder="Filter by name"
          autocomplete="off"
          .value=${store.toolFilter}
          @input=${(/** @type {Event} */ event) => store.set({ toolFilter: textOf(event) })}
        />
        ${upstreamSelect(store, 'tool-upstream')}
      </div>
      ${
        store.tools === undefined
          ? html`<div class="skeleton" role="status"><span class="sr">Loading tools</span></div>`
          : tools.length === 0
            ? emptyTools(store)
            : table(store, tools)
      }
    </div>
  </section>`
}

/**
 * @param {Store} store
 * @param {number} shown
 */
function noteOf(store, shown) {
  const all = store.tools?.length ?? 0
  if (all === 0) return ''
  return shown === all ? `${all} tools` : `${shown} of ${all} tools`
}

/**
 * @param {Store} store
 * @param {string} id
 */
export function upstreamSelect(store, id) {
  const names = (store.snapshot?.upstreams ?? []).map(({ name }) => name)
  if (names.length < 2) return nothing
  return html`<label class="field" for=${id}
    >Upstream
    <select
      id=${id}
      class="select"
      @change=${(/** @type {Event} */ event) => store.set({ upstream: textOf(event) })}
    >
      <option value="" .selected=${store.upstream === ''}>all</option>
      ${names.map((name) => html`<option value=${name} .selected=${store.upstream === name}>${name}</option>`)}
    </select>
  </label>`
}

/** @param {Store} store */
function emptyTools(store) {
  const filtered = store.toolFilter !== '' || store.upstream !== ''
  return html`<div class="empty">
    <strong>${filtered ? 'No tool fits the filter' : 'No tools yet'}</strong>
    <p>
      ${filtered ? 'Change the name or the upstream above.' : 'They appear when a client lists or calls them.'}
    </p>
  </div>`
}

/**
 * @param {Store} store
 * @param {readonly ToolView[]} tools
 */
function table(store, tools) {
  const last = Math.max(0, tools.length - ROWS_IN_SIGHT)
  const top = Math.min(last, Math.floor(store.toolsScrollTop / ROW_PX))
  const from = Math.max(0, top - SPARE_ROWS)
  const to = Math.min(tools.length, top + ROWS_IN_SIGHT + SPARE_ROWS)
  return html`<div
    class="table-box"
    tabindex="0"
    role="region"
    aria-label="Table of tools"
    @scroll=${(/** @type {Event} */ event) => scrolled(store, event)}
  >
    <table aria-rowcount=${tools.length + 1}>
      <thead>
        <tr aria-rowindex="1">
          ${COLUMNS.map((column) => heading(store, column))}
        </tr>
      </thead>
      <tbody>
        <tr class="pad" aria-hidden="true">
          <td colspan="8" ${height(from * ROW_PX)}></td>
        </tr>
        ${repeat(tools.slice(from, to), keyOf, (tool, i) => row(tool, from + i + 2))}
        <tr class="pad" aria-hidden="true">
          <td colspan="8" ${height((tools.length - to) * ROW_PX)}></td>
        </tr>
      </tbody>
    </table>
  </div>`
}

/**
 * @param {Store} store
 * @param {Event} event
 */
function scrolled(store, { currentTarget: box }) {
  if (!(box instanceof HTMLElement)) return
  const seen = Math.floor(store.toolsScrollTop / ROW_PX)
  store.toolsScrollTop = box.scrollTop
  // There are spare rows above and below.
  if (Math.abs(Math.floor(box.scrollTop / ROW_PX) - seen) > 0) store.schedule(true)
}

/** @param {ToolView} tool */
function keyOf({ upstream, tool }) {
  return `${upstream} ${tool}`
}

/**
 * @param {Store} store
 * @param {readonly [SortKey, string, string]} column
 */
function heading(store, [key, label, kind]) {
  const active = store.sort.key === key
  const way = store.sort.descending ? 'desc' : 'asc'
  const sort = () => {
    const textual = key === 'tool' || key === 'upstream'
    store.set({
      sort: { key, descending: active ? !store.sort.descending : !textual },
      toolsScrollTop: 0,
    })
  }
  return html`<th
    scope="col"
    class=${kind}
    aria-sort=${active ? (way === 'desc' ? 'descending' : 'ascending') : 'none'}
  >
    <button type="button" @click=${sort}>${label}${active ? arrow(way) : nothing}</button>
  </th>`
}

/**
 * @param {ToolView} tool
 * @param {number} index
 */
function row(tool, index) {
  const { stats, contextTokens } = tool
  return html`<tr aria-rowindex=${index}>
    <td><span class="name" title=${tool.tool}>${tool.tool} ${marks(tool)}</span></td>
    <td class="wide muted">${tool.upstream}</td>
    <td class="num">${count(stats.calls)}</td>
    <td class="num wide">${rate(stats.ratePerSecond)}</td>
    <td class="outcomes">
      <div class="mix">
        ${outcomeBar(stats)}<span
          >${stats.calls === 0 ? '–' : `${percent(stats.errorRate)} err`}</span
        >
      </div>
    </td>
    <td class="num wide">${duration(stats.all?.p50Ms)}</td>
    <td class="num">${duration(stats.all?.p95Ms)}</td>
    <td class="num wide">${count(contextTokens)}</td>
  </tr>`
}

/** @param {ToolView} tool */
function marks({ breaker, pin }) {
  return [
    breaker === 'open' || breaker === 'half_open'
      ? html`<span class="pill" data-tone=${breaker === 'open' ? 'crit' : 'warn'}
          >${toneIcon('crit')} breaker ${breaker.replace('_', ' ')}</span
        >`
      : nothing,
    pin === 'changed'
      ? html`<span class="pill" data-tone="warn">${toneIcon('warn')} not as pinned</span>`
      : nothing,
  ]
}
