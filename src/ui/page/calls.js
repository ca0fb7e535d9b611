/**
 * Recent calls, live: newest first, each with where its time went; one opens to its details.
 *
 * @import { Store } from './store.js'
 * @import { CallView } from './types.d.ts'
 */

import { html, nothing, svg } from '/ui/lib/lit-html.js'
import { bytes, clockTime, count, duration, outcomeText, toneOf } from './format.js'
import { isChecked, textOf } from './fields.js'
import { chevron, toneIcon } from './icons.js'
import { upstreamSelect } from './tools.js'
import { flow, waterfall } from './waterfall.js'

/** Rows are filled anew rather than moved: hundreds of calls a second would move all of them. */
const SHOWN_MAX = 40

const LEGEND = /** @type {const} */ ([
  ['auth', 'Auth'],
  ['queue', 'Queue'],
  ['connect', 'Connect'],
  ['first', 'First event'],
  ['body', 'Body'],
])

/** @type {Readonly<Record<CallView['counts'], string>>} */
const COUNTS_WORDS = {
  good: 'success',
  error: 'error',
  unavailable: 'error, and against availability',
  excluded: "neither: the caller's or the policy's doing",
}

/** @param {Store} store @returns {CallView[]} */
export function chosenCalls(store) {
  const wanted = store.callFilter.trim().toLowerCase()
  return (store.frozenCalls ?? store.calls).filter(
    (call) =>
      (store.upstream === '' || call.upstream === store.upstream) &&
      (!store.failuresOnly || toneOf(call) !== 'ok') &&
      (wanted === '' || wordsOf(call).includes(wanted)),
  )
}

/** @param {CallView} call */
function wordsOf({ upstream, method, target, outcome, reason, traceId }) {
  return `${upstream} ${method} ${target ?? ''} ${outcome} ${reason ?? ''} ${traceId ?? ''}`.toLowerCase()
}

/** @param {Store} store @param {(text: string, what: string) => void} copy */
export function callList(store, copy) {
  const calls = chosenCalls(store)
  return html`<section id="calls" class="calls" aria-labelledby="calls-title">
    <div class="section-head">
      <h2 id="calls-title">Recent calls</h2>
      <span class="spacer"></span>
      <ul class="legend wide" aria-label="What the bars of time show">
        ${LEGEND.map(
          ([key, label]) =>
            html`<li>
              ${svg`<svg width="10" height="10" aria-hidden="true"><rect width="10" height="10" rx="3" class=${`seg-${key}`} /></svg>`}${label}
            </li>`,
        )}
      </ul>
    </div>
    <div class="card">
      ${toolbar(store)} ${calls.length === 0 ? emptyCalls(store) : table(store, calls, copy)}
    </div>
  </section>`
}

/** @param {Store} store */
function toolbar(store) {
  const frozen = store.frozenCalls !== undefined
  return html`<div class="toolbar">
    <label class="sr" for="call-filter">Filter calls by tool, outcome or trace id</label>
    <input
      id="call-filter"
      class="input"
      type="search"
      placeholder="Tool, outcome or trace id"
      autocomplete="off"
      .value=${store.callFilter}
      @input=${(/** @type {Event} */ event) => store.set({ callFilter: textOf(event) })}
    />
    ${upstreamSelect(store, 'call-upstream')}
    <label class="field"
      ><input
        type="checkbox"
        .checked=${store.failuresOnly}
        @change=${(/** @type {Event} */ event) => store.set({ failuresOnly: isChecked(event) })}
      />Failures only</label
    >
    <span class="spacer"></span>
    <button
      type="button"
      class="button"
      aria-pressed=${frozen}
      @click=${() => store.set({ frozenCalls: frozen ? undefined : store.calls })}
    >
      ${frozen ? 'Resume' : 'Hold still'}
    </button>
  </div>`
}

/** @param {Store} store */
function emptyCalls(store) {
  const filtered = store.callFilter !== '' || store.failuresOnly || store.upstream !== ''
  return html`<div class="empty">
    <strong>${filtered ? 'No recent call fits the filter' : 'No calls yet'}</strong>
    <p>
      ${filtered ? 'New ones appear here as they end.' : html`Point a client at the address under <a href="#connect">Connect</a>.`}
    </p>
  </div>`
}

/**
 * @param {Store} store
 * @param {readonly CallView[]} calls
 * @param {(text: string, what: string) => void} copy
 */
