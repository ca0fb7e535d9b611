/** The import rules of ARCHITECTURE.md, as a test. A new arrow is a decision: change both. */

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'

/** Layer → layers it may import besides itself. `pipeline` may import its stages' types only. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  config: ['core'],
  mcp: ['core'],
  auth: ['core'],
  policy: ['core'],
  audit: ['core'],
  insight: ['core'],
  resilience: ['core'],
  telemetry: ['core'],
  upstream: ['core', 'mcp', 'resilience'],
  pipeline: ['core'],
  http: ['core', 'pipeline'],
  ui: [],
  stdio: ['core', 'mcp', 'pipeline'],
  cli: [
    'core',
    'config',
    'mcp',
    'auth',
    'policy',
    'audit',
    'insight',
    'resilience',
    'telemetry',
    'upstream',
    'pipeline',
    'http',
    'stdio',
    'ui',
  ],
}

const MAY_IMPORT_TYPES: Readonly<Record<string, readonly string[]>> = {
  pipeline: ['resilience', 'upstream'],
  http: ['insight'],
}

/** npm package → the layers that may know it. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  hono: ['http'],
  '@hono/node-server': ['http'],
  jose: ['auth'],
  zod: ['config', 'http'],
  yaml: ['config'],
  '@datadog/sketches-js': ['insight'],
  '@opentelemetry': ['telemetry'],
  '@marcbachmann/cel-js': ['policy'],
  '@modelcontextprotocol': ['cli', 'http'],
}

/** Files outside the layers, which may import anything. */
const ROOT = new Set(['src/main.ts', 'src/start.ts'])

interface Import {
  readonly target: string
  readonly typeOnly: boolean
}

