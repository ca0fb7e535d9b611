/**
 * An incremental JSON scanner that reports a few members of each message and keeps nothing else.
 *
 * It is fed bytes in any cut and needs memory for the nesting and the reported scalars alone, so
 * it can watch a result of any size pass by. Two manners:
 * - strict, for requests: accepts exactly the texts of RFC 8259, so that what we decide on is what
 *   the upstream's parser will see;
 * - lenient, for replies: values nobody asked about are passed over by counting brackets, which is
 *   several times faster; a broken reply still shows at the level that matters.
 *
 * A repeated member counts as its last appearance, as in the common parsers.
 *
 * This file is longer than the house rule because a state machine is one thing: cut in two, neither
 * half could be read alone.
 */
/* oxlint-disable max-lines */

import { isDigit, numberMayEnd, numberStart, numberStep } from './json-number.ts'
import {
  KEY_BYTES_MAX,
  Slot,
  decodeString,
  findKey,
  type ShapeNode,
  type ValueType,
} from './json-shape.ts'

export interface ScannerOptions {
  readonly strict: boolean
  /** Deepest nesting that a strict scan accepts. */
  readonly depthMax: number
  /** Told after each message, while `slots` still hold it. */
  readonly onMessage: (slots: readonly Slot[]) => void
  /** Told of each value that stands where a message should and is no object. */
  readonly onOther?: () => void
  /** Told of each member's name in objects of which some members are reported. */
  readonly names?: NameSink
}

export interface NameSink {
  /** A member of `shape` that is reported. */
  knows(shape: ShapeNode, member: ShapeNode): void
  /** Any other name: bytes that are no escapes stand for themselves. */
  saw(shape: ShapeNode, name: string): void
}

export type ScanEnd =
  /** One whole JSON text, and nothing after it but white space. */
  | 'complete'
  /** The bytes ended before the JSON text did; also when there were none. */
  | 'incomplete'
  | 'broken'
  | 'too_deep'

// States between tokens.
const VALUE = 0
const ARRAY_FIRST = 1
const OBJECT_FIRST = 2
const KEY = 3
const COLON = 4
const AFTER_VALUE = 5
const DONE = 6
const BROKEN = 7
// States inside a token.
const STRING = 8
const STRING_ESCAPE = 9
const STRING_HEX = 10
const NUMBER = 11
const LITERAL = 12
const SKIP = 13

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const COMMA = 0x2c
const COLON_SIGN = 0x3a

const LITERALS: Readonly<Record<number, ValueType & ('true' | 'false' | 'null')>> = {
  0x74: 'true',
  0x66: 'false',
  0x6e: 'null',
}

/** A string longer than this is searched for its end by the native search. */
const NATIVE_SEARCH_FROM = 48

const isSpace = (c: number): boolean => c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09
const isHex = (c: number): boolean =>
  isDigit(c) || (c >= 0x41 && c <= 0x46) || (c >= 0x61 && c <= 0x66)

/** 1 for each byte that stands for itself in a string; strict texts have no control characters there. */
function plainBytes(strict: boolean): Uint8Array {
  const isPlain = (c: number): boolean => c !== QUOTE && c !== BACKSLASH && !(strict && c < 0x20)
  return Uint8Array.from({ length: 256 }, (_, c) => Number(isPlain(c)))
}

const PLAIN_STRICT = plainBytes(true)
const PLAIN_LENIENT = plainBytes(false)

export class JsonScanner {
  readonly slots: readonly Slot[]
  readonly #root: ShapeNode
  readonly #options: ScannerOptions
  readonly #plain: Uint8Array
  /** The shape of each open container, whose members or whose own end are reported. */
  readonly #nodes: (ShapeNode | undefined)[] = []
  readonly #isObject: boolean[] = []
  #state = VALUE
  #tooDeep = false
  #depth = 0
  /** Bytes in the chunks before this one. */
  #base = 0
  /** The shape of the value that comes next or is being read. */
  #node: ShapeNode | undefined
  #inKey = false
  #keyEscaped = false
  #hexLeft = 0
  #numberAt = 0
  #literal: ValueType & ('true' | 'false' | 'null') = 'null'
  #literalAt = 0
  /** True when nothing is in the slots. */
  #areClear = true
  #skipDepth = 0
  #skipInString = false
  #skipEscaped = false
  // The token being kept: where it began in this chunk, and its pieces from the chunks before.
  #keeping = false
  #keepFrom = 0
  #keepBytesMax = 0
  #keepBytes = 0
  #kept: Buffer[] = []

