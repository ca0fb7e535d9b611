/** Durations, sizes and addresses of a checked configuration as numbers; a failure is a defect. */

import { parseAddress, parseDuration, parseSize, type ListenAddress } from '../config/units.ts'

export function durationOf(text: string): number {
  return certain(parseDuration(text), text)
}

/** A duration, or `Infinity` for `off`. */
export function limitOf(text: string): number {
  return text === 'off' ? Infinity : durationOf(text)
}

export function sizeOf(text: string): number {
  return certain(parseSize(text), text)
}

export function addressOf(text: string): ListenAddress {
  return certain(parseAddress(text), text)
}

function certain<T>(value: T | undefined, text: string): T {
  if (value === undefined) throw new Error(`unchecked configuration value ${JSON.stringify(text)}`)
  return value
}
