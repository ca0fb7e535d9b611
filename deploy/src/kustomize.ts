/** Components of Kustomize: parts that an overlay adds to the workloads it has. */

import type { GeneratedFile } from '../../scripts/generated.ts'
import {
  DEFAULTS,
  POD_LABELS,
  TERMINATION_GRACE_SECONDS,
  installContainer,
  installVolumes,
  sidecarContainer,
  sidecarVolumes,
} from './container.ts'
import type { Manifest } from './kubernetes.ts'
import { LABEL } from './names.ts'
import { manifestFile } from './print.ts'
import { PROGRAM } from './program.ts'

const DIRECTORY = 'deploy/kustomize'

/** Kinds that make pods, and where in them the pod's template is. */
const WORKLOADS: readonly {
  readonly apiVersion: string
  readonly kind: string
  readonly path: readonly string[]
}[] = [
  { apiVersion: 'apps/v1', kind: 'Deployment', path: ['spec', 'template'] },
  { apiVersion: 'apps/v1', kind: 'StatefulSet', path: ['spec', 'template'] },
  { apiVersion: 'apps/v1', kind: 'DaemonSet', path: ['spec', 'template'] },
  { apiVersion: 'batch/v1', kind: 'Job', path: ['spec', 'template'] },
  {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    path: ['spec', 'jobTemplate', 'spec', 'template'],
  },
]

/** What is merged into the template of a pod. */
export interface TemplatePatch {
  readonly metadata?: object
  readonly spec?: object
}

/** The sidecar with all that it needs of its pod. */
export function sidecarPatch(settings = DEFAULTS): TemplatePatch {
  return {
    metadata: { labels: POD_LABELS },
    spec: {
      terminationGracePeriodSeconds: TERMINATION_GRACE_SECONDS,
      initContainers: [sidecarContainer(settings)],
      volumes: sidecarVolumes(settings),
    },
  }
}

/** The program in a volume, for agents that start servers themselves. */
export function programPatch(settings = DEFAULTS): TemplatePatch {
  return {
    spec: { initContainers: [installContainer(settings)], volumes: installVolumes() },
  }
}

const SCRAPE_PATCH: TemplatePatch = {
  metadata: {
    annotations: {
      'prometheus.io/scrape': 'true',
      'prometheus.io/port': String(PROGRAM.adminPort),
      'prometheus.io/path': PROGRAM.paths.metrics,
    },
  },
}

export function kustomizeFiles(): readonly GeneratedFile[] {
  return [
    ...component('sidecar', sidecarPatch(), [
      'Gives every workload of an overlay Sidelight as a native sidecar (Kubernetes 1.29 and later), except',
      `those with the label ${LABEL.inject}: "false". docs/kubernetes.md says how to use it.`,
    ]),
    ...component('program', programPatch(), [
      'Gives every workload of an overlay the volume sidelight-program, in which an init container puts the',
      'program: for agents that start MCP servers themselves, with `sidelight wrap`. docs/kubernetes.md says how.',
    ]),
    ...component('scrape-annotations', SCRAPE_PATCH, [
      'For a Prometheus that finds pods by the annotations prometheus.io/*. They replace those of the agent, of',
      'which a pod can have one set only; with an operator, use ../monitoring in place of this.',
    ]),
  ]
}

/** A component that merges `patch` into the pods of all kinds of workloads. */
function component(
  name: string,
  patch: TemplatePatch,
  about: readonly string[],
): readonly GeneratedFile[] {
  const directory = `${DIRECTORY}/${name}`
  const patches = WORKLOADS.map(({ apiVersion, kind, path }) => {
    const body = path.reduceRight<object>((inner, key) => ({ [key]: inner }), patch)
    return manifestFile(
      `${directory}/${kind.toLowerCase()}.yaml`,
      [],
      [
        // Its name is of no account: kustomization.yaml says what it is merged into.
        { apiVersion, kind, metadata: { name: 'any' }, ...body },
      ],
    )
  })
  return [componentFile(directory, about, { patches: WORKLOADS.map(patchEntry) }), ...patches]
}

const patchEntry = ({ kind }: { readonly kind: string }): object => ({
  path: `${kind.toLowerCase()}.yaml`,
  target: { kind, labelSelector: `${LABEL.inject}!=false` },
})

export function componentFile(
  directory: string,
  about: readonly string[],
  content: object,
): GeneratedFile {
  const manifest: Manifest = {
    apiVersion: 'kustomize.config.k8s.io/v1alpha1',
    kind: 'Component',
    ...content,
  }
  return manifestFile(`${directory}/kustomization.yaml`, about, [manifest])
}
