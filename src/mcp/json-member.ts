/** Reads values whose shape nobody has checked. For small, rare texts: bodies of calls are scanned. */

/** The value of a JSON text; undefined when it is none. */
export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

/** An own member of an object; undefined when there is none such, or no object. */
export function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.getOwnPropertyDescriptor(value, key)?.value
}
