/** Every value of the chart: its default, what it is for, and what it may be. */

import { RECEIVERS } from '../../../grafana/src/alertmanager.ts'
import { alertRules } from '../../../grafana/src/rules/files.ts'
import { UPSTREAM_THRESHOLDS } from '../../../grafana/src/thresholds.ts'
import { DEFAULTS } from '../container.ts'
import { configValueSchema } from './config-schema.ts'
import {
  anything,
  flag,
  namespaces,
  optionalName,
  promDuration,
  section,
  text,
  texts,
  value,
  type Schema,
  type Values,
} from './value.ts'

const url: Schema = { pattern: '^(https?://.*[^/])?$' }

const alertNames: Schema = {
  type: 'array',
  uniqueItems: true,
  items: { enum: [...new Set(alertRules().map(({ alert }) => alert))].toSorted() },
}

const thresholds: Schema = {
  type: 'array',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['threshold', 'upstream', 'value'],
    properties: {
      threshold: { enum: Object.keys(UPSTREAM_THRESHOLDS) },
      upstream: { type: 'string', minLength: 1 },
      value: { type: 'number', minimum: 0 },
    },
  },
}

const receivers: Schema = {
  type: 'object',
  additionalProperties: false,
  properties: Object.fromEntries(
    RECEIVERS.map((name) => [name, { type: 'object', additionalProperties: true }]),
  ),
}

/** Of an image, as registries take them; what it may not hold would end a text that it is put into. */
const repository: Schema = {
  pattern: '^[a-z0-9]([a-zA-Z0-9._:/-]*[a-zA-Z0-9])?$',
}

const objectName: Schema = { pattern: '^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$' }

const quantity: Schema = { pattern: '^[0-9]+(\\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$' }

const amounts: Schema = {
  type: 'object',
  additionalProperties: {
    anyOf: [
      { type: 'string', ...quantity },
      { type: 'number', minimum: 0 },
    ],
  },
}

/** To Kubernetes an empty list of peers is everybody. */
const peers: Schema = {
  type: 'array',
  minItems: 1,
  items: { type: 'object', additionalProperties: true },
}

/** Prometheus as its operator labels it, wherever it runs. */
const PROMETHEUS_PODS = {
  namespaceSelector: {},
  podSelector: {
    matchExpressions: [
      {
        key: 'app.kubernetes.io/name',
        operator: 'In',
        values: ['prometheus', 'prometheus-agent'],
      },
    ],
  },
}

