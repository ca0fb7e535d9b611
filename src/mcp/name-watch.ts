/** Looks for names of known members that stand there twice, or in another case. */

import { foldMember } from '../core/unambiguous-json.ts'
import type { ShapeNode } from './json-shape.ts'

export class NameWatch {
  readonly #seen = new Map<ShapeNode, Set<string>>()
  readonly #shapes: readonly ShapeNode[] | undefined
  ambiguous = false

  /** Only members of these objects are looked at; by default of all. */
  constructor(shapes?: readonly ShapeNode[]) {
    this.#shapes = shapes
  }

  /** `name` as the scanner tells it: bytes that are no escapes stand for themselves. */
  saw(shape: ShapeNode, name: string): void {
    if (this.#shapes?.includes(shape) === false) return
    const folded = foldMember(decoded(name))
    const known = [...(shape.members?.keys() ?? [])].find((one) => foldMember(one) === folded)
    if (known === undefined) return
    const seen = this.#seen.get(shape)
    if (known !== name || seen?.has(folded) === true) this.ambiguous = true
    if (seen === undefined) this.#seen.set(shape, new Set([folded]))
    else seen.add(folded)
  }

  reset(): void {
    this.#seen.clear()
    this.ambiguous = false
  }
}

function decoded(name: string): string {
  // oxlint-disable-next-line no-control-regex
  return /^[\u0000-\u00ff]*[\u0080-\u00ff][\u0000-\u00ff]*$/.test(name)
    ? Buffer.from(name, 'latin1').toString('utf8')
    : name
}
