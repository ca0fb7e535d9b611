/**
 * Reads JSON that every parser reads alike: a member that stands there twice, or in another case, is
 * one value to some parsers and another to others, so such a text has none.
 */

export interface JsonBounds {
  readonly charsMax: number
  readonly depthMax: number
  /** Most members of one object or items of one array. */
  readonly entriesMax: number
}

/** Strings, brackets, colons and commas; what else there is between them does not matter here. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gsu

/** The value; undefined when the text is no JSON, ambiguous, or beyond the bounds. */
export function readUnambiguous(text: string, bounds: JsonBounds): unknown {
  if (text.length > bounds.charsMax || !isUnambiguous(text, bounds)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

interface Level {
  readonly names: Set<string> | undefined
  entries: number
}

function isUnambiguous(text: string, bounds: JsonBounds): boolean {
  const levels: Level[] = []
  let string = ''
  for (const [token] of text.matchAll(TOKEN)) {
    if (token.startsWith('"')) string = token
    else if (!step(token, string, levels, bounds)) return false
  }
  return true
}

/** Goes on by one token that is no string; `string` is the one before it. False ends the reading. */
function step(token: string, string: string, levels: Level[], bounds: JsonBounds): boolean {
  const level = levels.at(-1)
  switch (token) {
    case '{':
    case '[':
      levels.push({ names: token === '{' ? new Set() : undefined, entries: 1 })
      return levels.length <= bounds.depthMax
    case '}':
    case ']':
      levels.pop()
      return true
    case ':':
      return level?.names === undefined || addName(level.names, string)
    default:
      if (level !== undefined) level.entries += 1
      return (level?.entries ?? 0) <= bounds.entriesMax
  }
}

/** False when it is there. */
function addName(names: Set<string>, token: string): boolean {
  let name: unknown
  try {
    name = JSON.parse(token)
  } catch {
    return false
  }
  const folded = foldMember(String(name))
  if (names.has(folded)) return false
  names.add(folded)
  return true
}

/** Equal for names of members that parsers without regard to case take for equal (as Go's does). */
export function foldMember(name: string): string {
  return name.toLowerCase().replaceAll('\u017f', 's')
}
