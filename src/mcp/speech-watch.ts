/**
 * What an upstream says besides answers, as far as it is of interest: requests of its client, and that
 * it takes one back. Told when the JSON text that holds it has proved to be whole.
 */

import type { ServerAsk } from '../core/observer.ts'
import type { Slot } from './json-shape.ts'
import { readId } from './read-id.ts'
import { REPLY } from './shapes.ts'

export interface SpeechSink {
  asked(ask: ServerAsk): void
  /** The upstream takes back its request with this id. */
  askTakenBack(idKey: string): void
}

type Said = { readonly ask: ServerAsk } | { readonly takenBack: string }

export class SpeechWatch {
  readonly #sink: SpeechSink | undefined
  /** Found in the JSON text under way; made when there is something. */
  #found: Said[] | undefined

  constructor(sink: SpeechSink | undefined) {
    this.#sink = sink
  }

  message(slots: readonly Slot[]): void {
    const said = this.#sink === undefined ? undefined : readSpeech(slots)
    if (said === undefined) return
    if (this.#found === undefined) this.#found = [said]
    else this.#found.push(said)
  }

  endText(valid: boolean): void {
    const found = this.#found
    if (found === undefined) return
    this.#found = undefined
    if (!valid) return
    for (const said of found) {
      if ('ask' in said) this.#sink?.asked(said.ask)
      else this.#sink?.askTakenBack(said.takenBack)
    }
  }
}

function readSpeech(slots: readonly Slot[]): Said | undefined {
  const method = slots[REPLY.method]?.text()
  if (method === undefined) return undefined
  if (method === 'notifications/cancelled') {
    const key = keyOf(slots[REPLY.requestId])
    return key === undefined ? undefined : { takenBack: key }
  }
  const slot = slots[REPLY.id]
  const id = slot === undefined ? undefined : readId(slot)
  if (id === undefined || typeof id === 'string' || id.key === 'null') return undefined
  const trace = {
    traceparent: slots[REPLY.traceparent]?.text(),
    tracestate: slots[REPLY.tracestate]?.text(),
  }
  return { ask: { id, method, trace } }
}

function keyOf(slot: Slot | undefined): string | undefined {
  const id = slot === undefined ? undefined : readId(slot)
  return typeof id === 'string' ? undefined : id?.key
}
