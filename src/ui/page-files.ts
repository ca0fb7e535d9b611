/**
 * The files of the status page, in memory: our own modules as they are written, and two kept libraries
 * out of their packages. There is no build step and no request to anybody else.
 */

import { hash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { findPackageJSON } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'

export interface PageFile {
  readonly contentType: string
  readonly body: Buffer
  readonly gzipped: Buffer
  /** A strong validator, quotes included (RFC 9110 §8.8.3). */
  readonly etag: string
}

export interface PageFiles {
  /** Undefined for a path that is no file of the page. */
  find(urlPath: string): Promise<PageFile | undefined>
  readonly paths: readonly string[]
}

const PAGE_DIR = path.join(path.dirname(fileURLToPath(import.meta.url)), 'page')

const OWN_FILES: readonly string[] = [
  'style.css',
  'icon.svg',
  'app.js',
  'api.js',
  'calls.js',
  'catalogue.js',
  'charts.js',
  'connect.js',
  'dialogs.js',
  'feed.js',
  'fields.js',
  'format.js',
  'header.js',
  'icons.js',
  'outcome-bar.js',
  'overview.js',
  'store.js',
  'tools.js',
  'upstreams.js',
  'waterfall.js',
]

/** Served path below `/ui/lib/` → file of a package. */
const LIBRARY_FILES: Readonly<Record<string, string>> = {
  'lit-html.js': 'lit-html/lit-html.js',
  'directive.js': 'lit-html/directive.js',
  'directive-helpers.js': 'lit-html/directive-helpers.js',
  'directives/repeat.js': 'lit-html/directives/repeat.js',
  'directives/live.js': 'lit-html/directives/live.js',
  'uplot.js': 'uplot/dist/uPlot.iife.min.js',
  'uplot.css': 'uplot/dist/uPlot.min.css',
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Every path that is served, and the file that it is. */
export function pageSources(): ReadonlyMap<string, string> {
  const sources = new Map<string, string>([['/', path.join(PAGE_DIR, 'index.html')]])
  for (const name of OWN_FILES) sources.set(`/ui/${name}`, path.join(PAGE_DIR, name))
  for (const [name, file] of Object.entries(LIBRARY_FILES)) {
    sources.set(`/ui/lib/${name}`, libraryFile(name, file))
  }
  return sources
}

/** Files are read when they are first asked for, each once. */
export function createPageFiles(): PageFiles {
  const sources = pageSources()
  const loaded = new Map<string, Promise<PageFile>>()
  return {
    paths: [...sources.keys()],
    find: async (urlPath) => {
      const source = sources.get(urlPath)
      if (source === undefined) return undefined
      const known = loaded.get(urlPath) ?? load(source)
      loaded.set(urlPath, known)
      return known
    },
  }
}

/**
 * A published package has the libraries among its own files. Elsewhere they are in packages, whose `exports`
 * may keep a file from `import` in favour of one for Node.
 */
function libraryFile(name: string, file: string): string {
  const own = path.join(PAGE_DIR, 'lib', name)
  if (existsSync(own)) return own
  const [packageName = '', ...rest] = file.split('/')
  const manifest = findPackageJSON(packageName, import.meta.url)
  return path.join(path.dirname(manifest ?? `node_modules/${packageName}/package.json`), ...rest)
}

const zip = promisify(gzip)

async function load(file: string): Promise<PageFile> {
  const body = await readFile(file)
  return {
    contentType: CONTENT_TYPES[path.extname(file)] ?? 'application/octet-stream',
    body,
    gzipped: await zip(body, { level: constants.Z_BEST_COMPRESSION }),
    etag: `"${hash('sha256', body, 'base64url').slice(0, 22)}"`,
  }
}