function table(store, calls, copy) {
  return html`<div class="table-box" tabindex="0" role="region" aria-label="Table of recent calls">
    <table>
      <thead>
        <tr>
          <th scope="col"><span class="sr">Details</span></th>
          <th scope="col" class="wide">Ended</th>
          <th scope="col">Call</th>
          <th scope="col" class="wide">Upstream</th>
          <th scope="col">Outcome</th>
          <th scope="col" class="num">Took</th>
          <th scope="col" class="wide">Where the time went</th>
          <th scope="col" class="wide">Trace</th>
        </tr>
      </thead>
      <tbody>
        ${calls.slice(0, SHOWN_MAX).map((call) => rows(store, call, copy))}
      </tbody>
    </table>
  </div>`
}

/**
 * @param {Store} store
 * @param {CallView} call
 * @param {(text: string, what: string) => void} copy
 */
function rows(store, call, copy) {
  const open = store.openCall === call.seq
  const tone = toneOf(call)
  // Details stand still: what somebody reads must not be pushed away by newer calls.
  const toggle = () =>
    store.set(
      open
        ? { openCall: undefined }
        : { openCall: call.seq, frozenCalls: store.frozenCalls ?? store.calls },
    )
  const name = call.target ?? call.method
  return html`<tr class="row" @click=${toggle}>
      <td>
        <button
          type="button"
          class="expander"
          aria-expanded=${open}
          aria-label=${`Details of the call of ${name}`}
          @click=${(/** @type {Event} */ event) => {
            event.stopPropagation()
            toggle()
          }}
        >
          ${chevron}
        </button>
      </td>
      <td class="wide muted">${clockTime(call.startedAtMs + call.durationMs)}</td>
      <td><span class="name" title=${name}>${name}</span></td>
      <td class="wide muted">${call.upstream}</td>
      <td><span class="pill" data-tone=${tone}>${toneIcon(tone)} ${outcomeText(call)}</span></td>
      <td class="num">${duration(call.durationMs)}</td>
      <td class="flow wide">${flow(call)}</td>
      <td class="wide" @click=${(/** @type {Event} */ event) => event.stopPropagation()}>
        ${trace(call, copy)}
      </td>
    </tr>
    ${
      open
        ? html`<tr class="detail">
            <td colspan="8">${details(call, copy)}</td>
          </tr>`
        : nothing
    }`
}

/**
 * @param {CallView} call
 * @param {(text: string, what: string) => void} copy
 */
function trace({ traceId, traceUrl }, copy) {
  if (traceId === undefined) return html`<span class="muted">–</span>`
  const short = html`<span class="mono">${traceId.slice(0, 8)}</span>`
  return traceUrl === undefined
    ? html`<button
        type="button"
        class="button small"
        title="Copy the trace id"
        @click=${() => copy(traceId, 'Trace id')}
      >
        <span class="sr">Copy trace id </span>${short}
      </button>`
    : html`<a href=${traceUrl} target="_blank" rel="noreferrer noopener"
        ><span class="sr">Open trace </span>${short}</a
      >`
}

/**
 * @param {CallView} call
 * @param {(text: string, what: string) => void} copy
 */
function details(call, copy) {
  return html`<div class="detail-grid">
    <div>${waterfall(call)}</div>
    <dl class="facts">
      <dt>Method</dt>
      <dd class="mono">${call.method}</dd>
      <dt>Outcome</dt>
      <dd>${outcomeText(call)}</dd>
      ${
        call.errorType === undefined
          ? nothing
          : html`<dt>error.type</dt>
              <dd class="mono">${call.errorType}</dd>`
      }
      <dt>Counts as</dt>
      <dd>${COUNTS_WORDS[call.counts]}</dd>
      <dt>Sizes</dt>
      <dd>
        ${bytes(call.requestBytes)} in, ${bytes(call.responseBytes)}
        out${call.resultTokens > 0 ? `, about ${count(call.resultTokens)} tokens` : ''}
      </dd>
      <dt>Attempts</dt>
      <dd>${call.attempts === 0 ? 'none: the upstream never saw it' : call.attempts}</dd>
      ${
        call.traceId === undefined
          ? nothing
          : html`<dt>Trace</dt>
              <dd>
                <span class="mono">${call.traceId}</span>
                <button
                  type="button"
                  class="button small"
                  @click=${() => copy(call.traceId ?? '', 'Trace id')}
                >
                  Copy
                </button>
                ${call.traceUrl === undefined ? nothing : html`<a class="button small" href=${call.traceUrl} target="_blank" rel="noreferrer noopener">Open trace</a>`}
                ${call.sampled ? nothing : html`<span class="muted">not sampled</span>`}
              </dd>`
      }
    </dl>
  </div>`
}
