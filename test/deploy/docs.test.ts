/** The manifests that docs/kubernetes.md shows are ones that Kubernetes' tools and API take. */

import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, it } from 'node:test'
import { stringify } from 'yaml'
import { fencesOf } from '../support/markdown.ts'
import { skipWithout } from '../support/monitoring-tools.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import {
  ROOT,
  find,
  parseManifests,
  renderKustomize,
  templateOf,
  type Json,
} from './support/manifests.ts'
import { VERSIONS, schemaProblems } from './support/schemas.ts'
import { CROWDED, WORKLOADS } from './support/workloads.ts'

const shown = fencesOf('docs/kubernetes.md')
  .filter(({ language, text }) => language === 'yaml' && /^apiVersion:/m.test(text))
  .flatMap(({ text }) => parseManifests(text))

const STATEFUL_SET = WORKLOADS.find(({ kind }) => kind === 'StatefulSet')

const toYaml = (object: Json): string => stringify(object)

const kustomizations = shown.filter(({ kind }) => kind === 'Kustomization')

/** What the page's overlay is laid over, with a kustomization of it. */
async function render(kustomization: Json): Promise<readonly Json[]> {
  const directory = path.join(await temporaryDirectory(), 'overlay')
  await mkdir(directory)
  const agents = [{ ...CROWDED, metadata: { name: 'research-agent' } }, STATEFUL_SET]
  await writeFile(path.join(directory, 'agent.yaml'), agents.map(toYaml).join('---\n'))
  const config = await readFile(path.join(ROOT, 'examples/kubernetes/sidelight.yaml'), 'utf8')
  await writeFile(path.join(directory, 'sidelight.yaml'), config)
  const root = path.relative(directory, ROOT)
  const text = stringify({
    resources: ['agent.yaml'],
    ...(kustomization.resources === undefined && {
      components: ['../../deploy/kustomize/sidecar'],
    }),
    ...kustomization,
  }).replaceAll('../../deploy/', `${root}/deploy/`)
  await writeFile(path.join(directory, 'kustomization.yaml'), text)
  return renderKustomize(directory)
}

describe('docs/kubernetes.md', () => {
  it('shows objects that are valid', () => {
    const objects = shown.filter(({ kind }) => kind !== 'Kustomization')
    assert.ok(objects.length > 1)
    for (const version of VERSIONS.filter((minor) => minor !== '1.29')) {
      const problems = objects.flatMap((object) => schemaProblems(object, version))
      assert.deepEqual(problems, [])
    }
  })

  it('shows overlays that are rendered as it says', { skip: skipWithout('kubectl') }, async () => {
    assert.equal(kustomizations.length, 5)
    const [whole, time, audience, claim, injection] = await Promise.all(kustomizations.map(render))
    assert.ok(whole && time && audience && claim && injection)
    const [container] = templateOf(find(whole, 'Deployment')).spec.initContainers
    assert.equal(container.image, 'registry.example.com/sidelight:0.1.0')
    const { spec } = templateOf(find(time, 'Deployment'))
    assert.equal(spec.terminationGracePeriodSeconds, 139)
    const token = templateOf(find(audience, 'Deployment')).spec.volumes.find(
      ({ name }: Json) => name === 'sidelight-token',
    )
    assert.deepEqual(token.projected.sources, [
      {
        serviceAccountToken: {
          audience: 'https://mcp.tools.svc',
          path: 'token',
          expirationSeconds: 3600,
        },
      },
    ])
    const set = find(claim, 'StatefulSet')
    assert.equal(set.spec.volumeClaimTemplates[0].metadata.name, 'sidelight-data')
    assert.equal(set.spec.template.spec.securityContext.fsGroup, 1000)
    const problems = VERSIONS.flatMap((version) => schemaProblems(set, version))
    assert.deepEqual(problems, [])
    const policy = find(injection, 'MutatingAdmissionPolicy')
    assert.deepEqual(policy.spec.variables.slice(0, 2), [
      { name: 'image', expression: '"registry.example.com/sidelight:0.1.0"' },
      { name: 'tokenAudience', expression: '"https://mcp.tools.svc"' },
    ])
  })
})
