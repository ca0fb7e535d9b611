/**
 * One text for all JSON texts that mean the same (RFC 8785): members in the order of their names' UTF-16
 * code units, no white space, numbers and strings as ECMAScript writes them.
 */

/** Deepest nesting that is written; nobody's schema nests as deep. */
export const CANONICAL_DEPTH_MAX = 100

/** Undefined for a value that nests deeper than `CANONICAL_DEPTH_MAX`. `value` is what JSON.parse gave. */
export function canonicalJson(value: unknown): string | undefined {
  const parts: string[] = []
  return write(value, parts, CANONICAL_DEPTH_MAX) ? parts.join('') : undefined
}

function write(value: unknown, parts: string[], depthLeft: number): boolean {
  if (typeof value !== 'object' || value === null) {
    parts.push(JSON.stringify(value) ?? 'null')
    return true
  }
  if (depthLeft === 0) return false
  return Array.isArray(value)
    ? writeArray(value, parts, depthLeft - 1)
    : writeObject(value, parts, depthLeft - 1)
}

function writeArray(items: readonly unknown[], parts: string[], depthLeft: number): boolean {
  for (const [index, item] of items.entries()) {
    parts.push(index === 0 ? '[' : ',')
    if (!write(item, parts, depthLeft)) return false
  }
  parts.push(items.length === 0 ? '[]' : ']')
  return true
}

function writeObject(value: object, parts: string[], depthLeft: number): boolean {
  // The default order of `sort` is that of UTF-16 code units.
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [index, [name, member]] of members.entries()) {
    parts.push(index === 0 ? '{' : ',', JSON.stringify(name), ':')
    if (!write(member, parts, depthLeft)) return false
  }
  parts.push(members.length === 0 ? '{}' : '}')
  return true
}
