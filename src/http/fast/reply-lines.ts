/** The header lines of replies. Replies that follow one another mostly have the same, which are made once. */

import { ODD_IN_VALUE, TOKEN } from '../http-text.ts'

/** `length` of a body whose length is not known before its end. */
export const UNKNOWN = -1

const LENGTH = /^\d{1,15}$/

export class ReplyLines {
  #rawHeaders: readonly string[] = []
  /** Each line with its end, as Latin-1. */
  text = ''
  /** The body's Content-Length, or `UNKNOWN`. */
  length = UNKNOWN

  /** Makes the lines of these names and values in turn. Throws when Node would not send them either. */
  make(rawHeaders: readonly string[]): void {
    if (isEqual(rawHeaders, this.#rawHeaders)) return
    const text = linesOf(rawHeaders)
    this.length = lengthIn(rawHeaders)
    this.text = text
    this.#rawHeaders = [...rawHeaders]
  }
}

function isEqual(some: readonly string[], others: readonly string[]): boolean {
  if (some.length !== others.length) return false
  for (let i = 0; i < some.length; i += 1) if (some[i] !== others[i]) return false
  return true
}

function linesOf(rawHeaders: readonly string[]): string {
  let lines = ''
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    const value = rawHeaders[i + 1] ?? ''
    if (!TOKEN.test(name) || ODD_IN_VALUE.test(value)) throw new TypeError('unsendable header')
    lines += name + ': ' + value + '\r\n'
  }
  return lines
}

function lengthIn(rawHeaders: readonly string[]): number {
  let length = UNKNOWN
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    if (name.length !== 14 || name.toLowerCase() !== 'content-length') continue
    const value = rawHeaders[i + 1] ?? ''
    if (length !== UNKNOWN || !LENGTH.test(value)) throw new TypeError('unsendable length')
    length = Number(value)
  }
  return length
}
