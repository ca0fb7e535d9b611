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

export class KnownHeads {
  readonly #heads = new BoundedMap<OrdinaryHead>(HEADS_MAX)

  /** Reads a head as `readOrdinaryHead` does. */
  read(text: string): OrdinaryHead | undefined {
    const known = this.#heads.get(text)
    if (known === undefined) return this.#learn(text)
    known.shared ??= newSharedHead()
    return known
  }

  #learn(text: string): OrdinaryHead | undefined {
    const head = readOrdinaryHead(text)
    if (head !== undefined && text.length <= HEAD_CHARS_MAX) this.#heads.set(text, head)
    return head
  }
}
