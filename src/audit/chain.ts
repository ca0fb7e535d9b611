/**
 * The chain of records: each carries a keyed hash over itself and the hash of the one before, so that
 * nobody without the key can change, take out, add or swap one unseen.
 */

import { timingSafeEqual } from 'node:crypto'
import { ByteText } from './byte-text.ts'
import { digestOf, HMAC_LEAD, hmacSha256, type HmacKey } from './digests.ts'
import {
  appendLeaf,
  EMPTY_EDGE,
  GrowingTree,
  LEAF_BYTE,
  leafHash,
  type TreeEdge,
} from './merkle.ts'

/** Where the log is: what the next record is chained to. Values are never changed. */
export interface ChainState {
  /** Keyed hash of the last record; 32 zeros before the first. */
  readonly mac: Buffer
  readonly tree: TreeEdge
}

export const CHAIN_START: ChainState = { mac: Buffer.alloc(32), tree: EMPTY_EDGE }

const MAC_MEMBER = ',"mac":"'
/** `,"mac":"` with 43 characters of base64url, `"}`. */
const MAC_BYTES = MAC_MEMBER.length + 43 + 2

/** Before each record's text, for as long as it is hashed as a leaf. */
const LEAF_BYTES = 1

/** What a record's keyed hash is of: the key's block, the keyed hash before, and the hash of the text. */
const BEFORE_AT = HMAC_LEAD
const LEAF_AT = BEFORE_AT + 32
const MAC_INPUT = LEAF_AT + 32

/** What stands behind a record's text, with room for its keyed hash. */
const LINE_TAIL = Buffer.from(`${MAC_MEMBER}${' '.repeat(43)}"}\n`)

/** A buffer that has become larger is not kept. */
const KEPT_BYTES = 1024 * 1024
const FIRST_BYTES = 64 * 1024

/** Writes records one behind the other into one buffer, each chained to the one before. */
export class ChainWriter {
  /** What is written to it between `begin` and `close` is a record's JSON without the brace that closes it. */
  readonly text = new ByteText(FIRST_BYTES)
  readonly #key: HmacKey
  readonly #tree = new GrowingTree()
  readonly #macInput = Buffer.alloc(MAC_INPUT)
  /** Where the record begins. */
  #begin = 0

  constructor(key: HmacKey) {
    this.#key = key
    key.lead(this.#macInput, 0)
  }

  /** How many records there are. */
  get size(): number {
    return this.#tree.size
  }

  /** What was written before is no longer held. */
  begin({ mac, tree }: ChainState): void {
    this.#tree.begin(tree)
    this.text.clear(KEPT_BYTES)
    this.text.skip(LEAF_BYTES)
    this.#begin = LEAF_BYTES
    mac.copy(this.#macInput, BEFORE_AT)
  }

  /** The record is whole. */
  close(): void {
    const { text } = this
    const leaf = this.#leafOf(text.bytes, text.end)
    const mac = this.#macOf(leaf)
    const macAt = text.end + MAC_MEMBER.length
    text.copy(LINE_TAIL)
    text.bytes.write(mac, macAt, 'latin1')
    this.#tree.add(leaf)
    this.#begin = text.end
  }

  /** The lines, which the next `begin` overwrites, and what comes after them. */
  end(): { readonly lines: Buffer; readonly state: ChainState } {
    const { bytes, end } = this.text
    const mac = Buffer.from(this.#macInput.subarray(BEFORE_AT, LEAF_AT))
    return {
      lines: bytes.subarray(LEAF_BYTES, end),
      state: { mac, tree: this.#tree.edge() },
    }
  }

  /** The leaf's byte takes the place of what stands before the record for as long as it is hashed. */
  #leafOf(bytes: Buffer, end: number): string {
    const at = this.#begin - LEAF_BYTES
    const lent = bytes[at] ?? 0
    bytes[at] = LEAF_BYTE
    const leaf = digestOf(bytes.subarray(at, end))
    bytes[at] = lent
    return leaf
  }

  #macOf(leaf: string): string {
    const input = this.#macInput
    input.write(leaf, LEAF_AT, 'latin1')
    const mac = this.#key.finish(digestOf(input), 'base64url')
    input.write(mac, BEFORE_AT, 'base64url')
    return mac
  }
}

/** The keyed hash that a line carries; undefined when it carries none in the right place. */
export function macIn(line: Buffer): Buffer | undefined {
  if (line.length <= MAC_BYTES) return undefined
  const member = line.subarray(line.length - MAC_BYTES).toString('latin1')
  const [, encoded] = /^,"mac":"([\w-]{43})"\}$/.exec(member) ?? []
  if (encoded === undefined) return undefined
  const mac = Buffer.from(encoded, 'base64url')
  // One value has one spelling, or a line could be changed without changing what it says.
  return mac.toString('base64url') === encoded ? mac : undefined
}

/** What comes after a line, without looking at its keyed hash; undefined when it has none. */
export function follow(before: ChainState, line: Buffer): ChainState | undefined {
  const mac = macIn(line)
  return mac === undefined ? undefined : { mac, tree: appendLeaf(before.tree, leafOf(line)) }
}

/** True when the line is what the holder of the key wrote after `before`. */
export function isChained(key: Buffer, before: ChainState, line: Buffer): boolean {
  const mac = macIn(line)
  if (mac === undefined) return false
  return timingSafeEqual(mac, hmacSha256(key, before.mac, leafOf(line)))
}

/** Of a line that carries a keyed hash: what stands before it. */
function leafOf(line: Buffer): Buffer {
  return leafHash(line.subarray(0, line.length - MAC_BYTES))
}
