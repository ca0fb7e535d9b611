/**
 * The stream of events, over fetch: unlike EventSource it can carry a token and tell why it failed.
 *
 * @import { CallList, Connection, Snapshot, Window } from './types.d.ts'
 */

import { credentials } from './api.js'

/** Something comes every 5 s at the latest; silence for longer means that the connection is dead. */
const SILENCE_MS = 15_000

const RETRY_MS = [500, 1_000, 2_000, 5_000]

/**
 * @typedef {object} Listener
 * @property {(snapshot: Snapshot) => void} snapshot
 * @property {(list: CallList) => void} calls
 * @property {(connection: Connection) => void} connection
 */

export class Feed {
  /** @type {Listener} */
  #listener
  /** @type {Window} */
  #window = '5m'
  /** @type {AbortController | undefined} */
  #current
  #failures = 0
  #retry = 0

  /** @param {Listener} listener */
  constructor(listener) {
    this.#listener = listener
  }

  /** @param {Window} window */
  open(window) {
    this.close()
    this.#window = window
    const controller = new AbortController()
    this.#current = controller
    void this.#follow(controller)
  }

  close() {
    clearTimeout(this.#retry)
    this.#current?.abort()
    this.#current = undefined
  }

  /** @param {AbortController} controller */
  async #follow(controller) {
    const ended = await this.#read(controller).catch(() => 'offline')
    if (this.#current !== controller) return
    if (ended === 'signin' || ended === 'forbidden') return this.#listener.connection(ended)
    this.#listener.connection('offline')
    const waitMs = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)]
    this.#failures += 1
    this.#retry = setTimeout(() => this.open(this.#window), waitMs)
  }

  /**
   * @param {AbortController} controller
   * @returns {Promise<'offline' | 'signin' | 'forbidden'>}
   */
  async #read(controller) {
    const response = await fetch(`/api/v1/events?window=${this.#window}`, {
      headers: { ...credentials(), Accept: 'text/event-stream' },
      signal: controller.signal,
      cache: 'no-store',
    })
    if (response.status === 401) return 'signin'
    if (response.status === 403) return 'forbidden'
    if (!response.ok || response.body === null) return 'offline'
    this.#failures = 0
    this.#listener.connection('live')
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    for (;;) {
      const silence = setTimeout(() => controller.abort(), SILENCE_MS)
      const { done, value } = await reader.read().finally(() => clearTimeout(silence))
      if (done) return 'offline'
      text += value
      const events = text.split('\n\n')
      text = events.pop() ?? ''
      for (const event of events) this.#take(event)
    }
  }

  /** @param {string} event */
  #take(event) {
    let name = ''
    let data = ''
    for (const line of event.split('\n')) {
      if (line.startsWith('event: ')) name = line.slice(7)
      if (line.startsWith('data: ')) data += line.slice(6)
    }
    if (name === 'snapshot') this.#listener.snapshot(JSON.parse(data))
    if (name === 'calls') this.#listener.calls(JSON.parse(data))
  }
}
