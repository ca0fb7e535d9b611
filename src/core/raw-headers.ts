/** Headers as a list of names and values in turn, as they came. */

/** A header's value in a list of names and values in turn. */
export function findHeader(rawHeaders: readonly string[], name: string): string | undefined {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const key = rawHeaders[i] ?? ''
    if (key.length === name.length && key.toLowerCase() === name) return rawHeaders[i + 1]
  }
  return undefined
}
