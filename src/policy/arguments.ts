/** Reads the arguments of a call for conditions: within bounds, and only when every parser reads them alike. */

import { readUnambiguous } from '../core/unambiguous-json.ts'

/** What is larger has no arguments for conditions, so that rules that ask for them do not allow. */
export const ARGUMENTS_MAX = { charsMax: 64 * 1024, depthMax: 16, entriesMax: 1_000 }

/** The arguments; undefined when they are no object, ambiguous, or beyond the bounds. */
export function readArguments(text: string): Readonly<Record<string, unknown>> | undefined {
  const value = readUnambiguous(text, ARGUMENTS_MAX)
  return isRecord(value) ? value : undefined
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
