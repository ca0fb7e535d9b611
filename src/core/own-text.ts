/** Texts that are kept. */

/**
 * The same text with characters of its own. One that was cut out of another keeps all of that in memory: a value
 * of a header the head of its request, with what is secret in it.
 */
export function ownText(text: string): string {
  return Buffer.from(text).toString()
}