  constructor(root: ShapeNode, options: ScannerOptions) {
    this.#root = root
    this.#options = options
    this.#plain = options.strict ? PLAIN_STRICT : PLAIN_LENIENT
    this.#node = root
    const slots: Slot[] = []
    for (let i = 0; i < root.slotCount; i += 1) slots.push(new Slot())
    this.slots = slots
  }

  /** Ready for the next JSON text. */
  reset(): void {
    this.#state = VALUE
    this.#tooDeep = false
    this.#depth = 0
    this.#base = 0
    this.#node = this.#root
    this.#keeping = false
    if (this.#kept.length > 0) this.#kept = []
    for (const slot of this.slots) slot.clear()
    this.#areClear = true
  }

  /** Takes the bytes `[from, to)` of a chunk. The chunk may be reused afterwards. */
  write(chunk: Buffer, from = 0, to = chunk.length): void {
    this.#base -= from
    this.#keepFrom = from
    let i = from
    while (i < to && this.#state !== BROKEN) {
      switch (this.#state) {
        case STRING:
          i = this.#string(chunk, i, to)
          break
        case SKIP:
          i = this.#skip(chunk, i, to)
          break
        case NUMBER:
          i = this.#number(chunk, i, to)
          break
        case LITERAL:
          i = this.#literalByte(chunk, i, to)
          break
        case STRING_ESCAPE:
        case STRING_HEX:
          i = this.#escape(chunk, i)
          break
        default:
          i = this.#between(chunk, i)
      }
    }
    if (this.#keeping) this.#keepPiece(chunk, to)
    this.#base += to
  }

  /** Says how the text stands when there are no more bytes. */
  end(): ScanEnd {
    if (this.#state === NUMBER && this.#depth === 0 && numberMayEnd(this.#numberAt))
      return 'complete'
    if (this.#state === DONE) return 'complete'
    if (this.#state === BROKEN) return this.#tooDeep ? 'too_deep' : 'broken'
    return 'incomplete'
  }

  #between(chunk: Buffer, i: number): number {
    const c = chunk[i] ?? 0
    if (isSpace(c)) return i + 1
    switch (this.#state) {
      case VALUE:
        return this.#value(c, i)
      case ARRAY_FIRST:
        return c === CLOSE_BRACKET ? this.#close(i) : this.#value(c, i)
      case OBJECT_FIRST:
        return c === CLOSE_BRACE ? this.#closeEmptyObject(i) : this.#key(c, i)
      case KEY:
        return this.#key(c, i)
      case COLON:
        return c === COLON_SIGN ? this.#to(VALUE, i + 1) : this.#break(i)
      case AFTER_VALUE:
        return this.#afterValue(c, i)
      default:
        return this.#break(i)
    }
  }

  #afterValue(c: number, i: number): number {
    const inObject = this.#isObject[this.#depth - 1]
    if (c === COMMA) {
      this.#node = inObject ? undefined : this.#itemNode()
      return this.#to(inObject ? KEY : VALUE, i + 1)
    }
    return c === (inObject ? CLOSE_BRACE : CLOSE_BRACKET) ? this.#close(i) : this.#break(i)
  }

  #value(c: number, i: number): number {
    if (c === QUOTE) {
      this.#begin('string', i)
      this.#inKey = false
      return this.#to(STRING, i + 1)
    }
    if (c === OPEN_BRACE || c === OPEN_BRACKET) return this.#open(c === OPEN_BRACE, i)
    const numberAt = numberStart(c)
    if (numberAt >= 0) {
      this.#begin('number', i)
      this.#numberAt = numberAt
      return this.#to(NUMBER, i + 1)
    }
    const literal = LITERALS[c]
    if (literal === undefined) return this.#break(i)
    this.#begin(literal, i)
    this.#literal = literal
    this.#literalAt = 1
    return this.#to(LITERAL, i + 1)
  }

  #key(c: number, i: number): number {
    if (c !== QUOTE) return this.#break(i)
    this.#inKey = true
    this.#keyEscaped = false
    if (this.#nodes[this.#depth - 1]?.members !== undefined) this.#keep(i, KEY_BYTES_MAX)
    return this.#to(STRING, i + 1)
  }

  #open(isObject: boolean, i: number): number {
    const batch = this.#depth === 0 && !isObject
    const node = batch ? undefined : this.#node
    if (this.#depth >= this.#options.depthMax) {
      this.#tooDeep = true
      return this.#break(i)
    }
    this.#begin(isObject ? 'object' : 'array', i)
    if (node === undefined && this.#depth > 0 && !this.#options.strict) {
      this.#skipDepth = 1
      this.#skipInString = false
      this.#skipEscaped = false
      return this.#to(SKIP, i + 1)
    }
    this.#nodes[this.#depth] = node
    this.#isObject[this.#depth] = isObject
    this.#depth += 1
    this.#node = isObject ? undefined : this.#itemNode()
    return this.#to(isObject ? OBJECT_FIRST : ARRAY_FIRST, i + 1)
  }

  /** The members of a top-level array are messages; of any other array nothing is reported. */
  #itemNode(): ShapeNode | undefined {
    return this.#depth === 1 && this.#isObject[0] === false ? this.#root : undefined
  }

