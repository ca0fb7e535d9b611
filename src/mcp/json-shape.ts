/** Which members of a JSON message the scanner should report; everything else is passed over. */

export interface ShapeSpec {
  /** Where the value is reported; none when the value is only a way to its members. */
  readonly slot?: number
  /** Longest JSON text kept of a scalar, in bytes. A longer one is reported as truncated. */
  readonly bytesMax?: number
  readonly members?: Readonly<Record<string, ShapeSpec>>
}

export interface ShapeNode {
  readonly slot: number
  readonly bytesMax: number
  readonly members: ReadonlyMap<string, ShapeNode> | undefined
  /** The same by the bytes of the name, to be found without making a string. */
  readonly keys: readonly ShapeKey[]
  /** Every slot at or below this node: all are cleared when the member appears again (last wins). */
  readonly slots: readonly number[]
  /** How many slots a scanner for this shape needs. */
  readonly slotCount: number
  /** Tells it from the other members of its object; an object has fewer than 32. */
  readonly bit: number
}

export interface ShapeKey {
  readonly bytes: Buffer
  readonly node: ShapeNode
}

const BYTES_MAX_DEFAULT = 1024

export function compileShape(spec: ShapeSpec, index = 0): ShapeNode {
  const members = new Map<string, ShapeNode>()
  const slots: number[] = spec.slot === undefined ? [] : [spec.slot]
  for (const [name, member] of Object.entries(spec.members ?? {})) {
    const node = compileShape(member, members.size)
    members.set(name, node)
    slots.push(...node.slots)
  }
  return {
    slot: spec.slot ?? -1,
    bytesMax: spec.bytesMax ?? BYTES_MAX_DEFAULT,
    members: members.size === 0 ? undefined : members,
    keys: [...members].map(([name, node]) => ({ bytes: Buffer.from(name), node })),
    slots,
    slotCount: slots.length === 0 ? 0 : Math.max(...slots) + 1,
    bit: 1 << index,
  }
}

/** The member whose name stands in `[from, to)` of the chunk, written without escapes. */
export function findKey(
  keys: readonly ShapeKey[],
  chunk: Buffer,
  from: number,
  to: number,
): ShapeNode | undefined {
  const length = to - from
  for (let at = 0; at < keys.length; at += 1) {
    const key = keys[at]
    if (key?.bytes.length !== length) continue
    let i = 0
    while (i < length && key.bytes[i] === chunk[from + i]) i += 1
    if (i === length) return key.node
  }
  return undefined
}

/** The longest member name of any shape, in bytes of JSON text; a longer key matches nothing. */
export const KEY_BYTES_MAX = 256

export type ValueType =
  | 'none'
  | 'string'
  | 'number'
  | 'true'
  | 'false'
  | 'null'
  | 'object'
  | 'array'

/** A text up to this length is compared with the one before it. */
const COMPARED_BYTES_MAX = 64

/** What the scanner found of one member. Offsets count from the first byte ever written. */
export class Slot {
  type: ValueType = 'none'
  start = 0
  end = 0
  /** For objects: true when it has no members. */
  empty = false
  /** JSON text of a scalar; undefined for containers and for text over the limit. */
  raw: string | undefined = undefined
  /** True when the member stood in its object before; the last one is reported. */
  repeated = false
  /** Where values stand that a later one of the same path took the place of; only if it has any. */
  earlier: { readonly start: number; readonly end: number }[] | undefined = undefined
  /** The last short JSON text that was taken, and the last string that was decoded and what it came to. */
  #lastRaw = ''
  #decoded = ''
  #text: string | undefined = undefined

  /**
   * Takes the JSON text in `[from, to)` of the chunk. Often it is that of the message before, of which the text is
   * there already.
   */
  take(chunk: Buffer, from: number, to: number): void {
    if (this.#isLast(chunk, from, to)) {
      this.raw = this.#lastRaw
      return
    }
    this.raw = chunk.toString('utf8', from, to)
    if (to - from <= COMPARED_BYTES_MAX) this.#lastRaw = this.raw
  }

  /** From the end, where ids of calls that follow each other differ. What is not ASCII is never the same. */
  #isLast(chunk: Buffer, from: number, to: number): boolean {
    const last = this.#lastRaw
    if (last.length !== to - from) return false
    for (let at = last.length - 1; at >= 0; at -= 1) {
      const c = last.charCodeAt(at)
      if (c >= 0x80 || c !== chunk[from + at]) return false
    }
    return true
  }

  /** Its value counts no longer: the member, or an object that it is in, stands there again. */
  supersede(): void {
    if (this.type === 'none') return
    const { earlier = [], start, end } = this
    this.clear()
    earlier.push({ start, end })
    this.earlier = earlier
  }

  clear(): void {
    if (this.type === 'none' && this.earlier === undefined) return
    this.type = 'none'
    this.start = 0
    this.end = 0
    this.empty = false
    this.raw = undefined
    this.repeated = false
    this.earlier = undefined
  }

  /** The decoded string; undefined when the value is no string, or was too long to keep. */
  text(): string | undefined {
    const { type, raw } = this
    if (type !== 'string' || raw === undefined) return undefined
    if (raw === this.#decoded) return this.#text
    const text = raw.includes('\\') ? decodeString(raw) : raw.slice(1, -1)
    if (raw.length > COMPARED_BYTES_MAX) return text
    this.#decoded = raw
    this.#text = text
    return text
  }
}

/** Decodes JSON string text. Undefined when it is none (a lenient scan does not check escapes). */
export function decodeString(raw: string): string | undefined {
  try {
    const value: unknown = JSON.parse(raw)
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}
