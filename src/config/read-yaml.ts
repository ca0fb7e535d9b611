/** YAML as values, and where each of them stands in the file. */

import { isMap, isNode, isScalar, LineCounter, parseDocument, type Document } from 'yaml'

export interface ConfigProblem {
  /** Path of keys such as `upstreams.weather.url`; empty for the file as a whole. */
  readonly path: string
  /** 1-based; undefined when the configuration came from flags. */
  readonly line: number | undefined
  readonly message: string
}

export interface Invalid {
  readonly kind: 'invalid'
  readonly problems: readonly ConfigProblem[]
}

/** The line of the key at a path, or of the nearest that is there of those above it. */
export type LineAt = (path: readonly PropertyKey[]) => number | undefined

/** Most aliases that a file may expand to, against files that explode when they are read. */
const ALIASES_MAX = 100

/** `expand` may change the nodes before they become values, and reports what is wrong with them. */
export function readYaml(
  source: string,
  expand: (
    contents: unknown,
    report: (path: string, offset: number | undefined, message: string) => void,
  ) => void,
): { readonly kind: 'value'; readonly value: unknown; readonly lineAt: LineAt } | Invalid {
  const lines = new LineCounter()
  const document = parseDocument(source, {
    lineCounter: lines,
    uniqueKeys: true,
    prettyErrors: false,
  })
  const lineOf = (offset: number | undefined): number | undefined =>
    offset === undefined ? undefined : lines.linePos(offset).line
  const faults = [...document.errors, ...document.warnings]
  if (faults.length > 0) {
    return {
      kind: 'invalid',
      problems: faults.map((error) => ({
        path: '',
        line: lineOf(error.pos[0]),
        message: describeYamlError(error.code, error.message),
      })),
    }
  }
  const problems: ConfigProblem[] = []
  expand(document.contents, (path, offset, message) =>
    problems.push({ path, line: lineOf(offset), message }),
  )
  if (problems.length > 0) return { kind: 'invalid', problems }
  const value = toValue(document)
  if (value instanceof Error) {
    const message = describeYamlError('', value.message)
    return { kind: 'invalid', problems: [{ path: '', line: undefined, message }] }
  }
  return { kind: 'value', value, lineAt: (path) => lineOf(offsetOf(document, path)) }
}

/** The document as plain values; an error for aliases that lead nowhere or explode. */
function toValue(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX })
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

function describeYamlError(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'this key stands here twice; keep one'
  return `this is not valid YAML: ${message.split('\n', 1)[0] ?? code}`
}

/** Where the key at a path stands in the file, or the nearest that is there of those above it. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number | undefined {
  for (let length = path.length; length > 0; length -= 1) {
    const offset = keyOffset(document, path.slice(0, length))
    if (offset !== undefined) return offset
  }
  return undefined
}

function keyOffset(document: Document, path: readonly PropertyKey[]): number | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true)
  const last = path.at(-1)
  if (isMap(parent)) {
    const pair = parent.items.find(({ key }) => isScalar(key) && String(key.value) === last)
    if (isScalar(pair?.key)) return pair.key.range?.[0]
  }
  const node = document.getIn(path, true)
  return isNode(node) ? node.range?.[0] : undefined
}
