/** Names with `*` for any characters. */

/** Made once for a glob that many names are held against. */
export function compileGlob(glob: string): (name: string) => boolean {
  const [first = '', ...others] = glob.split('*')
  if (others.length === 0) return (name) => name === glob
  const last = others.pop() ?? ''
  // The pieces between the stars in their order; no backtracking is needed.
  return (name) => {
    if (!name.startsWith(first)) return false
    let at = first.length
    for (const piece of others) {
      const found = name.indexOf(piece, at)
      if (found < 0) return false
      at = found + piece.length
    }
    return name.length - last.length >= at && name.endsWith(last)
  }
}

export function matchesGlob(glob: string, name: string): boolean {
  return compileGlob(glob)(name)
}
