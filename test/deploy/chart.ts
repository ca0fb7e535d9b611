/** The chart, rendered by Helm itself. */

import { spawnSync } from 'node:child_process'
import { parseAllDocuments } from 'yaml'
import { findTool, skipWithout } from '../support/monitoring-tools.ts'

export const CHART = 'deploy/helm/sidelight'

/** Values that somebody may have; each is linted, rendered and held against the schemas. */
export const VALUES = ['none', 'fleet', 'without-operator', 'injection'].map(
  (name) => `test/deploy/values/${name}.yaml`,
)

/** An object of Kubernetes, as far as all of them are alike. */
export interface KubernetesObject<Spec = unknown> {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly data?: Readonly<Record<string, string>>
  readonly spec: Spec
}

export interface HelmRun {
  readonly ok: boolean
  readonly stdout: string
  readonly stderr: string
}

export function helm(...args: readonly string[]): HelmRun {
  const { status, stdout, stderr } = spawnSync(findTool('helm') ?? 'helm', args, {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  })
  return { ok: status === 0, stdout, stderr }
}

/** For the option `skip` of a test that installs without a cluster: false, or why it cannot run. */
export function skipWithoutDryRun(): string | false {
  const missing = skipWithout('helm')
  if (missing !== false) return missing
  const version = helm('version', '--short').stdout.trim()
  return version.startsWith('v3.') ? `NOT TESTED: Helm ${version} asks a cluster even then` : false
}

/** By its arguments: what does not change in a run is rendered and read once. */
const rendered = new Map<string, string>()

/** What an install as `fleet` in the namespace `sidelight` would send, in Helm's order. */
export function render<Spec = unknown>(
  ...args: readonly string[]
): readonly KubernetesObject<Spec>[] {
  const key = args.join(' ')
  const known = rendered.get(key) ?? JSON.stringify(renderChart(CHART, ...args))
  rendered.set(key, known)
  return JSON.parse(known)
}

export function renderChart<Spec = unknown>(
  chart: string,
  ...args: readonly string[]
): readonly KubernetesObject<Spec>[] {
  const { ok, stdout, stderr } = helm('template', 'fleet', chart, '--namespace=sidelight', ...args)
  if (!ok) throw new Error(stderr)
  return parseAll(stdout)
}

/** Objects of a YAML text; nothing at all is no object. */
export function parseAll<Spec = unknown>(text: string): readonly KubernetesObject<Spec>[] {
  return parseAllDocuments(text)
    .map((document): KubernetesObject<Spec> | null => {
      if (document.errors.length > 0) throw new Error(String(document.errors[0]))
      return document.toJS()
    })
    .filter((object) => object !== null)
}

/** The only object of its kind, and with this name if one is given. */
export function only<Spec>(
  objects: readonly KubernetesObject<Spec>[],
  kind: string,
  name?: string,
): KubernetesObject<Spec> {
  const [found, another] = objects.filter(
    (object) => object.kind === kind && (name === undefined || object.metadata.name === name),
  )
  if (found === undefined || another !== undefined) {
    throw new Error(`there is not exactly one ${kind} ${name ?? ''}`)
  }
  return found
}
