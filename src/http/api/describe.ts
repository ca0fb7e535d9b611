/** How the meaning of a value stands in the OpenAPI document, and the kinds of numbers there are. */

import * as z from 'zod/mini'

export const apiDescriptions = z.registry<{ description?: string; id?: string }>()

export function about<T extends z.core.$ZodType>(schema: T, description: string): T {
  // A copy: one kind of number means different things in different places.
  const own = z.clone(schema)
  const id = apiDescriptions.get(schema)?.id
  // What has a name is referred to, and says what it is there.
  if (id !== undefined) return schema
  apiDescriptions.add(own, { description })
  return own
}

/** A schema that other ones refer to by name. */
export function named<T extends z.core.$ZodType>(id: string, schema: T, description: string): T {
  apiDescriptions.add(schema, { id, description })
  return schema
}

export const count = z.int().check(z.gte(0))
/** A duration in milliseconds. */
export const ms = z.number().check(z.gte(0))
/** Milliseconds since the Unix epoch. */
export const instant = z.number()
export const ratio = z.number().check(z.gte(0), z.lte(1))
