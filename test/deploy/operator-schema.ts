/**
 * Objects of the Prometheus operator against its own types: the validators made from them find what is missing
 * or of the wrong kind, and TypeScript finds what they do not know, such as a misspelt key.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { KubernetesObject } from './chart.ts'

const HERE = import.meta.dirname
const GROUP = 'monitoring.coreos.com/'

interface ModelClass {
  new (data: object): { validate(): void }
}

/** Whether it is one of the operator's. */
export const isOperators = ({ apiVersion }: KubernetesObject): boolean =>
  apiVersion.startsWith(GROUP)

/** What is wrong with objects of the operator, as sentences; none when all is well. */
export async function operatorProblems(
  objects: readonly KubernetesObject[],
): Promise<readonly string[]> {
  const invalid = await Promise.all(objects.map(problemOf))
  return [...invalid.flat(), ...unknownKeys(objects)]
}

const moduleOf = ({ apiVersion, kind }: KubernetesObject): string =>
  `@kubernetes-models/prometheus-operator/${apiVersion}/${kind}`

async function problemOf(object: KubernetesObject): Promise<readonly string[]> {
  const { kind } = object
  const loaded: Readonly<Record<string, ModelClass>> = await import(moduleOf(object))
  const Model = loaded[kind]
  if (Model === undefined) throw new Error(`the operator's package has no ${kind}`)
  try {
    new Model(object).validate()
    return []
  } catch (error) {
    return [`${kind} ${object.metadata.name}: ${String(error)}`]
  }
}

/** TypeScript looks for keys that a type does not have in literals alone, so each object becomes one. */
function unknownKeys(objects: readonly KubernetesObject[]): readonly string[] {
  // Within this directory, whose packages hold the types.
  const scratch = mkdtempSync(path.join(HERE, 'node_modules', '.objects-'))
  try {
    const text = objects.map(
      (object, index) =>
        `import type { I${object.kind} as Type${index} } from '${moduleOf(object)}'\n` +
        `export const object${index}: Type${index} = ${JSON.stringify(object)}\n`,
    )
    const file = path.join(scratch, 'objects.ts')
    writeFileSync(file, text.join(''))
    const { status, stdout, stderr } = spawnSync(
      path.join(HERE, '../../node_modules/.bin/tsc'),
      [
        '--noEmit',
        '--strict',
        '--skipLibCheck',
        '--module',
        'nodenext',
        '--types',
        '',
        '--ignoreConfig',
        file,
      ],
      { encoding: 'utf8' },
    )
    return status === 0 ? [] : [`${stdout}${stderr}`]
  } finally {
    rmSync(scratch, { recursive: true })
  }
}
