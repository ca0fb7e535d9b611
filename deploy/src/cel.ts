/** JSON Patches in the dialect of CEL that Kubernetes' MutatingAdmissionPolicy evaluates. */

/** Begins a text that is CEL itself, where a manifest has a plain value. */
const RAW = 'cel:'

/** A piece of CEL in place of a value. */
export const asCel = (expression: string): string => `${RAW}${expression}`

export interface AddOperation {
  /** JSON Pointer. */
  readonly path: string
  readonly value: unknown
}

/** Fields whose members have names of their own; all others are fields of a type. */
const MAPS = new Set(['labels', 'annotations', 'requests', 'limits'])

/** Lines that would be longer are broken. */
const WIDTH = 100

/** `JSONPatch{...}` that adds. */
export function addOperation({ path, value }: AddOperation, indent = ''): string {
  const inner = toCel(value, typeAt(path), indent)
  return `JSONPatch{op: "add", path: ${literal(path)}, value: ${inner}}`
}

/**
 * A value as CEL. Maps of CEL hold values of one type, so whatever has fields is written as an object of the
 * type at its place, such as `Object.spec.volumes.emptyDir`.
 */
export function toCel(value: unknown, type: string, indent = ''): string {
  if (typeof value === 'string') {
    return value.startsWith(RAW) ? value.slice(RAW.length) : literal(value)
  }
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const inside = `${indent}  `
  if (Array.isArray(value)) {
    const items = value.map((item) => toCel(item, type, inside))
    return enclose(['[', ']'], items, indent)
  }
  if (typeof value !== 'object' || value === null) throw new Error(`no CEL for ${String(value)}`)
  const isMap = MAPS.has(type.slice(type.lastIndexOf('.') + 1))
  const members = Object.entries(value).map(([name, member]) => {
    const key = isMap ? literal(name) : name
    return `${key}: ${toCel(member, `${type}.${name}`, inside)}`
  })
  return enclose([`${isMap ? '' : type}{`, '}'], members, indent)
}

/** On one line where that has room, or on a line each. */
export function enclose(
  [open, close]: readonly [string, string],
  parts: readonly string[],
  indent: string,
): string {
  const line = `${open}${parts.join(', ')}${close}`
  if (!line.includes('\n') && indent.length + line.length <= WIDTH) return line
  const lines = parts.map((part) => `\n${indent}  ${part}`)
  return `${open}${lines.join(',')}\n${indent}${close}`
}

/** Places in lists have the type of the list: `/spec/volumes/-` is an `Object.spec.volumes`. */
function typeAt(path: string): string {
  const fields = path
    .split('/')
    .filter((part) => part !== '' && part !== '-' && !/^\d+$/.test(part))
  return ['Object', ...fields].join('.')
}

/** JSON's texts are CEL's too. */
const literal = (text: string): string => JSON.stringify(text)
