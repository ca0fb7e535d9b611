/** Files that are made from a typed source and committed: written anew, or compared with what is there. */

import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

export interface GeneratedFile {
  /** From the repository's root. */
  readonly path: string
  readonly text: string
}

export interface Generated {
  files(): readonly GeneratedFile[]
  /** Where every file is a generated one, so that one which no source makes is left over. */
  readonly directories: readonly string[]
  /** Besides these, which belong to whoever runs it. */
  readonly except: readonly string[]
  /** What makes them anew. */
  readonly command: string
}

/** What differs from the source, as sentences. */
export function staleFiles(generated: Generated): readonly string[] {
  const files = generated.files()
  const known = new Set(files.map((file) => file.path))
  const stale = files
    .filter(({ path: name, text }) => readIfThere(name) !== text)
    .map(({ path: name }) => `${name} is stale; run ${generated.command}`)
  const leftOver = ownFiles(generated)
    .filter((name) => !known.has(name))
    .map((name) => `${name} is made by no source; run ${generated.command}`)
  return [...stale, ...leftOver]
}

/** Ends the process with 1 when `--check` is given and something is stale; otherwise writes. */
export function writeOrCheck(generated: Generated, args: readonly string[]): void {
  if (!args.includes('--check')) return writeAll(generated)
  const stale = staleFiles(generated)
  for (const sentence of stale) console.error(sentence)
  process.exitCode = stale.length > 0 ? 1 : 0
}

function writeAll(generated: Generated): void {
  const files = generated.files()
  const known = new Set(files.map((file) => file.path))
  for (const name of ownFiles(generated)) {
    if (!known.has(name)) rmSync(name)
  }
  for (const { path: name, text } of files) {
    if (readIfThere(name) === text) continue
    mkdirSync(path.dirname(name), { recursive: true })
    writeFileSync(name, text)
    console.log(`wrote ${name}`)
  }
}

const ownFiles = ({ directories, except }: Generated): readonly string[] =>
  directories
    .flatMap((directory) => globSync(`${directory}/**/*.*`))
    .filter((name) => !except.includes(name))

function readIfThere(name: string): string | undefined {
  try {
    return readFileSync(name, 'utf8')
  } catch {
    return undefined
  }
}
