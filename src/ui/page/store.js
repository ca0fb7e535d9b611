/**
 * The state of the page and when it is drawn: everything is one object, every view a function of it.
 *
 * @import { CallView, Connection, Dialog, Snapshot, SortKey, ToolView, Window } from './types.d.ts'
 */

/** Calls that the page keeps; the sidecar keeps more. */
export const CALLS_MAX = 200

/** At most four pictures a second, however often something is told. */
const DRAW_EVERY_MS = 250

export class Store {
  /** @type {Connection} */
  connection = 'connecting'
  /** @type {Snapshot | undefined} */
  snapshot = undefined
  /** When the snapshot came, by the page's own clock. */
  snapshotAtMs = 0
  /** @type {readonly ToolView[] | undefined} */
  tools = undefined
  /** Newest first. @type {CallView[]} */
  calls = []
  /** @type {Window} */
  window = '5m'
  /** Empty for all upstreams. */
  upstream = ''
  toolFilter = ''
  callFilter = ''
  failuresOnly = false
  /** The list of calls stands still while somebody reads it. @type {CallView[] | undefined} */
  frozenCalls = undefined
  /** @type {{ key: SortKey, descending: boolean }} */
  sort = { key: 'calls', descending: true }
  toolsScrollTop = 0
  /** @type {number | undefined} */
  openCall = undefined
  /** @type {Dialog | undefined} */
  dialog = undefined
  dialogError = ''
  dialogBusy = false
  toast = ''
  copied = ''
  client = 'generic'
  problem = ''

  /** @type {() => void} */
  #draw = () => {}
  #timer = 0
  #frame = 0
  #lastDrawnMs = 0

  /** @param {() => void} draw */
  begin(draw) {
    this.#draw = draw
    draw()
  }

  /**
   * Draws soon: what the sidecar tells can wait a little, what a hand moves until the next frame.
   * @param {boolean} [byHand]
   */
  schedule(byHand = false) {
    if (byHand) return this.#nextFrame()
    if (this.#timer !== 0) return
    const waitMs = Math.max(0, this.#lastDrawnMs + DRAW_EVERY_MS - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = 0
      this.#nextFrame()
    }, waitMs)
  }

  #nextFrame() {
    if (this.#frame !== 0) return
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0
      this.drawNow()
    })
  }

  /** Draws at once: what a person does is seen without delay. */
  drawNow() {
    this.#lastDrawnMs = performance.now()
    this.#draw()
  }

  /** @param {Partial<Store>} changes */
  set(changes) {
    Object.assign(this, changes)
    this.drawNow()
  }

  /** @param {readonly CallView[]} calls newest first */
  addCalls(calls) {
    const newest = this.calls[0]?.seq ?? -1
    const fresh = calls.filter(({ seq }) => seq > newest)
    this.calls = [...fresh, ...this.calls].slice(0, CALLS_MAX)
  }

  /** Milliseconds since the snapshot was taken, for countdowns. */
  ageMs() {
    return performance.now() - this.snapshotAtMs
  }

  /** @param {string} text */
  say(text) {
    this.set({ toast: text })
    setTimeout(() => {
      if (this.toast === text) this.set({ toast: '' })
    }, 4_000)
  }
}
