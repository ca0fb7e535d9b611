/** What HTTP/1.1 allows where, as far as requests are read and replies are written here. */

/** Characters of a token (RFC 9110 §5.6.2), and of a value with obs-text (§5.5), for a class of a pattern. */
const IN_TOKEN = "!#$%&'*+.^_`|~0-9A-Za-z-"
const IN_VALUE = '\\t\\u0020-\\u007e\\u0080-\\u00ff'
/** Of a target that stands there as it is meant: no fragment, no other form (RFC 9112 §3.2). */
const IN_TARGET = '!$-;=?-Z_a-z~'

export const TOKEN = new RegExp(`^[${IN_TOKEN}]+$`)
export const ODD_IN_VALUE = new RegExp(`[^${IN_VALUE}]`)

/** A path and a query. */
export const TARGET = new RegExp(`^/[${IN_TARGET}]*$`)

/** The first line of a POST and whole ones behind it, and one that is not yet whole. */
export const BEGINNING_OF_POST = new RegExp(
  `^POST /[${IN_TARGET}]* HTTP/1\\.1\\r\\n(?:[${IN_TOKEN}]+:[${IN_VALUE}]*\\r\\n)*` +
    `(?:[${IN_TOKEN}]*|[${IN_TOKEN}]+:[${IN_VALUE}]*\\r?|\\r)$`,
)

/** A reason phrase that Node would send; it means nothing to clients, so an odd one is left out. */
export function printable(statusMessage: string): string {
  return ODD_IN_VALUE.test(statusMessage) ? '' : statusMessage
}

/** A body or a piece of at most this size is sent in one write with what stands before it; copying costs less. */
export const ONE_WRITE_BYTES_MAX = 16 * 1024

/** Idle client connections are kept longer than common clients keep theirs, so that they close first. */
export const KEEP_ALIVE_MS = 65_000
