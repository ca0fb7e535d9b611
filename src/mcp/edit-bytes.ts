/** Replaces a few spans of a message's bytes and leaves every other byte as it is. */

export interface Edit {
  readonly start: number
  /** Equal to `start` for an insertion. */
  readonly end: number
  readonly text: string
}

/** The bytes with the edits made, which must not overlap; the same buffer when there are none. */
export function applyEdits(bytes: Buffer, edits: readonly Edit[]): Buffer {
  if (edits.length === 0) return bytes
  const pieces: Buffer[] = []
  let at = 0
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    pieces.push(bytes.subarray(at, edit.start), Buffer.from(edit.text, 'utf8'))
    at = edit.end
  }
  pieces.push(bytes.subarray(at))
  return Buffer.concat(pieces)
}
