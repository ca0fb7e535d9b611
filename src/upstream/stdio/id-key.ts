/** Ids of requests as what is under way is found by. */

import { isDigit } from '../../mcp/json-number.ts'

/** A whole number as itself, every other id as its key. */
export type IdKey = number | string

const LOWER_N = 0x6e
const ZERO = 0x30
/** With so many digits, and the letter in front, a key still is a number that nothing else rounds to. */
const LENGTH_MAX = 16

/**
 * Of a key as `readId` makes it. A map finds a text by looking it up in the table of all texts first, which
 * takes longer than all else that a session does with a call.
 */
export function idKeyOf(key: string): IdKey {
  const { length } = key
  if (length > LENGTH_MAX || length < 2 || key.charCodeAt(0) !== LOWER_N) return key
  let value = 0
  for (let i = 1; i < length; i += 1) {
    const c = key.charCodeAt(i)
    if (!isDigit(c)) return key
    value = value * 10 + c - ZERO
  }
  return value
}
