/** `${NAME}` references to environment variables in the texts of a configuration file. */

import { isMap, isScalar, isSeq } from 'yaml'

export type Env = Readonly<Record<string, string | undefined>>

/** Told of each reference that cannot be resolved; `offset` is that of the text in the file. */
export type Report = (path: string, offset: number | undefined, message: string) => void

export interface Expansion {
  readonly env: Env
  readonly report: Report
  /** The JSON Schema type that is expected at a path, when one is known. */
  readonly typeAt: (path: readonly string[]) => string | undefined
}

/**
 * Replaces `${NAME}`, `${NAME:-default}`, and `$${` by a literal `${`, in place. What stands where a
 * number or a truth value is expected becomes one; everywhere else it stays text.
 */
export function expandEnv(node: unknown, path: readonly string[], how: Expansion): void {
  if (isMap(node)) {
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '?'
      expandEnv(pair.value, [...path, key], how)
    }
  } else if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) {
      expandEnv(item, [...path, String(index)], how)
    }
  } else if (isScalar(node) && typeof node.value === 'string' && node.value.includes('${')) {
    const offset = node.range?.[0]
    const text = expandText(node.value, how.env, (message) =>
      how.report(path.join('.'), offset, message),
    )
    node.value = toType(text, how.typeAt(path))
  }
}

/** The text with its references replaced; `problem` is told of those that cannot be. */
export function expandText(text: string, env: Env, problem: (message: string) => void): string {
  return text.replaceAll(
    /\$\$\{|\$\{([^}]*)(\}?)/g,
    (match, inner: string | undefined, end: string) => {
      if (inner === undefined) return match.slice(1)
      const reference = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/.exec(inner)
      const [, name, otherwise] = reference ?? []
      if (name === undefined || end === '') {
        problem('expected ${NAME} or ${NAME:-default}; write $${ for a literal ${')
        return ''
      }
      const value = env[name]
      if (value !== undefined && value !== '') return value
      if (otherwise === undefined) {
        problem(
          `the environment variable ${name} is not set; set it, or give a default as in \${${name}:-value}`,
        )
      }
      return otherwise ?? ''
    },
  )
}

function toType(text: string, type: string | undefined): string | number | boolean {
  if (type === 'integer' && /^-?\d+$/.test(text)) return Number(text)
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}
