/** Which packages a bundle holds. */

import { readFileSync } from 'node:fs'

export interface BundledPackage {
  readonly folder: string
  readonly name: string
  readonly version: string
  /** As its package.json says it; undefined when it says nothing. */
  readonly licence: string | undefined
}

/** From the paths of the files that went in, by folder. */
export function bundledPackages(inputs: readonly string[]): readonly BundledPackage[] {
  const folders = new Set(
    inputs.flatMap((file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []),
  )
  return [...folders].toSorted().map(readPackage)
}

function readPackage(folder: string): BundledPackage {
  const manifest: Readonly<Record<string, unknown>> = JSON.parse(
    readFileSync(`${folder}/package.json`, 'utf8'),
  )
  const { name, version, license } = manifest
  return {
    folder,
    name: String(name),
    version: String(version),
    licence: typeof license === 'string' ? license : undefined,
  }
}
