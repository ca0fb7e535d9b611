/**
 * The chain of records: each carries a keyed hash over itself and the hash of the one before, so that
 * nobody without the key can change, take out, add or swap one unseen.
 */

import { timingSafeEqual } from 'node:crypto'
import { hmacSha256 } from './digests.ts'
import { appendLeaf, EMPTY_EDGE, leafHash, type TreeEdge } from './merkle.ts'

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

export interface Chained {
  /** The record as it is written, without the line's end. */
  readonly line: Buffer
  readonly state: ChainState
}

function macOf(key: Buffer, before: Buffer, text: Buffer): Buffer {
  return hmacSha256(key, before, text)
}

/** `open` is a record's JSON without the brace that closes it. */
export function chain(key: Buffer, before: ChainState, open: string): Chained {
  const text = Buffer.from(open)
  const mac = macOf(key, before.mac, text)
  const line = Buffer.concat([text, Buffer.from(`${MAC_MEMBER}${mac.toString('base64url')}"}`)])
  return { line, state: { mac, tree: appendLeaf(before.tree, leafHash(line)) } }
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
  return timingSafeEqual(mac, macOf(key, before.mac, text))
}
