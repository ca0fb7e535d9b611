#!/usr/bin/env node
/**
 * Where the published program starts. Compiling it takes a third of the time of its start, so V8's work
 * is kept; Node checks by itself that it fits the files and the version.
 */

import { existsSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'

/** Comes with the image, for every user. */
const SHIPPED = fileURLToPath(new URL('../cache', import.meta.url))

/**
 * Not the directory for temporary files, which is Node's own choice: others may write there, and what is kept
 * is code. NODE_COMPILE_CACHE names another, and NODE_DISABLE_COMPILE_CACHE=1 does without.
 */
function keepCompiled(): void {
  if (existsSync(SHIPPED)) {
    enableCompileCache({ directory: SHIPPED, portable: true })
    return
  }
  const { XDG_CACHE_HOME, HOME, LOCALAPPDATA } = process.env
  const parent = XDG_CACHE_HOME ?? (HOME === undefined ? LOCALAPPDATA : path.join(HOME, '.cache'))
  if (parent !== undefined && path.isAbsolute(parent)) {
    enableCompileCache(path.join(parent, 'sidelight'))
  }
}

/** Longer than a start takes. */
const START_MS = 2_000

/**
 * What a start makes stays, so room for young objects, which V8 doubles when many of them stay, would only be held
 * for nothing: 2 to 4 MB as long as nobody calls. Afterwards calls may have all they need.
 */
function keepYoungSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
  setTimeout(() => setFlagsFromString('--semi-space-growth-factor=2'), START_MS).unref()
}

/** As `engines` of package.json says, of which npm only warns. An older Node fails in words that help nobody. */
function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major < 22 || (major === 22 && minor < 19)
}

if (isTooOld(process.versions.node)) {
  process.stderr.write(
    `sidelight: this is Node ${process.versions.node}; Node 22.19 or later is needed\n`,
  )
  process.exit(1)
}
keepCompiled()
keepYoungSmall()
await import('./main.ts')
