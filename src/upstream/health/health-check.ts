/**
 * Asks an upstream whether it is well, in the way of its era, as cheaply as that era allows.
 *
 * Servers of 2026-07-28 are asked `server/discover`: one request, no state. Servers of earlier
 * revisions know no request outside a session, so one is begun, pinged and ended again. Which kind a
 * server is, is found out by asking, and kept in mind for as long as it holds.
 */

import type { ProbeAnswer, ProbeLink } from './probe-link.ts'

/** How to ask. `auto` is `discover` or `ping`, whichever fits the server. */
export type HealthMethod = 'auto' | 'discover' | 'ping' | 'tools/list'

/** What a check found. */
export interface Verdict {
  readonly up: boolean
  /** Why it is not up: an `error.type` from a bounded set. */
  readonly errorType: string | undefined
}

export const UP: Verdict = { up: true, errorType: undefined }

export class HealthCheck {
  readonly #method: HealthMethod
  #era: 'modern' | 'legacy' | undefined

  constructor(method: HealthMethod) {
    this.#method = method
  }

  /** Which kind of server it is; undefined while that is not known. */
  get era(): 'modern' | 'legacy' | undefined {
    return this.#era
  }

  async run(link: ProbeLink): Promise<Verdict> {
    if (this.#method === 'discover') return this.#judge(await this.#askModern(link))
    if (this.#method === 'ping' || this.#era === 'legacy') return this.#handshake(link)
    const answer = await this.#askModern(link)
    if (answer.kind === 'result') this.#era = 'modern'
    if (this.#era === 'modern' || !maybeLegacy(answer)) return this.#judge(answer)
    return this.#handshake(link)
  }

  #askModern(link: ProbeLink): Promise<ProbeAnswer> {
    return link.request({
      method: this.#method === 'tools/list' ? 'tools/list' : 'server/discover',
      era: 'modern',
    })
  }

  /** 2025-11-25 "Lifecycle": a session is begun, used once and ended, so that none is left behind. */
  async #handshake(link: ProbeLink): Promise<Verdict> {
    try {
      const begun = await link.request({ method: 'initialize', era: 'legacy' })
      if (begun.kind !== 'result') {
        this.#era = undefined
        return this.#judge(begun)
      }
      this.#era = 'legacy'
      await link.notify('notifications/initialized')
      const method = this.#method === 'tools/list' ? 'tools/list' : 'ping'
      return this.#judge(await link.request({ method, era: 'legacy' }))
    } finally {
      await link.end()
    }
  }

  /**
   * Any JSON-RPC answer shows a server that works, and so does the demand for a credential that we do
   * not have. A list of tools has to be a list.
   */
  #judge(answer: ProbeAnswer): Verdict {
    switch (answer.kind) {
      case 'result':
        return UP
      case 'rpc_error':
        return this.#method === 'tools/list' ? down('rpc_error') : UP
      case 'status':
        return answer.status === 401 || answer.status === 403 ? UP : down(String(answer.status))
      case 'failed':
        if (this.#era === 'modern') this.#era = undefined
        return down(answer.reason)
    }
  }
}

/** What a server of an earlier revision may say to a request that it does not know. */
function maybeLegacy(answer: ProbeAnswer): boolean {
  if (answer.kind === 'rpc_error') return true
  if (answer.kind === 'failed') return ['bad_message', 'process_exit'].includes(answer.reason)
  if (answer.kind !== 'status') return false
  return answer.status >= 400 && ![401, 403, 429, 502, 503, 504].includes(answer.status)
}

export function down(errorType: string): Verdict {
  return { up: false, errorType }
}
