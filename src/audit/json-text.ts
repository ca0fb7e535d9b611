/** Parts of records as the JSON text that stands in the log. */

import type { AuditValue } from '../core/audit.ts'

/** Texts of which JSON is the text itself in quotes. */
const PLAIN = /^[ !#-[\]-~]*$/

export function quote(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : printable(JSON.stringify(text))
}

/**
 * A text for `ByteText.ascii`, to be kept: a character for each byte of UTF-8. Buffers of a few bytes are not
 * to be kept, for each holds all of the 64 KiB that it shares with others.
 */
export function bytesText(text: string): string {
  return Buffer.from(text).toString('latin1')
}

/** A member with a comma before it; nothing when it is undefined. */
export function member(name: string, text: string | undefined): string {
  return text === undefined ? '' : `,"${name}":${quote(text)}`
}

/** The members of an object, each with a comma before it. */
export function membersText(body: Readonly<Record<string, AuditValue>>): string {
  const json = printable(JSON.stringify(body))
  return json === '{}' ? '' : `,${json.slice(1, -1)}`
}

/** JSON may hold these as they are, and terminals and line readers act on them. */
export function printable(json: string): string {
  return json.replaceAll(
    /[\u007f-\u009f\u2028\u2029]/g,
    (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  )
}
