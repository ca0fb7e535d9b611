/**
 * Orders, with a confirmation: who, why and for how long are asked first, and written down.
 *
 * @import { Store } from './store.js'
 * @import { Dialog } from './types.d.ts'
 */

import { html, nothing } from '/ui/lib/lit-html.js'
import { ApiError, post, signIn } from './api.js'
import { formOf } from './fields.js'
import { summaryOf } from './overview.js'

const ACTIONS = /** @type {const} */ ([
  ['force-open', 'Open', 'Refuse every call at once, whatever the upstream does.'],
  ['force-closed', 'Close', 'Let every call through, however many fail.'],
  ['metrics-only', 'Only watch', 'Count as usual, and refuse nothing.'],
  ['reset', 'Reset', 'Take back what was ordered, and begin anew, closed.'],
])

const TIMES = /** @type {const} */ ([
  [300, '5 minutes'],
  [1_800, '30 minutes'],
  [7_200, '2 hours'],
  [28_800, '8 hours'],
  [86_400, '24 hours'],
])

const ACTOR_KEY = 'sidelight.actor'

/** @param {Store} store */
export function dialogs(store) {
  const { dialog } = store
  if (dialog === undefined) return nothing
  const title =
    dialog.kind === 'breaker'
      ? `Breaker of ${dialog.tool ?? dialog.upstream}`
      : `Silence ${dialog.alert.name}`
  return html`<dialog
    aria-labelledby="dialog-title"
    @close=${() => store.set({ dialog: undefined, dialogError: '' })}
  >
    <form
      method="dialog"
      @submit=${(/** @type {SubmitEvent} */ event) => void submit(event, store, dialog)}
    >
      <h2 id="dialog-title">${title}</h2>
      ${dialog.kind === 'breaker' ? choices() : html`<p class="muted">${summaryOf(dialog.alert)}</p>`}
      <div class="pair">
        <label class="row"
          >For how long
          <select class="select" name="ttl">
            ${TIMES.map(([seconds, words]) => html`<option value=${seconds}>${words}</option>`)}
          </select>
        </label>
        <label class="row"
          >Your name
          <input
            class="input"
            name="actor"
            required
            maxlength="200"
            autocomplete="name"
            .value=${sessionStorage.getItem(ACTOR_KEY) ?? ''}
          />
        </label>
      </div>
      <label class="row"
        >Why
        <input
          class="input"
          name="reason"
          required
          maxlength="200"
          autocomplete="off"
          placeholder="Written to the log"
        />
      </label>
      ${store.dialogError === '' ? nothing : html`<p class="error" role="alert">${store.dialogError}</p>`}
      <div class="actions">
        <button type="button" class="button" @click=${closeDialog}>Cancel</button>
        <button
          type="submit"
          class="button ${dialog.kind === 'breaker' ? 'danger' : 'primary'}"
          ?disabled=${store.dialogBusy}
        >
          ${dialog.kind === 'breaker' ? 'Order it' : 'Silence it'}
        </button>
      </div>
    </form>
  </dialog>`
}

function choices() {
  return html`<fieldset class="choices">
    <legend>What shall it do?</legend>
    ${ACTIONS.map(
      ([action, label, words]) =>
        html`<label class="choice">
          <input type="radio" name="action" value=${action} required /><span>${label}</span
          ><small>${words}</small>
        </label>`,
    )}
  </fieldset>`
}

function closeDialog() {
  document.querySelector('dialog')?.close()
}

/** Opens what was drawn: a dialog is modal only when it is told so. */
export function showDialog() {
  const dialog = document.querySelector('dialog')
  if (dialog !== null && !dialog.open) dialog.showModal()
}

/**
 * @param {SubmitEvent} event
 * @param {Store} store
 * @param {Dialog} dialog
 */
async function submit(event, store, dialog) {
  event.preventDefault()
  const text = formOf(event)
  sessionStorage.setItem(ACTOR_KEY, text('actor'))
  const said = { reason: text('reason'), actor: text('actor') }
  store.set({ dialogBusy: true, dialogError: '' })
  try {
    if (dialog.kind === 'breaker') {
      const action = text('action')
      const ttl = action === 'reset' ? {} : { ttlSeconds: Number(text('ttl')) }
      const tool = dialog.tool === undefined ? {} : { tool: dialog.tool }
      await post(`/api/v1/breakers/${encodeURIComponent(dialog.upstream)}`, {
        action,
        ...said,
        ...ttl,
        ...tool,
      })
    } else {
      await post('/api/v1/silences', {
        matchers: dialog.alert.labels,
        ttlSeconds: Number(text('ttl')),
        ...said,
      })
    }
    store.set({ dialogBusy: false })
    closeDialog()
    store.say('Done')
  } catch (error) {
    store.set({
      dialogBusy: false,
      dialogError: error instanceof ApiError ? error.message : 'It did not work',
    })
  }
}

/**
 * @param {Store} store
 * @param {() => void} retry
 */
export function signInForm(store, retry) {
  const submitToken = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault()
    signIn(formOf(event)('token'))
    retry()
  }
  return html`<main id="main" class="boot">
    <div class="card empty">
      <strong
        >${store.connection === 'signin' ? 'This admin plane wants to know who you are' : 'You may not look at this'}</strong
      >
      <p>Paste a token that may <code>read</code> here. It stays in this tab.</p>
      <form class="toolbar" @submit=${submitToken}>
        <label class="sr" for="token">Access token</label>
        <input id="token" class="input" name="token" type="password" autocomplete="off" required />
        <button class="button primary" type="submit">Sign in</button>
      </form>
    </div>
  </main>`
}
