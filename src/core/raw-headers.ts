/** Headers as a list of names and values in turn, as they came. */

/** A header's value in a list of names and values in turn. */
export function findHeader(rawHeaders: readonly string[], name: string): string | undefined {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (isHeader(rawHeaders[i] ?? '', name)) return rawHeaders[i + 1]
  }
  return undefined
}

/** How often a header stands there; `name` is in lower case. */
export function countOf(rawHeaders: readonly string[], name: string): number {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (isHeader(rawHeaders[i] ?? '', name)) count += 1
  }
  return count
}

/** True for a name that is spelled as the other, which is in lower case, but for its case (RFC 9110 §5.1). */
export function isHeader(spelled: string, name: string): boolean {
  if (spelled.length !== name.length) return false
  for (let i = 0; i < name.length; i += 1) {
    const code = spelled.charCodeAt(i)
    const lower = code >= UPPER_A && code <= UPPER_Z ? code + TO_LOWER : code
    if (lower !== name.charCodeAt(i)) return false
  }
  return true
}

const UPPER_A = 0x41
const UPPER_Z = 0x5a
const TO_LOWER = 0x20
