/** The kinds of values that stand in a configuration, and how their meaning is written down. */

import * as z from 'zod/mini'
import { parseAddress, parseDuration, parseSize } from './units.ts'

/** What each key is for; read by the documentation and the JSON Schema. */
export const descriptions = z.registry<{ description: string }>()

export function about<T extends z.core.$ZodType>(schema: T, description: string): T {
  // A schema that several keys share is described differently at each.
  const own = z.clone(schema)
  descriptions.add(own, { description })
  return own
}

export const text = (expected: string, accepts: (value: string) => boolean): z.ZodMiniString =>
  z
    .string({ error: `expected ${expected}` })
    .check(z.refine((value) => accepts(value), { error: `expected ${expected}` }))

/** The longest wait that a timer can hold. */
const DURATION_MS_MAX = 2 ** 31 - 1

export const duration = text(
  'a duration such as 30s or 500ms, at most 24d',
  (value) => (parseDuration(value) ?? Infinity) <= DURATION_MS_MAX,
)
export const size = text('a size such as 16MiB or 64KiB', (value) => parseSize(value) !== undefined)
export const wait = text(
  'a duration such as 30s or 500ms, more than 0 and at most 24d',
  (value) => {
    const ms = parseDuration(value) ?? 0
    return ms > 0 && ms <= DURATION_MS_MAX
  },
)
/** A limit that can be left out. */
export const limit = z.union([z.literal('off'), wait], {
  error: 'expected a duration such as 30s or 500ms, more than 0 and at most 24d, or off',
})
export const count = z.int().check(z.gte(1))
export const countOrNone = z.int().check(z.gte(0))
export const address = text(
  'an address such as 127.0.0.1:8420',
  (value) => parseAddress(value) !== undefined,
)

export const glob = text('a name, with * for any characters', (value) =>
  /^[^\s]{1,128}$/.test(value),
)
