/** The Merkle tree of a log (RFC 6962 §2.1), of which only as much is kept as the next root needs. */

import { sha256 } from './digests.ts'

const LEAF = Buffer.from([0])
const NODE = Buffer.from([1])

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
  return hashes.every((hash) => hash.length === 32) ? { size, roots: hashes } : undefined
}
