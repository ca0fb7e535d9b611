/** Ids of JSON-RPC messages: how each is spelled, and what it is. */

import type { JsonRpcId } from '../core/message.ts'
import { isDigit } from './json-number.ts'
import type { Slot } from './json-shape.ts'
import { ID_BYTES_MAX } from './shapes.ts'

/** The id, undefined when there is none, or what is wrong with it. */
export function readId(slot: Slot): JsonRpcId | undefined | string {
  if (slot.type === 'none') return undefined
  if (slot.type === 'null') return { raw: 'null', key: 'null' }
  if (slot.type !== 'number' && slot.type !== 'string') return '"id" must be a string or a number'
  if (slot.raw === undefined) return `"id" is longer than ${ID_BYTES_MAX} bytes`
  if (slot.type === 'number') return { raw: slot.raw, key: numberKey(slot.raw) }
  const text = slot.text()
  return text === undefined ? '"id" is no valid string' : { raw: slot.raw, key: `s${text}` }
}

/** The same for all spellings of a number; a whole number as usual is its own. */
function numberKey(raw: string): string {
  return isPlainInteger(raw) ? `n${raw}` : `n${Number(raw)}`
}

/** Up to 15 digits, which every number of JavaScript holds. */
function isPlainInteger(raw: string): boolean {
  if (raw.length > 15 || (raw.length > 1 && raw.startsWith('0'))) return false
  for (let i = 0; i < raw.length; i += 1) if (!isDigit(raw.charCodeAt(i))) return false
  return true
}
