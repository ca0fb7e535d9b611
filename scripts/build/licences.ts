/** The licences of everything that a bundle holds. */

import { globSync, readFileSync } from 'node:fs'
import type { BundledPackage } from './bundled.ts'

/** Texts by package. Throws when a package has none. */
export function licencesOf(packages: readonly BundledPackage[]): string {
  return packages.map(licenceOf).join(`\n${'-'.repeat(80)}\n\n`)
}

function licenceOf({ folder, name, version, licence }: BundledPackage): string {
  const [file] = globSync(`${folder}/{LICENSE,LICENCE,license,licence}*`).toSorted()
  if (file === undefined && licence === undefined) {
    throw new Error(`${folder} has neither a licence file nor a licence in its package.json`)
  }
  const head = `${name} ${version} (${String(licence)})`
  return `${head}\n\n${file === undefined ? 'No text is in the package.' : readFileSync(file, 'utf8').trim()}\n`
}