  #closeEmptyObject(i: number): number {
    const slot = this.slots[this.#nodes[this.#depth - 1]?.slot ?? -1]
    if (slot !== undefined) slot.empty = true
    return this.#close(i)
  }

  #close(i: number): number {
    this.#depth -= 1
    const node = this.#nodes[this.#depth]
    const slot = this.slots[node?.slot ?? -1]
    if (slot !== undefined) slot.end = this.#base + i + 1
    if (node === this.#root && this.#isObject[this.#depth]) this.#options.onMessage(this.slots)
    return this.#to(this.#depth === 0 ? DONE : AFTER_VALUE, i + 1)
  }

  /** A value begins at `i`: forget what an earlier member of the same name reported. */
  #begin(type: ValueType, i: number): void {
    const node = this.#depth === 0 && type === 'array' ? undefined : this.#node
    if (node === undefined) return
    if (node === this.#root && type !== 'object') this.#options.onOther?.()
    const slot = this.slots[node.slot]
    const repeated = isSet(slot)
    this.#forget(node, repeated)
    if (slot === undefined) return
    slot.repeated = repeated
    slot.type = type
    slot.start = this.#base + i
    if (type !== 'object' && type !== 'array') this.#keep(i, node.bytesMax)
  }

  #forget(node: ShapeNode, repeated: boolean): void {
    if (node === this.#root) {
      if (!this.#areClear) for (const slot of this.slots) slot.clear()
      this.#areClear = false
      return
    }
    // As long as it was not there, nothing that belongs to it was.
    if (node.slot >= 0 && !repeated) return
    for (const index of node.slots) this.slots[index]?.supersede()
  }

