/** Names with `*` for any characters. */

/** The pieces between the stars in their order; no backtracking is needed. */
export function matchesGlob(glob: string, name: string): boolean {
  const [first = '', ...others] = glob.split('*')
  if (others.length === 0) return glob === name
  if (!name.startsWith(first)) return false
  const last = others.pop() ?? ''
  let at = first.length
  for (const piece of others) {
    const found = name.indexOf(piece, at)
    if (found < 0) return false
    at = found + piece.length
  }
  return name.length - last.length >= at && name.endsWith(last)
}
