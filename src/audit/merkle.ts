/** The Merkle tree of a log (RFC 6962 §2.1), of which only as much is kept as the next root needs. */

import { digestOf, sha256 } from './digests.ts'

/** Stands before what a leaf is the hash of. */
export const LEAF_BYTE = 0
const NODE_BYTE = 1
const HASH_BYTES = 32

const LEAF = Buffer.from([LEAF_BYTE])
const NODE = Buffer.from([NODE_BYTE])

/** The hash of one entry. */
export function leafHash(entry: Buffer): Buffer {
  return sha256(LEAF, entry)
}

/**
 * The right edge of a tree: the roots of its whole subtrees, the largest first. There is one for each
 * bit that is set in `size`. Values are never changed, so an old one stays valid.
 */
export interface TreeEdge {
  readonly size: number
  readonly roots: readonly Buffer[]
}

export const EMPTY_EDGE: TreeEdge = { size: 0, roots: [] }

export function appendLeaf({ size, roots }: TreeEdge, leaf: Buffer): TreeEdge {
  const next = roots.slice()
  let root = leaf
  // Each bit that is set at the low end is a subtree of the same size as what comes.
  for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) {
    const left = next.pop()
    if (left !== undefined) root = sha256(NODE, left, root)
  }
  next.push(root)
  return { size: size + 1, roots: next }
}

/** Most subtrees in an edge: the bits of a size. */
const ROOTS_MAX = 53

/** A tree that grows by many leaves at a time, without a value of its own for each. */
export class GrowingTree {
  #size = 0
  #count = 0
  /** The roots of an edge one behind the other. */
  readonly #roots = Buffer.alloc(ROOTS_MAX * HASH_BYTES)
  /** What a node is the hash of. */
  readonly #node = Buffer.alloc(1 + 2 * HASH_BYTES, NODE_BYTE)

  get size(): number {
    return this.#size
  }

  begin({ size, roots }: TreeEdge): void {
    this.#size = size
    this.#count = roots.length
    for (const [index, root] of roots.entries()) root.copy(this.#roots, index * HASH_BYTES)
  }

  /** `leaf` is the leaf's hash, a character for each byte. */
  add(leaf: string): void {
    let root = leaf
    let count = this.#count
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) {
      count -= 1
      this.#roots.copy(this.#node, 1, count * HASH_BYTES, (count + 1) * HASH_BYTES)
      this.#node.write(root, 1 + HASH_BYTES, 'latin1')
      root = digestOf(this.#node)
    }
    this.#roots.write(root, count * HASH_BYTES, 'latin1')
    this.#size += 1
    this.#count = count + 1
  }

  edge(): TreeEdge {
    const roots = Array.from({ length: this.#count }, (_, index) => {
      const at = index * HASH_BYTES
      return Buffer.from(this.#roots.subarray(at, at + HASH_BYTES))
    })
    return { size: this.#size, roots }
  }
}

/** The root of the whole tree; that of no entries is the hash of nothing. */
export function rootOf({ roots }: TreeEdge): Buffer {
  let root: Buffer | undefined
  for (const one of roots.toReversed()) root = root === undefined ? one : sha256(NODE, one, root)
  return root ?? sha256()
}

/** Undefined when it is no edge of a tree of that size. */
export function edgeOf(size: number, roots: readonly string[]): TreeEdge | undefined {
  const hashes = roots.map((text) => Buffer.from(text, 'base64url'))
  let bits = 0
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2
  if (!Number.isSafeInteger(size) || size < 0 || bits !== hashes.length) return undefined
  return hashes.every((hash) => hash.length === HASH_BYTES) ? { size, roots: hashes } : undefined
}
