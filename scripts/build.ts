/**
 * Builds what is published: `dist/` is an npm package of its own, with the program and all it needs in
 * a few files, so that an install brings one package. Building twice gives the same bytes.
 *
 * The official SDKs that the demo's servers and agents use are no part of it: they stay optional.
 */

import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { build, type Metafile } from 'esbuild'
import { pageSources } from '../src/ui/page-files.ts'
import { isBuiltin, lazyBuiltins } from './build/builtins.ts'
import { bundledPackages } from './build/bundled.ts'
import { licencesOf } from './build/licences.ts'
import { publishedManifest } from './build/manifest.ts'
import { billOfMaterials } from './build/sbom.ts'
import { smallerValidator } from './build/mcp-server.ts'
import { shortNames, TARGET } from './build/short-names.ts'

const OUT = 'dist'
const CODE = `${OUT}/lib`

/** Modules that run as processes of their own keep their names. */
const ENTRIES: Readonly<Record<string, string>> = {
  main: 'src/start.ts',
  'demo/agent': 'src/cli/demo/agent.ts',
  'demo/everything-server': 'src/cli/demo/everything-server.ts',
  'demo/library-server': 'src/cli/demo/library-server.ts',
}

/** What is installed beside it, for the demo alone. */
const DEMO: readonly string[] = [
  '@modelcontextprotocol/client',
  '@modelcontextprotocol/node',
  '@modelcontextprotocol/sdk',
  '@modelcontextprotocol/server-everything',
]

/** Packages from before ECMAScript modules call `require`, which such modules do not have. */
const REQUIRE = `import { createRequire as sidelightRequire } from 'node:module'
const require = sidelightRequire(import.meta.url)`

async function bundle(): Promise<Metafile> {
  const { metafile } = await build({
    entryPoints: { ...ENTRIES },
    outdir: CODE,
    bundle: true,
    // What only some commands use is loaded by them alone.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: TARGET,
    // Names stay, for stack traces.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    // Sketches would need protobufjs to be written as protocol buffers, which they are not here.
    external: [...DEMO, 'protobufjs/*'],
    plugins: [lazyBuiltins, smallerValidator, shortNames],
    banner: { js: REQUIRE },
    metafile: true,
    logLevel: 'warning',
  })
  return metafile
}

/** The files of the status page stand beside the code, with the libraries that they use. */
function copyPage(): readonly string[] {
  const sources = pageSources()
  for (const [url, file] of sources) {
    const to = `${CODE}/page/${url === '/' ? 'index.html' : url.slice('/ui/'.length)}`
    mkdirSync(path.dirname(to), { recursive: true })
    copyFileSync(file, to)
  }
  return [...sources.values()].map((file) => path.relative('.', file))
}

rmSync(OUT, { recursive: true, force: true })
mkdirSync(OUT)
const metafile = await bundle()
const pageFiles = copyPage()
chmodSync(`${CODE}/main.js`, 0o755)
const manifest: unknown = JSON.parse(readFileSync('package.json', 'utf8'))
writeFileSync(`${OUT}/package.json`, publishedManifest(manifest))
for (const file of ['README.md', 'CHANGELOG.md', 'LICENSE', 'SECURITY.md']) {
  copyFileSync(file, `${OUT}/${file}`)
}
const inputs = Object.keys(metafile.inputs).filter((input) => !isBuiltin(input))
const packages = bundledPackages([...inputs, ...pageFiles])
writeFileSync(`${OUT}/THIRD-PARTY-LICENCES.txt`, licencesOf(packages))
const sbom = spawnSync('npm', ['sbom', '--sbom-format=cyclonedx'], {
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
})
if (sbom.status !== 0) throw new Error(`npm sbom failed: ${sbom.stderr}`)
writeFileSync(`${OUT}/sbom.cdx.json`, billOfMaterials(sbom.stdout, 'sidelight', packages))
const bytes = Object.values(metafile.outputs).reduce((sum, { bytes: size }) => sum + size, 0)
process.stdout.write(`${OUT}: ${Math.ceil(bytes / 1000)} kB of code\n`)
