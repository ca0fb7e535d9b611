/**
 * Writes what is made from the typed source in this directory: rules, manifests, routes, the index of
 * runbooks, dashboards. `--check` changes nothing and fails when a file is stale, missing or left over.
 */

import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { alertmanagerFiles } from './alertmanager.ts'
import { dashboardFiles } from './dashboards/all.ts'
import type { GeneratedFile } from './generated-file.ts'
import { managedAlertFiles } from './managed-alerts.ts'
import { ruleFiles } from './rules/files.ts'
import { runbookFiles } from './runbooks.ts'

/** What makes files; each is a list of whole files. */
const MAKERS: readonly (() => readonly GeneratedFile[])[] = [
  () => ruleFiles(),
  alertmanagerFiles,
  managedAlertFiles,
  dashboardFiles,
  runbookFiles,
]

/** Where every file is a generated one, so that one which no source makes is left over. */
const OWN_DIRECTORIES = ['grafana/rules', 'grafana/managed-alerts', 'grafana/dashboards']

/** Besides this one, which belongs to whoever runs it. */
const OVERRIDES = 'grafana/rules/overrides.yaml'

export function generatedFiles(): readonly GeneratedFile[] {
  return MAKERS.flatMap((make) => make())
}

/** What differs from the source, as sentences. */
export function staleFiles(): readonly string[] {
  const files = generatedFiles()
  const known = new Set(files.map((file) => file.path))
  const stale = files
    .filter(({ path: name, text }) => readIfThere(name) !== text)
    .map(({ path: name }) => `${name} is stale; run npm run grafana:generate`)
  const leftOver = ownFiles()
    .filter((name) => !known.has(name))
    .map((name) => `${name} is made by no source; run npm run grafana:generate`)
  return [...stale, ...leftOver]
}

function writeAll(): void {
  const files = generatedFiles()
  const known = new Set(files.map((file) => file.path))
  for (const name of ownFiles()) {
    if (!known.has(name)) rmSync(name)
  }
  for (const { path: name, text } of files) {
    if (readIfThere(name) === text) continue
    mkdirSync(path.dirname(name), { recursive: true })
    writeFileSync(name, text)
    console.log(`wrote ${name}`)
  }
}

const ownFiles = (): readonly string[] =>
  OWN_DIRECTORIES.flatMap((directory) => globSync(`${directory}/**/*.*`)).filter(
    (name) => name !== OVERRIDES,
  )

function readIfThere(name: string): string | undefined {
  try {
    return readFileSync(name, 'utf8')
  } catch {
    return undefined
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--check')) {
    const stale = staleFiles()
    for (const sentence of stale) console.error(sentence)
    process.exitCode = stale.length > 0 ? 1 : 0
  } else {
    writeAll()
  }
}
