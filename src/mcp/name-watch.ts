/** Looks for names of known members that stand there twice, or in another case. */

import { foldMember } from '../core/unambiguous-json.ts'
import type { ShapeNode } from './json-shape.ts'

interface Watched {
  readonly shape: ShapeNode
  /** The known names, each with a bit of its own; shapes have fewer than 32. */
  readonly bits: ReadonlyMap<string, number>
  readonly folded: ReadonlySet<string>
  /** Bits of the names that were seen. */
  seen: number
}

export class NameWatch {
  readonly #watched: Watched[] = []
  readonly #only: readonly ShapeNode[] | undefined
  ambiguous = false

  /** Only members of these objects are looked at; by default of all. */
  constructor(only?: readonly ShapeNode[]) {
    this.#only = only
  }

  /** `name` as the scanner tells it: bytes that are no escapes stand for themselves. */
  saw(shape: ShapeNode, name: string): void {
    const watched = this.#watchedAt(shape)
    if (watched === undefined) return
    const bit = watched.bits.get(name)
    if (bit === undefined) {
      if (watched.folded.has(foldMember(decoded(name)))) this.ambiguous = true
      return
    }
    if ((watched.seen & bit) !== 0) this.ambiguous = true
    watched.seen |= bit
  }

  reset(): void {
    for (const watched of this.#watched) watched.seen = 0
    this.ambiguous = false
  }

  #watchedAt(shape: ShapeNode): Watched | undefined {
    for (const watched of this.#watched) if (watched.shape === shape) return watched
    if (this.#only?.includes(shape) === false) return undefined
    const names = [...(shape.members?.keys() ?? [])]
    const watched: Watched = {
      shape,
      bits: new Map(names.map((name, index) => [name, 1 << index])),
      folded: new Set(names.map((name) => foldMember(name))),
      seen: 0,
    }
    this.#watched.push(watched)
    return watched
  }
}

function decoded(name: string): string {
  // oxlint-disable-next-line no-control-regex
  return /^[\u0000-\u00ff]*[\u0080-\u00ff][\u0000-\u00ff]*$/.test(name)
    ? Buffer.from(name, 'latin1').toString('utf8')
    : name
}