export const VALUES: Values = {
  enabled: flag(
    true,
    'False: nothing is installed; for charts that have this one as a dependency for its template `sidelight.sidecar` alone. They name it in no `condition`, which would take the template away too.',
  ),
  fullnameOverride: optionalName(
    'What objects are named, in place of the release with `-sidelight` at its end.',
  ),
  commonLabels: texts({}, 'Labels of every object.'),
  agentNamespaces: namespaces(
    'Namespaces of the agents: each gets the shared configuration and the network policy. Empty: the namespace of the release. They have to exist.',
  ),
  image: section('The container image of the sidecar.', {
    repository: text('sidelight', 'Where it is.', repository),
    tag: text('', "Its tag. Empty: the chart's `appVersion`.", {
      pattern: '^([a-zA-Z0-9_][a-zA-Z0-9._-]{0,127})?$',
    }),
    digest: text('', 'Its digest, which wins over the tag.', {
      pattern: '^(sha256:[0-9a-f]{64})?$',
    }),
    pullPolicy: text(DEFAULTS.imagePullPolicy, 'When it is pulled.', {
      enum: ['Always', 'IfNotPresent', 'Never'],
    }),
  }),
  config: section('The configuration that sidecars share.', {
    name: text(
      DEFAULTS.configMap,
      'Name of the ConfigMap, in each of `agentNamespaces`.',
      objectName,
    ),
    sidelight: value(
      {},
      'What is in `sidelight.yaml` (docs/configuration.md). Empty: no ConfigMap is made, and agents bring their own. Running sidecars follow a change.',
      configValueSchema(),
    ),
    annotations: texts({}, 'Annotations of the ConfigMap.'),
  }),
  environment: section('Environment variables that sidecars share.', {
    name: text(
      DEFAULTS.telemetryConfigMap,
      'Name of the ConfigMap, in each of `agentNamespaces`.',
      objectName,
    ),
    variables: value(
      {},
      'Above all where traces and logs go, `OTEL_EXPORTER_OTLP_ENDPOINT` (docs/telemetry.md). Empty: no ConfigMap is made. Sidecars read them at their start. Secrets do not belong here, and `OTEL_RESOURCE_ATTRIBUTES` is set by the container.',
      {
        type: 'object',
        patternProperties: { '^[A-Z_][A-Z0-9_]*$': { type: 'string' } },
        additionalProperties: false,
      },
    ),
  }),
  sidecar: section('The container, in the template `sidelight.sidecar` and where it is injected.', {
    secretName: text(
      DEFAULTS.secret,
      'Secret in the namespace of the agent whose keys are files in /var/run/secrets/sidelight; it need not exist.',
      objectName,
    ),
    tokenAudience: text(
      DEFAULTS.tokenAudience,
      "Whom the pod's own token in /var/run/secrets/sidelight-token is for.",
      { pattern: '^[^\\s"\\\\]+$' },
    ),
    dataSize: text(DEFAULTS.dataSize, 'Most of what the audit log may keep.', quantity),
    resources: value(
      { ...DEFAULTS.resources },
      'Requests and limits. A limit of CPU would hold up calls of an agent that is idle itself.',
      {
        type: 'object',
        additionalProperties: false,
        properties: { requests: amounts, limits: amounts },
      },
    ),
    overrides: anything(
      'Laid over the container of the template, not over one that is injected: mappings key by key, lists as a whole, such as `envFrom`.',
    ),
  }),
  injection: section('Puts the sidecar into the pods of agents, by an admission policy.', {
    enabled: flag(
      false,
      'Pods of namespaces with the label `sidelight.dev/inject: "true"`, and pods with that label of their own, get it when they are made (docs/kubernetes.md).',
    ),
    api: text(
      'v1',
      "Whose policy: `v1` is Kubernetes' own from 1.36 on, `v1beta1` that of 1.34 and 1.35 where it is switched on, `kyverno` that of Kyverno 1.17 and later.",
      { enum: ['v1', 'v1beta1', 'kyverno'] },
    ),
  }),
  monitoring: section('What the objects for the Prometheus operator have in common.', {
    namespace: optionalName('Their namespace. Empty: that of the release.'),
    labels: texts(
      {},
      'Labels that your Prometheus selects them by, such as `release: kube-prometheus-stack`.',
    ),
  }),
  podMonitor: section('Scrapes the admin listener of every sidecar.', {
    enabled: flag(true, 'Needs the Prometheus operator.'),
    namespaces: namespaces('Where sidecars are looked for. Empty: in every namespace.'),
    interval: promDuration('15s', 'Time between scrapes. Alerts expect at most 60s.'),
    scrapeTimeout: promDuration(
      '10s',
      'Longest time for a scrape: at most `interval`, or the operator refuses the monitor.',
    ),
    jobLabel: text(
      'app.kubernetes.io/name',
      'The label of the pod whose value is the label `job`. Rules add up the sidecars of a job, so this says whose figures are one.',
      { minLength: 1 },
    ),
    spec: anything('Laid over the `spec`, such as `sampleLimit`.'),
    endpoint: anything('Laid over the endpoint, such as `metricRelabelings` or `tlsConfig`.'),
  }),
  prometheusRule: section('Recording and alert rules.', {
    enabled: flag(true, 'Needs the Prometheus operator.'),
    disabledAlerts: value([], 'Alerts that are left out.', alertNames),
    thresholds: value(
      [],
      'Thresholds of single upstreams: a list of `threshold`, `upstream` and `value` (docs/alerts.md).',
      thresholds,
    ),
    alertLabels: texts({}, 'Labels that every alert carries besides its own.'),
  }),
  links: section('Where alerts and panels lead.', {
    grafanaUrl: text('', 'Address of Grafana. Empty: alerts have no `dashboard_url`.', url),
    runbooksUrl: text(
      '',
      'Where the runbooks of grafana/runbooks are served, such as https://example.com/runbooks for https://example.com/runbooks/SidelightGone.md. Empty: alerts have no `runbook_url`, and dashboards lead to those of docker-compose.yml.',
      url,
    ),
  }),
  dashboards: section('Dashboards for Grafana, each in a ConfigMap.', {
    enabled: flag(true, "For Grafana's side car of dashboards, which finds them by a label."),
    namespace: optionalName('Their namespace. Empty: that of the release.'),
    label: text('grafana_dashboard', 'The label that it looks for.', { minLength: 1 }),
    labelValue: text('1', 'The value of this label.'),
    annotations: texts({}, 'Annotations, such as `grafana_folder: Sidelight`.'),
  }),
  alertmanagerConfig: section(
    'Who is told of what: an example of routes, as the operator takes them.',
    {
      enabled: flag(
        false,
        'Needs the Prometheus operator. An Alertmanager takes it for alerts of every namespace only with `alertmanagerConfigMatcherStrategy.type: None`.',
      ),
      secretName: text(
        'sidelight-alert-receivers',
        'The Secret, made by you in `monitoring.namespace`, with the addresses of webhooks under `page_url`, `ticket_url`, `security_url`, `team_url` and `heartbeat_url`.',
        { minLength: 1 },
      ),
      receivers: value(
        {},
        "Receivers in place of these webhooks, by name: what an AlertmanagerConfig's receiver holds besides its `name`.",
        receivers,
      ),
    },
  ),
  networkPolicy: section('Who may reach the admin listener of sidecars in `agentNamespaces`.', {
    enabled: flag(
      false,
      'Without it everybody who reaches the pod may read metrics and health, and nothing else that needs no token.',
    ),
    otherPorts: text(
      'closed',
      '`closed`: this policy opens the admin port alone, for namespaces where others say who reaches agents. `open`: it opens every other port to everybody besides, for namespaces without policies, where any policy would close what it does not name.',
      { enum: ['closed', 'open'] },
    ),
    from: value(
      [PROMETHEUS_PODS],
      'Who may: peers of a NetworkPolicy, one at least. The kubelet and `kubectl port-forward` need not be among them.',
      peers,
    ),
  }),
}
