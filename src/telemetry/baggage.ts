/** W3C Baggage: which of a caller's entries go on to upstreams. */

/** Longest baggage that is read (W3C Baggage §3.3.2); of a longer one nothing goes on. */
const BAGGAGE_CHARS_MAX = 8_192
const MEMBERS_MAX = 64

/** A member: a token, `=`, and what may follow in a header (W3C Baggage §3.3.1). */
const MEMBER = /^([!#$%&'*+.^_`|~0-9a-z-]+)[ \t]*=[\t\x20-\x7e]*$/i

/**
 * The members whose names are allowed, each as it was written, in order; empty when there are none.
 * Returns the same text when all are.
 */
export function filterBaggage(text: string, allowed: ReadonlySet<string>): string {
  if (allowed.size === 0 || text.length > BAGGAGE_CHARS_MAX) return ''
  const members = text.split(',', MEMBERS_MAX + 1)
  if (members.length > MEMBERS_MAX) return ''
  const kept = members.filter((member) => {
    const name = MEMBER.exec(member.trim())?.[1]
    return name !== undefined && allowed.has(name)
  })
  return kept.length === members.length ? text : kept.map((member) => member.trim()).join(',')
}
