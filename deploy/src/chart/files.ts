/**
 * What the chart holds besides its templates: everything that is said elsewhere too, made from where it is
 * said. Templates read `files/` with `.Files.Get`, so that nobody escapes the braces in rules and dashboards.
 */

import { readFileSync } from 'node:fs'
import { operatorSpec } from '../../../grafana/src/alertmanager-manifest.ts'
import { dashboardFiles } from '../../../grafana/src/dashboards/all.ts'
import { prometheusRule } from '../../../grafana/src/rules/files.ts'
import type { GeneratedFile } from '../../../scripts/generated.ts'
import {
  DEFAULTS,
  installContainer,
  installVolumes,
  POD_LABELS,
  PROGRAM_MOUNT,
  sidecarContainer,
  sidecarVolumes,
  TERMINATION_GRACE_SECONDS,
  type SidecarSettings,
} from '../container.ts'
import { NOTE, toYaml } from '../print.ts'
import { PROGRAM } from '../program.ts'
import { chartInjection } from './injection.ts'
import { valuesSchema, valuesTable, valuesYaml } from './render-values.ts'
import type { Schema } from './value.ts'
import { VALUES } from './values.ts'

export const CHART = 'deploy/helm/sidelight'

/** The first Kubernetes in which sidecars are containers of their own kind without being switched on. */
const OLDEST_KUBERNETES = '1.29.0-0'

/** Stand for addresses that the templates fill in, or leave out with the annotation. */
const LINKS = { grafanaUrl: 'GRAFANA_URL', runbooksUrl: 'RUNBOOKS_URL' }

/** Each stands for a value of the chart: templates/_helpers.tpl says which. */
const PLACEHOLDERS: SidecarSettings = {
  image: 'SIDELIGHT_IMAGE',
  imagePullPolicy: DEFAULTS.imagePullPolicy,
  configMap: 'SIDELIGHT_CONFIG_MAP',
  secret: 'SIDELIGHT_SECRET',
  telemetryConfigMap: 'SIDELIGHT_TELEMETRY',
  tokenAudience: 'SIDELIGHT_AUDIENCE',
  resources: DEFAULTS.resources,
  dataSize: 'SIDELIGHT_DATA_SIZE',
}

const PULL_POLICY = 'SIDELIGHT_PULL_POLICY'

export function chartFiles(): readonly GeneratedFile[] {
  return [
    file('Chart.yaml', yaml(chartYaml())),
    file('values.yaml', `# ${NOTE}\n\n${valuesYaml(VALUES)}`),
    file('values.schema.json', json(schema())),
    file('README.md', readme()),
    file('files/rules.yaml', yaml(prometheusRule(LINKS)['spec'])),
    file('files/alertmanager-config.yaml', yaml(operatorSpec('SECRET_NAME'))),
    file('files/pod.json', json(pod())),
    file('files/injection.json', json(chartInjection(PLACEHOLDERS, PULL_POLICY))),
    ...dashboardFiles().map(({ path, text }) =>
      file(`files/dashboards/${path.slice(path.lastIndexOf('/') + 1)}`, text),
    ),
  ]
}

function schema(): Schema {
  const { properties, ...rest } = valuesSchema(VALUES)
  return {
    $schema: DIALECT,
    ...rest,
    // Helm puts it into the values of every chart that another one depends on.
    properties: { ...properties, global: { type: 'object' } },
  }
}

const DIALECT = 'https://json-schema.org/draft/2020-12/schema'

function chartYaml(): object {
  const manifest: Readonly<Record<'description' | 'license', string>> & {
    readonly keywords: readonly string[]
  } = JSON.parse(readFileSync('package.json', 'utf8'))
  return {
    apiVersion: 'v2',
    name: 'sidelight',
    description: `${manifest.description}. For platform teams: scraping, rules, dashboards, injection.`,
    type: 'application',
    version: PROGRAM.version,
    appVersion: PROGRAM.version,
    kubeVersion: `>=${OLDEST_KUBERNETES}`,
    keywords: manifest.keywords,
    annotations: { 'artifacthub.io/license': manifest.license },
  }
}

/** JSON, so that what fills a placeholder is always within quotes. */
const pod = (): object => ({
  labels: POD_LABELS,
  terminationGracePeriodSeconds: TERMINATION_GRACE_SECONDS,
  metricsPath: PROGRAM.paths.metrics,
  container: { ...sidecarContainer(PLACEHOLDERS), imagePullPolicy: PULL_POLICY },
  volumes: sidecarVolumes(PLACEHOLDERS),
  install: {
    container: { ...installContainer(PLACEHOLDERS), imagePullPolicy: PULL_POLICY },
    volumes: installVolumes(),
    mount: PROGRAM_MOUNT,
  },
})

function readme(): string {
  return `<!-- ${NOTE} -->

# Sidelight for a fleet

What a platform team installs once, beside sidecars that run in the pods of agents: scraping, rules, dashboards,
the shared configuration, injection, a network policy; and templates for the charts of agents.

\`\`\`sh
helm upgrade --install sidelight . --namespace sidelight --create-namespace --values fleet.yaml
\`\`\`

\`docs/helm.md\` of the project says what to write into \`fleet.yaml\`, how to use the templates, upgrade and uninstall.

## Values

An unknown value, or one of another kind, is refused. So is a \`config.sidelight\` with a key that the program does not
know.

${valuesTable(VALUES)}
`
}

const file = (name: string, text: string): GeneratedFile => ({ path: `${CHART}/${name}`, text })

const yaml = (value: unknown): string => `# ${NOTE}\n${toYaml(value)}`

/** In ASCII, because patterns hold characters that editors do not show. */
const json = (value: unknown): string =>
  `${JSON.stringify(value, null, 2).replaceAll(
    /[^\n -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )}\n`
