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

/** In front of a record while its keyed hash is made: the key's block, and the hash of the one before. */
const LEAD = HMAC_LEAD + 32
/** Where what `LEAD` overwrites is kept, where the lead is, and where lines begin. */
const LENT_AT = 0
const LEAD_AT = LENT_AT + LEAD
const MAC_AT = LEAD_AT + HMAC_LEAD
const LINES_AT = LEAD_AT + LEAD + LEAD

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
  /** Where the record begins. */
  #begin = 0

  constructor(key: HmacKey) {
    this.#key = key
  }

  /** How many records there are. */
  get size(): number {
    return this.#tree.size
  }

  /** What was written before is no longer held. */
  begin({ mac, tree }: ChainState): void {
    this.#tree.begin(tree)
    this.text.clear(KEPT_BYTES)
    this.text.skip(LINES_AT)
    this.#begin = LINES_AT
    this.#key.lead(this.text.bytes, LEAD_AT)
    mac.copy(this.text.bytes, MAC_AT)
  }

  /** The record is whole. */
  close(): void {
    const begin = this.#begin
    const { text } = this
    const textEnd = text.end
    text.copy(LINE_TAIL)
    const { bytes } = text
    const mac = this.#macOf(bytes, textEnd)
    bytes.write(mac, MAC_AT, 'base64url')
    bytes.write(mac, textEnd + MAC_MEMBER.length, 'latin1')
    const lent = bytes[begin - 1] ?? 0
    bytes[begin - 1] = LEAF_BYTE
    this.#tree.add(digestOf(bytes.subarray(begin - 1, text.end - 1)))
    bytes[begin - 1] = lent
    this.#begin = text.end
  }

  /** The lines, which the next `begin` overwrites, and what comes after them. */
  end(): { readonly lines: Buffer; readonly state: ChainState } {
    const { bytes, end } = this.text
    const mac = Buffer.from(bytes.subarray(MAC_AT, MAC_AT + 32))
    return {
      lines: bytes.subarray(LINES_AT, end),
      state: { mac, tree: this.#tree.edge() },
    }
  }

  /** The lead takes the place of what stands before the record for as long as it is hashed. */
  #macOf(bytes: Buffer, end: number): string {
    const begin = this.#begin
    bytes.copyWithin(LENT_AT, begin - LEAD, begin)
    bytes.copyWithin(begin - LEAD, LEAD_AT, LEAD_AT + LEAD)
    const hashed = digestOf(bytes.subarray(begin - LEAD, end))
    bytes.copyWithin(begin - LEAD, LENT_AT, LENT_AT + LEAD)
    return this.#key.finish(hashed, 'base64url')
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
  return mac === undefined ? undefined : { mac, tree: appendLeaf(before.tree, leafHash(line)) }
}

/** True when the line is what the holder of the key wrote after `before`. */
export function isChained(key: Buffer, before: ChainState, line: Buffer): boolean {
  const mac = macIn(line)
  if (mac === undefined) return false
  const text = line.subarray(0, line.length - MAC_BYTES)
  return timingSafeEqual(mac, hmacSha256(key, before.mac, text))
}
