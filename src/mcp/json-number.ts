/** The grammar of JSON numbers (RFC 8259 §6), one byte at a time. */

const AFTER_MINUS = 0
const AFTER_ZERO = 1
const IN_INTEGER = 2
const AFTER_DOT = 3
const IN_FRACTION = 4
const AFTER_E = 5
const AFTER_E_SIGN = 6
const IN_EXPONENT = 7

const MAY_END: readonly boolean[] = [false, true, true, false, true, false, false, true]
const TAKES_DOT: readonly boolean[] = [false, true, true, false, false, false, false, false]
const TAKES_E: readonly boolean[] = [false, true, true, false, true, false, false, false]
/** Where a digit leads; a digit after a leading zero leads nowhere. */
const DIGIT_LEADS_TO: readonly number[] = [
  IN_INTEGER,
  -1,
  IN_INTEGER,
  IN_FRACTION,
  IN_FRACTION,
  IN_EXPONENT,
  IN_EXPONENT,
  IN_EXPONENT,
]

const MINUS = 0x2d
const PLUS = 0x2b
const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const LOWER_E = 0x65
const UPPER_E = 0x45

export function isDigit(c: number): boolean {
  return c >= ZERO && c <= NINE
}

/** The position after a number's first byte, or -1 when no number begins with it. */
export function numberStart(c: number): number {
  if (c === MINUS) return AFTER_MINUS
  if (c === ZERO) return AFTER_ZERO
  return isDigit(c) ? IN_INTEGER : -1
}

/** The next position inside a number, or -1 when `c` does not go on with it. */
export function numberStep(at: number, c: number): number {
  if (isDigit(c)) return digitStep(at, c)
  if (c === DOT) return TAKES_DOT[at] === true ? AFTER_DOT : -1
  if (c === LOWER_E || c === UPPER_E) return TAKES_E[at] === true ? AFTER_E : -1
  return (c === PLUS || c === MINUS) && at === AFTER_E ? AFTER_E_SIGN : -1
}

function digitStep(at: number, c: number): number {
  if (at === AFTER_MINUS && c === ZERO) return AFTER_ZERO
  return DIGIT_LEADS_TO[at] ?? -1
}

export function numberMayEnd(at: number): boolean {
  return MAY_END[at] === true
}
