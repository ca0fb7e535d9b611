/**
 * Node's own modules, by `process.getBuiltinModule`. An import statement evaluates every export of such a
 * module, the lazy ones too: with `node:http` it loads Node's whole copy of undici for the sake of a name
 * that nobody uses, which takes 4 MB and 25 ms.
 */

import type { Plugin } from 'esbuild'

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

function namesOf(name: string): readonly string[] {
  const names = Object.keys(process.getBuiltinModule(name) ?? {})
  return names.filter((key) => key !== 'default' && /^[A-Za-z_$][\w$]*$/.test(key))
}

/** What OpenTelemetry's exporters take of `import('http')`, of which nothing can vanish. */
const TAKEN = ['Agent', 'request']

const fullName = (name: string): string => (name.startsWith('node:') ? name : `node:${name}`)

export const lazyBuiltins: Plugin = {
  name: 'lazy-builtins',
  setup(build) {
    build.onResolve({ filter: /./ }, ({ path, kind }) => {
      if (kind !== 'import-statement' || process.getBuiltinModule(path) === undefined)
        return undefined
      return { path: fullName(path), namespace: 'builtin', sideEffects: false }
    })
    build.onResolve({ filter: /^(?:node:)?https?$/ }, ({ path, kind }) =>
      kind === 'dynamic-import' ? { path: fullName(path), namespace: 'taken' } : undefined,
    )
    build.onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      contents: moduleOf(path, namesOf(path)),
    }))
    build.onLoad({ filter: /./, namespace: 'taken' }, ({ path }) => ({
      contents: moduleOf(path, TAKEN),
    }))
  },
}
