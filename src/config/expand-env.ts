/** `${NAME}` references to environment variables in the texts of a configuration file. */

import { isMap, isScalar, isSeq, Scalar } from 'yaml'

export type Env = Readonly<Record<string, string | undefined>>

/** Told of each reference that cannot be resolved; `offset` is that of the text in the file. */
export type Report = (path: string, offset: number | undefined, message: string) => void

/**
 * Replaces `${NAME}`, `${NAME:-default}`, and `$${` by a literal `${`, in place. A text without
 * quotes that becomes a number or a truth value counts as one.
 */
export function expandEnv(node: unknown, path: readonly string[], env: Env, report: Report): void {
  if (isMap(node)) {
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '?'
      expandEnv(pair.value, [...path, key], env, report)
    }
  } else if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) {
      expandEnv(item, [...path, String(index)], env, report)
    }
  } else if (isScalar(node) && typeof node.value === 'string' && node.value.includes('${')) {
    const offset = node.range?.[0]
    const text = expandText(node.value, env, (message) => report(path.join('.'), offset, message))
    node.value = node.type === Scalar.PLAIN ? plainValue(text) : text
  }
}

function expandText(text: string, env: Env, problem: (message: string) => void): string {
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

function plainValue(text: string): string | number | boolean {
  if (/^-?\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text)
  return text === 'true' || (text !== 'false' && text)
}
