/** Which characters may stand where in HTTP/1.1: 1 in a table of 256 says yes. */

export const CR = 13
export const LF = 10
export const COLON = 58
export const SPACE = 32
export const TAB = 9

/** In a method, and in the name of a header (RFC 9110 §5.6.2 "token"). */
export const IN_TOKEN: Uint8Array = tableOf((code) =>
  /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCodePoint(code)),
)

/** In the value of a header (RFC 9110 §5.5), bytes above ASCII too: nothing that ends a line, no NUL. */
export const IN_VALUE: Uint8Array = tableOf(
  (code) => code === TAB || (code >= SPACE && code !== 0x7f),
)

/** In the target of a request: what is seen, without white space (RFC 9112 §3). */
export const IN_TARGET: Uint8Array = tableOf((code) => code > SPACE && code !== 0x7f)

/** True for a text whose characters all are in the table; characters above U+00FF never are. */
export function consistsOf(table: Uint8Array, text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    if (table[text.charCodeAt(at)] !== 1) return false
  }
  return true
}

function tableOf(holds: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => Number(holds(code)))
}
