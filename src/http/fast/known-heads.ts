/**
 * The heads of ordinary requests that came last, read. Clients say the same again, and on more than one
 * connection: a head that is known costs a look-up instead of being read, and what others make of it
 * (where it leads, its lines for the upstream) is made once.
 *
 * A head is found by all of its text, so it decides nothing: who sends a request is asked every time.
 */

import { BoundedMap } from '../../core/bounded-map.ts'
import { newSharedHead } from '../../core/exchange.ts'
import { readOrdinaryHead, type OrdinaryHead } from './ordinary-head.ts'

const HEADS_MAX = 512
/** Longer heads are read every time, so that all that are kept are 2 MiB of text at most. */
const HEAD_CHARS_MAX = 4_096

/** Stands for a head that has come once: those that hold a trace context never come again, and keeping them is dear. */
const CAME = 'came'

export class KnownHeads {
  #heads = new BoundedMap<OrdinaryHead | typeof CAME>(HEADS_MAX)
  #app: unknown

  /**
   * Reads a head as `readOrdinaryHead` does. Heads hold the app that they led to, and who read their credentials
   * there: when another app serves, they are forgotten, or they would keep what a reload has replaced.
   */
  read(text: string, app: unknown): OrdinaryHead | undefined {
    if (app !== this.#app) this.#begin(app)
    const known = this.#heads.get(text)
    if (known !== undefined && known !== CAME) return known
    const head = readOrdinaryHead(text)
    if (head === undefined || text.length > HEAD_CHARS_MAX) return head
    if (known === CAME) head.shared = newSharedHead()
    this.#heads.set(text, known === CAME ? head : CAME)
    return head
  }

  #begin(app: unknown): void {
    this.#app = app
    this.#heads = new BoundedMap(HEADS_MAX)
  }
}
