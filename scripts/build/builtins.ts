/**
 * Node's own modules, by `process.getBuiltinModule`. An import statement evaluates every export of such a
 * module, the lazy ones too: with `node:http` it loads Node's whole copy of undici for the sake of a name
 * that nobody uses, which takes 4 MB and 25 ms.
 */

import { relative } from 'node:path'
import type { Plugin } from 'esbuild'

/**
 * What most sidecars never use is loaded when the first of its functions is called: `node:tls` takes 2 to 5 MB,
 * most of it pages of Node's program that nothing else touches.
 */
const UNTIL_CALLED: ReadonlySet<string> = new Set(['node:https', 'node:sqlite', 'node:tls'])

/** What is imported by name is looked up once; all other names vanish with what else nobody uses. */
function moduleOf(name: string, names: readonly string[]): string {
  return [
    `const found = process.getBuiltinModule(${JSON.stringify(name)})`,
    'export default found',
    ...names.map(
      (key, index) =>
        `const v${index} = /* @__PURE__ */ (() => found.${key})()\nexport { v${index} as ${key} }`,
    ),
  ].join('\n')
}

/** For functions, and classes that nobody extends. */
function moduleUntilCalled(name: string, names: readonly string[]): string {
  const module = `process.getBuiltinModule(${JSON.stringify(name)})`
  return names
    .map(
      (key, index) => `function v${index}(...given) {
  const { ${key}: found } = ${module}
  return new.target === undefined ? found(...given) : Reflect.construct(found, given)
}
export { v${index} as ${key} }`,
    )
    .join('\n')
}

function namesOf(name: string): readonly string[] {
  const names = Object.keys(process.getBuiltinModule(name) ?? {})
  return names.filter((key) => key !== 'default' && /^[A-Za-z_$][\w$]*$/.test(key))
}

/** What OpenTelemetry's exporters take of `import('http')`, of which nothing can vanish. */
const TAKEN = ['Agent', 'request']

const fullName = (name: string): string => (name.startsWith('node:') ? name : `node:${name}`)

/** Where the modules of this file are: of no package. */
const BUILTIN = 'builtin'

export const isBuiltin = (input: string): boolean => input.startsWith(`${BUILTIN}:`)

export const lazyBuiltins: Plugin = {
  name: 'lazy-builtins',
  setup(build) {
    build.onResolve({ filter: /./ }, ({ path, kind, importer }) => {
      if (kind !== 'import-statement' || process.getBuiltinModule(path) === undefined)
        return undefined
      const name = fullName(path)
      // Each importer has its own: what several share would be a file, and be read, for the sake of a line.
      return { path: `${name}?${relative('.', importer)}`, namespace: BUILTIN, sideEffects: false }
    })
    build.onResolve({ filter: /^(?:node:)?https?$/ }, ({ path, kind }) =>
      kind === 'dynamic-import' ? { path: fullName(path), namespace: 'taken' } : undefined,
    )
    build.onLoad({ filter: /./, namespace: BUILTIN }, ({ path }) => {
      const [name = ''] = path.split('?', 1)
      const write = UNTIL_CALLED.has(name) ? moduleUntilCalled : moduleOf
      return { contents: write(name, namesOf(name)) }
    })
    build.onLoad({ filter: /./, namespace: 'taken' }, ({ path }) => ({
      contents: moduleOf(path, TAKEN),
    }))
  },
}