function importsOf(file: string): readonly Import[] {
  // Types in comments of JavaScript are read by the compiler alone.
  const text = readFileSync(file, 'utf8')
  const source = file.endsWith('.js') ? text.replaceAll(/\/\*[\s\S]*?\*\//g, '') : text
  const statements = source.matchAll(/^(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'/gm)
  const found = [...statements].map(([, type, target = '']) => ({
    target,
    typeOnly: type !== undefined,
  }))
  const lazy = [...source.matchAll(/import\('([^']+)'\)/g)]
  const bare = [...source.matchAll(/^import\s+'([^']+)'/gm)]
  return [...found, ...[...lazy, ...bare].map(([, target = '']) => ({ target, typeOnly: false }))]
}

const layerOf = (file: string): string => file.split(path.sep)[1] ?? ''

function packageOf(target: string): string {
  const [first = '', second = ''] = target.split('/')
  if (!first.startsWith('@')) return first
  return first in PACKAGES ? first : `${first}/${second}`
}

/** What the page may load: its own files, and the libraries as the sidecar serves them. */
function pageViolation(file: string, { target }: Import): string | undefined {
  const allowed = /^(\.\/[\w-]+\.js|\/ui\/lib\/[\w/-]+\.js)$/.test(target)
  return allowed ? undefined : `${file}: the page may not import ${target}`
}

function violation(file: string, { target, typeOnly }: Import): string | undefined {
  const layer = layerOf(file)
  if (target.startsWith('node:')) return undefined
  if (!target.startsWith('.')) {
    return PACKAGES[packageOf(target)]?.includes(layer) === true
      ? undefined
      : `${file}: ${layer} may not import the package ${target}`
  }
  const to = layerOf(path.join(path.dirname(file), target))
  const allowed = [
    layer,
    ...(MAY_IMPORT[layer] ?? []),
    ...(typeOnly ? (MAY_IMPORT_TYPES[layer] ?? []) : []),
  ]
  return allowed.includes(to) ? undefined : `${file}: ${layer} may not import ${to} (${target})`
}

const files = globSync('src/**/*.ts', { exclude: ['src/ui/page/**'] }).filter(
  (file) => !ROOT.has(file),
)

describe('architecture', () => {
  it('imports follow the table', () => {
    assert.ok(files.length > 30, 'the sources were found')
    const violations = files.flatMap((file) =>
      importsOf(file).flatMap((one) => violation(file, one) ?? []),
    )
    assert.deepEqual(violations, [])
  })

  it('the page imports nothing but its own files and the libraries that are served with it', () => {
    const pages = globSync('src/ui/page/*.js')
    assert.ok(pages.length > 10, 'the files of the page were found')
    const violations = pages.flatMap((file) =>
      importsOf(file).flatMap((one) => pageViolation(file, one) ?? []),
    )
    assert.deepEqual(violations, [])
  })

  it("the SDK of Sidelight's own MCP endpoint is loaded at its first request, not at the start", () => {
    for (const file of files.filter((name) => layerOf(name) === 'http')) {
      const loaded = importsOf(file).filter(
        ({ target, typeOnly }) => !typeOnly && target.startsWith('@modelcontextprotocol/'),
      )
      assert.equal(loaded.length > 0, file === path.join('src', 'http', 'mcp', 'server.ts'), file)
      assert.doesNotMatch(readFileSync(file, 'utf8'), /from '[^']*mcp\/server\.ts'/, file)
    }
  })

  it('the router is loaded with the first request that needs it, not at the start', () => {
    // It takes web classes with it, and so all of Node's own undici: 6 MB in all.
    const lazy = ['admin-routes', 'data-routes']
    for (const file of files) {
      const source = readFileSync(file, 'utf8')
      assert.doesNotMatch(source, /from '[^']*http\/(admin|data)-routes\.ts'/, file)
      assert.doesNotMatch(source, /from '\.\/(admin|data)-routes\.ts'/, file)
    }
    const early = ['data-app', 'receive', 'admin-app', 'admin-gate', 'probes', 'listener']
    for (const name of early) {
      const loaded = importsOf(`src/http/${name}.ts`).filter(
        ({ target, typeOnly }) => !typeOnly && packageOf(target).includes('hono'),
      )
      assert.deepEqual(loaded, [], name)
    }
    assert.ok(
      lazy.every((name) =>
        importsOf(`src/http/${name}.ts`).some(({ target }) => target === 'hono/tiny'),
      ),
    )
  })

  it('every layer stands in the table', () => {
    const layers = new Set(files.map(layerOf))
    assert.deepEqual(
      [...layers].filter((layer) => !(layer in MAY_IMPORT)),
      [],
    )
  })

  it('the table stands in ARCHITECTURE.md', () => {
    const document = readFileSync('ARCHITECTURE.md', 'utf8')
    for (const [layer, others] of Object.entries(MAY_IMPORT)) {
      const row = document.split('\n').find((line) => line.startsWith(`| ${layer} |`))
      assert.ok(row !== undefined, `ARCHITECTURE.md has no row for ${layer}`)
      for (const other of others) assert.ok(row.includes(other), `${layer}: ${other} is missing`)
    }
  })

  it('core has neither I/O nor a clock of its own but systemClock', () => {
    for (const file of files.filter((name) => layerOf(name) === 'core')) {
      const nodeModules = importsOf(file).filter(({ target }) => target.startsWith('node:'))
      assert.deepEqual(nodeModules, [], file)
    }
  })

  it('only main.ts reads the environment, the arguments and signals, and ends the process', () => {
    for (const file of files) {
      const source = readFileSync(file, 'utf8')
      assert.doesNotMatch(source, /process\.(env|argv|exitCode)\b/, file)
      if (layerOf(file) !== 'cli') assert.doesNotMatch(source, /process\.(on|once|exit)\(/, file)
    }
  })

  it('no module below cli keeps mutable state', () => {
    for (const file of files.filter((name) => layerOf(name) !== 'cli')) {
      assert.doesNotMatch(readFileSync(file, 'utf8'), /^(export )?let /m, file)
    }
  })

  it('nothing is exported by default and there are no barrels', () => {
    for (const file of files) {
      const source = readFileSync(file, 'utf8')
      assert.doesNotMatch(source, /^export default/m, file)
      assert.doesNotMatch(source, /^export \* from/m, file)
    }
  })
})
