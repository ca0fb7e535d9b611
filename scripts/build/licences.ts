/** The licences of everything that a bundle holds. */

import { globSync, readFileSync } from 'node:fs'

/** Texts by package, from the paths of the files that went in. Throws when a package has none. */
export function licencesOf(inputs: readonly string[]): string {
  const packages = new Set(
    inputs.flatMap((file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []),
  )
  return [...packages]
    .toSorted()
    .map(licenceOf)
    .join(`\n${'-'.repeat(80)}\n\n`)
}

function licenceOf(folder: string): string {
  const manifest: Readonly<Record<string, unknown>> = JSON.parse(
    readFileSync(`${folder}/package.json`, 'utf8'),
  )
  const head = `${String(manifest['name'])} ${String(manifest['version'])} (${String(manifest['license'])})`
  const [file] = globSync(`${folder}/{LICENSE,LICENCE,license,licence}*`).toSorted()
  if (file === undefined && manifest['license'] === undefined) {
    throw new Error(`${folder} has neither a licence file nor a licence in its package.json`)
  }
  return `${head}\n\n${file === undefined ? 'No text is in the package.' : readFileSync(file, 'utf8').trim()}\n`
}
