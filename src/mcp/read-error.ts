/** The error of a JSON-RPC response, as far as it is read (JSON-RPC 2.0 §5.1). */

import type { ErrorAnswer } from '../core/message.ts'
import type { Slot } from './json-shape.ts'

/** How much of an error's message is kept, in bytes of UTF-8. */
const MESSAGE_BYTES_MAX = 256

export function readError(code: Slot | undefined, message: Slot | undefined): ErrorAnswer {
  const number = Number(code?.raw)
  const text = message?.text()
  return {
    code: code?.raw === undefined || !Number.isInteger(number) ? undefined : number,
    message: text === undefined ? undefined : cut(text, MESSAGE_BYTES_MAX),
  }
}

/** The text's first bytes, up to a whole character. */
function cut(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text, 'utf8')
  if (bytes.length <= bytesMax) return text
  let end = bytesMax
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return bytes.toString('utf8', 0, end)
}
