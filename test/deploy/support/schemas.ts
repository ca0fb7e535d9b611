/** The published schemas of Kubernetes' API, by minor version; scripts/kubernetes-schemas.ts has them. */

import { readFileSync } from 'node:fs'
import { Ajv, type ValidateFunction } from 'ajv'
import type { Json } from './manifests.ts'

interface SchemaFile {
  readonly kinds: Readonly<Record<string, string>>
  readonly definitions: readonly {
    readonly name: string
    readonly versions: readonly string[]
    readonly schema: Json
  }[]
}

const FILE: SchemaFile = JSON.parse(
  readFileSync(new URL('../schemas/kubernetes.json', import.meta.url), 'utf8'),
)

/** From the first with native sidecars to the newest that is published. */
export const VERSIONS: readonly string[] = [
  ...new Set(FILE.definitions.flatMap(({ versions }) => versions)),
].toSorted((a, b) => Number(a.slice(2)) - Number(b.slice(2)))

const validators = new Map<string, Ajv>()

/** What is wrong with an object, and where; that it has no schema in this version is wrong too. */
export function schemaProblems(manifest: Json, version: string): readonly string[] {
  const [group, apiVersion] = String(manifest.apiVersion).includes('/')
    ? String(manifest.apiVersion).split('/')
    : ['', manifest.apiVersion]
  const id = `${group}/${apiVersion}/${manifest.kind}`
  const validate = validator(id, version)
  if (validate === undefined) return [`${id} does not exist in Kubernetes ${version}`]
  if (validate(manifest)) return []
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) =>
      `${id} ${version} ${instancePath} ${message} ${JSON.stringify(params)}`,
  )
}

function validator(id: string, version: string): ValidateFunction | undefined {
  const name = FILE.kinds[id]
  const known = FILE.definitions.some(
    (definition) => definition.name === name && definition.versions.includes(version),
  )
  return known ? ajvOf(version).getSchema(`${version}#/$defs/${String(name)}`) : undefined
}

function ajvOf(version: string): Ajv {
  const known = validators.get(version)
  if (known !== undefined) return known
  const roots = new Set(Object.values(FILE.kinds))
  const definitions = FILE.definitions.filter(({ versions }) => versions.includes(version))
  const $defs = Object.fromEntries(
    definitions.map(({ name, schema }) => [
      name,
      // An object itself is never null.
      roots.has(name) ? { ...schema, type: 'object' } : schema,
    ]),
  )
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true })
  ajv.addSchema({ $id: version, $defs })
  validators.set(version, ajv)
  return ajv
}