  /** A scalar has ended before `i`; what follows it is here nearly always. */
  #ended(chunk: Buffer, i: number, to: number): number {
    const slot = this.#keeping ? this.slots[this.#node?.slot ?? -1] : undefined
    if (slot !== undefined) {
      slot.end = this.#base + i
      const inOne = this.#keepBytes === 0 && i - this.#keepFrom <= this.#keepBytesMax
      if (inOne) slot.take(chunk, this.#keepFrom, i)
      else slot.raw = this.#take(chunk, i)
    }
    this.#keeping = false
    if (this.#depth === 0) return this.#to(DONE, i)
    this.#state = AFTER_VALUE
    return i < to ? this.#between(chunk, i) : i
  }

  #keyEnded(chunk: Buffer, i: number): void {
    this.#state = COLON
    this.#node = undefined
    if (!this.#keeping) return
    const shape = this.#nodes[this.#depth - 1]
    if (shape === undefined) return
    const { names } = this.#options
    const plain = this.#keepBytes === 0 && !this.#keyEscaped
    const known = plain ? findKey(shape.keys, chunk, this.#keepFrom + 1, i - 1) : undefined
    if (known === undefined && (names !== undefined || !plain)) {
      return this.#nameEnded(shape, chunk, i)
    }
    this.#keeping = false
    this.#node = known
    if (known !== undefined) names?.knows(shape, known)
  }

  /** The same for a name in several chunks, with escapes, or that nobody asked about. */
  #nameEnded(shape: ShapeNode, chunk: Buffer, i: number): void {
    const { names } = this.#options
    // Known keys are ASCII, so the quicker decoding finds them all and mistakes none for another.
    const raw = this.#take(chunk, i, 'latin1')
    if (raw === undefined) return
    const key = raw.includes('\\') ? decodeString(raw) : raw.slice(1, -1)
    if (key === undefined) return
    const known = shape.members?.get(key)
    this.#node = known
    if (known === undefined) names?.saw(shape, key)
    else names?.knows(shape, known)
  }

  #string(chunk: Buffer, from: number, to: number): number {
    const plain = this.#plain
    let i = from
    while (i < to && plain[chunk[i] ?? 0] === 1) i += 1
    if (i === to) return to
    const c = chunk[i]
    if (c === BACKSLASH) {
      this.#keyEscaped = true
      return this.#to(STRING_ESCAPE, i + 1)
    }
    if (c !== QUOTE) return this.#break(i)
    if (!this.#inKey) return this.#ended(chunk, i + 1, to)
    this.#keyEnded(chunk, i + 1)
    return chunk[i + 1] === COLON_SIGN && i + 1 < to ? this.#to(VALUE, i + 2) : i + 1
  }

  #escape(chunk: Buffer, i: number): number {
    const c = chunk[i] ?? 0
    if (this.#state === STRING_HEX) {
      if (!isHex(c) && this.#options.strict) return this.#break(i)
      this.#hexLeft -= 1
      return this.#to(this.#hexLeft === 0 ? STRING : STRING_HEX, i + 1)
    }
    if (!this.#options.strict) return this.#to(STRING, i + 1)
    if (c === 0x75) {
      this.#hexLeft = 4
      return this.#to(STRING_HEX, i + 1)
    }
    return '"\\/bfnrt'.includes(String.fromCharCode(c)) ? this.#to(STRING, i + 1) : this.#break(i)
  }

  #number(chunk: Buffer, from: number, to: number): number {
    for (let i = from; i < to; i += 1) {
      const next = numberStep(this.#numberAt, chunk[i] ?? 0)
      if (next < 0) {
        if (!numberMayEnd(this.#numberAt)) return this.#break(i)
        return this.#ended(chunk, i, to)
      }
      this.#numberAt = next
    }
    return to
  }

  #literalByte(chunk: Buffer, i: number, to: number): number {
    if (chunk[i] !== this.#literal.charCodeAt(this.#literalAt)) return this.#break(i)
    this.#literalAt += 1
    return this.#literalAt === this.#literal.length ? this.#ended(chunk, i + 1, to) : i + 1
  }

  /** Passes over a container that nobody asked about by counting brackets outside strings. */
  #skip(chunk: Buffer, from: number, to: number): number {
    let i = from
    while (i < to) {
      if (this.#skipInString) {
        i = this.#skipString(chunk, i, to)
        continue
      }
      const c = chunk[i] ?? 0
      i += 1
      if (c === QUOTE) this.#skipInString = true
      else if (c === OPEN_BRACE || c === OPEN_BRACKET) this.#skipDepth += 1
      else if (c === CLOSE_BRACE || c === CLOSE_BRACKET) {
        this.#skipDepth -= 1
        if (this.#skipDepth === 0) return this.#to(AFTER_VALUE, i)
      }
    }
    return to
  }

  #skipString(chunk: Buffer, from: number, to: number): number {
    let i = from
    if (this.#skipEscaped) {
      this.#skipEscaped = false
      i += 1
    }
    const near = Math.min(to, i + NATIVE_SEARCH_FROM)
    while (i < near) {
      const c = chunk[i] ?? 0
      if (PLAIN_LENIENT[c] === 1) i += 1
      else if (c === BACKSLASH) i += 2
      else {
        this.#skipInString = false
        return i + 1
      }
    }
    if (i >= to) {
      this.#skipEscaped = i > to
      return to
    }
    return this.#skipLongString(chunk, i, to)
  }

  #skipLongString(chunk: Buffer, from: number, to: number): number {
    const quote = chunk.indexOf(QUOTE, from)
    const end = quote < 0 || quote > to ? to : quote
    let backslashes = 0
    while (end - 1 - backslashes >= from && chunk[end - 1 - backslashes] === BACKSLASH) {
      backslashes += 1
    }
    const escaped = backslashes % 2 === 1
    if (end === to) {
      this.#skipEscaped = escaped
      return to
    }
    this.#skipInString = escaped
    return end + 1
  }

  #keep(i: number, bytesMax: number): void {
    this.#keeping = true
    this.#keepFrom = i
    this.#keepBytesMax = bytesMax
    this.#keepBytes = 0
  }

  #keepPiece(chunk: Buffer, to: number): void {
    this.#keepBytes += to - this.#keepFrom
    if (this.#keepBytes > this.#keepBytesMax) this.#kept = []
    else this.#kept.push(Buffer.from(chunk.subarray(this.#keepFrom, to)))
  }

  /** The kept token, which ends before `i`; undefined when it was too long. */
  #take(chunk: Buffer, i: number, encoding: 'utf8' | 'latin1' = 'utf8'): string | undefined {
    this.#keeping = false
    const tooLong = this.#keepBytes + (i - this.#keepFrom) > this.#keepBytesMax
    if (this.#kept.length === 0) {
      return tooLong ? undefined : chunk.toString(encoding, this.#keepFrom, i)
    }
    const pieces = [...this.#kept, chunk.subarray(this.#keepFrom, i)]
    this.#kept = []
    return tooLong ? undefined : Buffer.concat(pieces).toString(encoding)
  }

  #to(state: number, i: number): number {
    this.#state = state
    return i
  }

  #break(i: number): number {
    this.#keeping = false
    this.#state = BROKEN
    return i
  }
}

function isSet(slot: Slot | undefined): boolean {
  return slot !== undefined && slot.type !== 'none'
}
