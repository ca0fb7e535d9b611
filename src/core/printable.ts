/** Text from elsewhere, made safe to show: what steers a terminal or hides from a reader is replaced. */

/** Control, format, surrogate and private characters, and the line breaks of Unicode. */
const UNPRINTABLE = /[\p{C}\u2028\u2029]/gu

/** At most `charsMax` characters, each of which can be seen or is a space. */
export function printable(text: string, charsMax = Infinity): string {
  const shown = text.replaceAll(UNPRINTABLE, '?')
  return shown.length <= charsMax ? shown : `${shown.slice(0, Math.max(0, charsMax - 1))}…`
}
