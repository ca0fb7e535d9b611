/** Manifests as YAML files. */

import { stringify } from 'yaml'
import type { GeneratedFile } from '../../scripts/generated.ts'
import type { Manifest } from './kubernetes.ts'

export const NOTE = 'Made by `npm run deploy:generate` from deploy/src; do not edit.'

/** `about` says what the file is for, in sentences of a line each. */
export function manifestFile(
  path: string,
  about: readonly string[],
  manifests: readonly Manifest[],
): GeneratedFile {
  const head = [NOTE, ...about].map((line) => `# ${line}\n`).join('')
  return { path, text: head + manifests.map(toYaml).join('---\n') }
}

export const toYaml = (value: unknown): string =>
  stringify(value, { lineWidth: 0, aliasDuplicateObjects: false })
