/** The variables and annotations that dashboards share. */

import { JOB, SIDECAR, UPSTREAM } from './promql.ts'
import type { Annotation, Variable } from './model.ts'

const DATASOURCES: readonly Variable[] = [
  { kind: 'datasource', name: 'datasource', label: 'Metrics', type: 'prometheus' },
  { kind: 'datasource', name: 'loki', label: 'Logs', type: 'loki' },
  { kind: 'datasource', name: 'tempo', label: 'Traces', type: 'tempo' },
]

const ADMIN: Variable = {
  kind: 'text',
  name: 'admin',
  label: 'Admin page',
  description: 'Where your browser reaches the admin listener of the sidecar that you look at.',
  value: 'http://127.0.0.1:9464',
}

export const SIDECAR_VARIABLES: readonly Variable[] = [
  ...DATASOURCES,
  {
    kind: 'query',
    name: 'namespace',
    label: 'Namespace',
    description: 'Of Kubernetes, where the scrape says it.',
    query: 'label_values(sidelight_build_info, namespace)',
  },
  {
    kind: 'query',
    name: 'job',
    label: 'Job',
    description: 'The scrape job of the sidecars, or the service name of those that push.',
    query: 'label_values(sidelight_build_info{namespace=~"$namespace"}, job)',
  },
  {
    kind: 'query',
    name: 'instance',
    label: 'Sidecar',
    description: 'One sidecar among many.',
    query: `label_values(sidelight_build_info{${JOB}}, instance)`,
  },
  ADMIN,
]

export const UPSTREAM_VARIABLES: readonly Variable[] = [
  ...SIDECAR_VARIABLES,
  {
    kind: 'query',
    name: 'upstream',
    label: 'Upstream',
    description: 'The MCP server, as the configuration names it.',
    query: `label_values(sidelight_exchanges_active{${SIDECAR}}, sidelight_upstream_name)`,
  },
]

export const ONE_UPSTREAM_VARIABLES: readonly Variable[] = UPSTREAM_VARIABLES.map((variable) =>
  variable.name === 'upstream' && variable.kind === 'query'
    ? { ...variable, single: true }
    : variable,
)

export const TOOL_VARIABLES: readonly Variable[] = [
  ...ONE_UPSTREAM_VARIABLES,
  {
    kind: 'query',
    name: 'tool',
    label: 'Tool',
    description: 'A tool that was called.',
    query: `label_values(mcp_server_operation_duration_seconds_count{${UPSTREAM}, gen_ai_tool_name!=""}, gen_ai_tool_name)`,
    single: true,
  },
]

/** Changes of what runs: a process that is new, or of another version. */
export const DEPLOYS: Annotation = {
  name: 'Deploys and restarts',
  expr: `sidelight_build_info{${SIDECAR}} unless sidelight_build_info{${SIDECAR}} offset 1m`,
  title: 'Started',
  text: 'Sidelight {{sidelight_version}} at {{instance}}',
  colour: 'blue',
  step: '60s',
}

export const RELOADS: Annotation = {
  name: 'Configuration',
  expr: `sum by (instance, sidelight_config_reload_outcome) (increase(sidelight_config_reloads_total{${SIDECAR}, sidelight_config_reload_outcome!="unchanged"}[1m])) > 0`,
  title: 'Configuration read',
  text: '{{sidelight_config_reload_outcome}} at {{instance}}',
  colour: 'purple',
  step: '60s',
}

export const BREAKERS: Annotation = {
  name: 'Breakers',
  expr: `sum by (sidelight_upstream_name, gen_ai_tool_name, sidelight_breaker_state) (increase(sidelight_breaker_transitions_total{${UPSTREAM}}[1m])) > 0`,
  title: 'Breaker: {{sidelight_breaker_state}}',
  text: '{{sidelight_upstream_name}} {{gen_ai_tool_name}}',
  colour: 'red',
  step: '60s',
}

export const SIDECAR_ANNOTATIONS = [DEPLOYS, RELOADS] as const

export const UPSTREAM_ANNOTATIONS = [DEPLOYS, RELOADS, BREAKERS] as const
