/** Looks for names of known members that stand there twice, or in another case. */

import { foldMember } from '../core/unambiguous-json.ts'
import type { NameSink } from './json-scanner.ts'
import type { ShapeNode } from './json-shape.ts'

interface Watched {
  readonly shape: ShapeNode
  readonly folded: ReadonlySet<string>
  /** Bits of the names that were seen. */
  seen: number
}

export class NameWatch implements NameSink {
  readonly #watched: Watched[] = []
  readonly #only: readonly ShapeNode[] | undefined
  ambiguous = false

  /** Only members of these objects are looked at; by default of all. */
  constructor(only?: readonly ShapeNode[]) {
    this.#only = only
  }

  knows(shape: ShapeNode, { bit }: ShapeNode): void {
    const watched = this.#watchedAt(shape)
    if (watched === undefined) return
    if ((watched.seen & bit) !== 0) this.ambiguous = true
    watched.seen |= bit
  }

  saw(shape: ShapeNode, name: string): void {
    if (this.#watchedAt(shape)?.folded.has(foldMember(decoded(name))) === true) {
      this.ambiguous = true
    }
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
