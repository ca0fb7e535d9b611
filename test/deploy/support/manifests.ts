/** Manifests as Kubernetes' own tools render them. */

import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments, stringify } from 'yaml'
import { runTool } from '../../support/monitoring-tools.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** Anything of the API; tests look for what they know to be there. */
// oxlint-disable-next-line typescript/no-explicit-any -- the shape is what is under test
export type Json = any

/** All documents of a YAML text. */
export function parseManifests(text: string): readonly Json[] {
  return parseAllDocuments(text).map((document): Json => document.toJS())
}

/** `kubectl kustomize`. */
export function renderKustomize(directory: string): readonly Json[] {
  const { ok, text } = runTool('kubectl', ['kustomize', directory], ROOT)
  assert.ok(ok, text)
  return parseManifests(text)
}

/** Objects of an overlay that has `resources` and these components of deploy/kustomize. */
export async function renderOverlay(
  resources: readonly Json[],
  components: readonly string[],
  more: Json = {},
): Promise<readonly Json[]> {
  const directory = path.join(await temporaryDirectory(), 'overlay')
  await mkdir(directory)
  const kustomization = {
    resources: ['resources.yaml'],
    components: components.map((name) =>
      path.relative(directory, path.join(ROOT, 'deploy/kustomize', name)),
    ),
    ...more,
  }
  await writeFile(path.join(directory, 'kustomization.yaml'), stringify(kustomization))
  const text = resources.map((resource) => stringify(resource)).join('---\n')
  await writeFile(path.join(directory, 'resources.yaml'), text)
  return renderKustomize(directory)
}

/** The one object of a kind; its name decides between several. */
export function find(manifests: readonly Json[], kind: string, name?: string): Json {
  const found = manifests.filter(
    (manifest) => manifest.kind === kind && (name === undefined || manifest.metadata.name === name),
  )
  assert.equal(found.length, 1, `${kind} ${name ?? ''}: ${found.length} of them`)
  return found[0]
}

/** The template of the pods that a workload makes. */
export const templateOf = (workload: Json): Json =>
  workload.kind === 'CronJob' ? workload.spec.jobTemplate.spec.template : workload.spec.template

/** The pod of a workload, as its controller makes it. */
export function podOf(workload: Json): Json {
  const { metadata, spec } = structuredClone(templateOf(workload))
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name: `${workload.metadata.name}-1` },
    spec,
  }
}

/** Every overlay among the examples. */
export const EXAMPLES: readonly string[] = globSync('examples/**/kustomization.yaml', {
  cwd: ROOT,
}).map((file) => path.dirname(file))
