/** Replaces a few spans of a message's bytes and leaves every other byte as it is. */

export interface Edit {
  readonly start: number
  /** Equal to `start` for an insertion. */
  readonly end: number
  readonly text: string
}

/** The bytes with a text put in at `at`. */
export function insertText(bytes: Buffer, at: number, text: string): Buffer {
  return replaceText(bytes, at, at, text)
}

/** The bytes with a text in the place of those from `start` to `end`. */
export function replaceText(bytes: Buffer, start: number, end: number, text: string): Buffer {
  const length = Buffer.byteLength(text)
  const edited = Buffer.allocUnsafe(bytes.length - (end - start) + length)
  bytes.copy(edited, 0, 0, start)
  edited.write(text, start)
  bytes.copy(edited, start + length, end)
  return edited
}

/** The bytes with the edits made, which must not overlap; the same buffer when there are none. */
export function applyEdits(bytes: Buffer, edits: readonly Edit[]): Buffer {
  if (edits.length === 0) return bytes
  let { length } = bytes
  for (const { start, end, text } of edits) length += Buffer.byteLength(text) - (end - start)
  const edited = Buffer.allocUnsafe(length)
  let from = 0
  let at = 0
  for (const { start, end, text } of edits.toSorted((a, b) => a.start - b.start)) {
    at += bytes.copy(edited, at, from, start)
    at += edited.write(text, at)
    from = end
  }
  bytes.copy(edited, at, from)
  return edited
}
