/** The chart of deploy/helm, as Helm reads it. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { parse, stringify } from 'yaml'
import { runTool, skipWithout } from '../support/monitoring-tools.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { AGENT } from './agent-chart.ts'
import {
  CHART,
  helm,
  only,
  parseAll,
  render,
  renderChart,
  skipWithoutDryRun,
  VALUES,
  type KubernetesObject,
} from './chart.ts'
import { isOperators, operatorProblems } from './operator-schema.ts'
import { schemaProblems, VERSIONS } from './support/schemas.ts'

/** Of the program, and so of the chart and the image. */
const { version: VERSION }: { readonly version: string } = JSON.parse(
  readFileSync('package.json', 'utf8'),
)

const DRY_RUN = skipWithoutDryRun()

const FLEET = ['-f', 'test/deploy/values/fleet.yaml']

interface Rule {
  readonly alert?: string
  readonly record?: string
  readonly expr: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

interface RuleGroup {
  readonly name: string
  readonly rules: readonly Rule[]
}

interface Rules {
  readonly groups: readonly RuleGroup[]
}

const groupsOf = (...args: readonly string[]): readonly RuleGroup[] =>
  only(render<Rules>(...args), 'PrometheusRule').spec.groups

/** Each object in one line, without those that are named after dashboards. */
const namesOf = (objects: readonly KubernetesObject[]): readonly string[] =>
  objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`).toSorted()

const DASHBOARDS = [
  'incident',
  'overview',
  'pipeline',
  'security',
  'sidecar',
  'slo',
  'tool',
  'upstream',
]

describe('the chart', { skip: skipWithout('helm') }, () => {
  it('passes the strict checks of Helm with every set of values', () => {
    for (const values of VALUES) {
      const { ok, stdout, stderr } = helm('lint', '--strict', CHART, '-f', values)
      assert.ok(ok, `${values}: ${stdout}${stderr}`)
    }
  })

  it('installs scraping, rules and dashboards when nothing is set', () => {
    assert.deepEqual(namesOf(render()), [
      ...DASHBOARDS.map((name) => `ConfigMap sidelight/fleet-sidelight-${name}`),
      'PodMonitor sidelight/fleet-sidelight',
      'PrometheusRule sidelight/fleet-sidelight',
    ])
  })

  it('puts what agents need into each of their namespaces, and the rest where it is said', () => {
    assert.deepEqual(namesOf(render(...FLEET)), [
      'AlertmanagerConfig monitoring/fleet-sidelight',
      ...DASHBOARDS.map((name) => `ConfigMap grafana/fleet-sidelight-${name}`),
      'ConfigMap research/sidelight',
      'ConfigMap research/sidelight-otel',
      'ConfigMap support/sidelight',
      'ConfigMap support/sidelight-otel',
      'NetworkPolicy research/fleet-sidelight',
      'NetworkPolicy support/fleet-sidelight',
      'PodMonitor monitoring/fleet-sidelight',
      'PrometheusRule monitoring/fleet-sidelight',
    ])
  })

  it('installs nothing when it is there for its templates alone', () => {
    for (const values of VALUES) {
      assert.deepEqual(namesOf(render('-f', values, '--set', 'enabled=false')), [])
    }
  })

  it('labels every object as Helm and the platform team want it', () => {
    for (const { kind, metadata } of render(...FLEET)) {
      assert.equal(metadata.labels?.['app.kubernetes.io/instance'], 'fleet', kind)
      assert.equal(metadata.labels?.['app.kubernetes.io/managed-by'], 'Helm', kind)
      assert.equal(metadata.labels?.['team'], 'platform', kind)
    }
  })

  it('has objects that are valid in every Kubernetes from the oldest that it takes', () => {
    const valid = (objects: readonly KubernetesObject[]): readonly string[] =>
      VERSIONS.filter((version) => {
        const problems = objects.flatMap((object) => schemaProblems(object, version))
        return problems.every((problem) => problem.includes('does not exist in Kubernetes'))
          ? problems.length === 0
          : assert.fail(problems.join('\n'))
      })
    for (const values of VALUES) {
      const objects = render('-f', values).filter((object) => !isOperators(object))
      const from = values.includes('injection') ? '1.36' : '1.29'
      assert.ok(objects.length > 0)
      assert.deepEqual(valid(objects), VERSIONS.slice(VERSIONS.indexOf(from)), values)
    }
    const older = render('-f', 'test/deploy/values/injection.yaml', '--set=injection.api=v1beta1')
    assert.deepEqual(valid(older), ['1.34', '1.35', '1.36', '1.37'])
  })

  it('keeps names texts that look like numbers', () => {
    const { ok, stdout, stderr } = helm(
      'template',
      '1',
      CHART,
      ...FLEET,
      '--set-string=fullnameOverride=2,agentNamespaces={3},config.name=4,environment.name=5',
      '--set-string=dashboards.namespace=6,monitoring.namespace=7',
      '--set=injection.enabled=true',
    )
    assert.ok(ok, stderr)
    for (const { kind, metadata } of parseAll(stdout)) {
      const { name, namespace, labels } = metadata
      const texts = [name, namespace ?? '', labels?.['app.kubernetes.io/instance']]
      assert.deepEqual(
        texts.map((one) => typeof one),
        ['string', 'string', 'string'],
        kind,
      )
    }
  })

  it('has no object too large for kubectl apply, which keeps a copy in an annotation', () => {
    for (const object of render(...FLEET)) {
      const { length } = JSON.stringify(object)
      assert.ok(length < 262_144, `${object.metadata.name} has ${String(length)} bytes`)
    }
  })

  it('is refused by a Kubernetes that has no native sidecars', () => {
    const { ok, stderr } = helm('template', 'fleet', CHART, '--kube-version=1.28.9')
    assert.ok(!ok)
    assert.match(stderr, /requires kubeVersion: >=1\.29\.0-0/)
  })

  it('is the same when it comes from a package', async () => {
    const directory = await temporaryDirectory()
    const { ok, stderr } = helm('package', CHART, '--destination', directory)
    assert.ok(ok, stderr)
    const [archive = ''] = readdirSync(directory)
    assert.match(archive, /^sidelight-\d+\.\d+\.\d+\.tgz$/)
    assert.deepEqual(renderChart(path.join(directory, archive), ...FLEET), render(...FLEET))
  })

  it('fits into the Secret in which Helm keeps a release', { skip: DRY_RUN }, () => {
    const { ok, stdout, stderr } = helm(
      'install',
      'fleet',
      CHART,
      '--dry-run=client',
      '--output=json',
      ...FLEET,
    )
    assert.ok(ok, stderr)
    const kept = gzipSync(stdout, { level: 9 }).toString('base64').length
    assert.ok(kept < (1 << 20) * 0.75, `${String(kept)} bytes of the 1 MiB that etcd takes`)
  })
})

/** What somebody reads after an install. */
const notes = (...args: readonly string[]): readonly string[] => {
  const { ok, stdout, stderr } = helm(
    'install',
    'fleet',
    CHART,
    '--dry-run=client',
    '--output=json',
    '--namespace=sidelight',
    ...args,
  )
  assert.ok(ok, stderr)
  const release: { readonly info: { readonly notes: string } } = JSON.parse(stdout)
  return release.info.notes.trimEnd().split('\n')
}

describe('what is said after an install', { skip: DRY_RUN }, () => {
  const selector = '  kubectl get pods --all-namespaces --selector sidelight.dev/sidecar=true'

  it('names what is still missing', () => {
    assert.deepEqual(notes(), [
      `sidelight ${VERSION}, for agents in sidelight.`,
      '',
      'Configuration: none was given. Each of these namespaces needs a ConfigMap sidelight with the key sidelight.yaml.',
      'Scraping: every pod with the label sidelight.dev/sidecar=true.',
      'If your Prometheus selects monitors and rules by a label, set it in monitoring.labels: it sees nothing of this otherwise.',
      'Alerts: set links.grafanaUrl and links.runbooksUrl, so that they lead to dashboards and runbooks.',
      '',
      'Which sidecars there are:',
      selector,
    ])
  })

  it('names what is there', () => {
    assert.deepEqual(notes(...FLEET), [
      `sidelight ${VERSION}, for agents in research, support.`,
      '',
      'Configuration: the ConfigMap sidelight in each of these namespaces. Running sidecars follow a change.',
      'Scraping: every pod with the label sidelight.dev/sidecar=true.',
      'Receivers: the Secret alert-addresses in monitoring is yours to make.',
      '',
      'Which sidecars there are:',
      selector,
    ])
    assert.deepEqual(notes('-f', 'test/deploy/values/injection.yaml').slice(2, 5), [
      'Configuration: none was given. Each of these namespaces needs a ConfigMap shared with the key sidelight.yaml.',
      'Injection: pods with the label sidelight.dev/inject=true, or of a namespace that has it.',
      'Scraping: not by the chart. Have the port sidelight-admin scraped, or no alert can fire.',
    ])
    assert.deepEqual(notes('--set=enabled=false'), [
      'Nothing was installed, as `enabled: false` says.',
    ])
  })
})

/** Values that are refused, and what Helm says of them. */
const REFUSED: readonly (readonly [setting: string, says: RegExp])[] = [
  ['podMonitors.enabled=true', /additional properties 'podMonitors' not allowed/],
  ['image.tagg=1', /at '\/image': additional properties 'tagg' not allowed/],
  ['image.repository=UPPER case', /at '\/image\/repository': 'UPPER case' does not match pattern/],
  ['image.digest=sha256:12', /at '\/image\/digest': 'sha256:12' does not match pattern/],
  ['image.pullPolicy=Sometimes', /at '\/image\/pullPolicy': value must be one of/],
  ['podMonitor.interval=5', /at '\/podMonitor\/interval': got number, want string/],
  ['podMonitor.enabled=maybe', /at '\/podMonitor\/enabled': got string, want boolean/],
  [
    'prometheusRule.disabledAlerts={Nothing}',
    /at '\/prometheusRule\/disabledAlerts\/0': value must be one of/,
  ],
  [
    'prometheusRule.thresholds[0].threshold=latency',
    /at '\/prometheusRule\/thresholds\/0': missing properties 'upstream', 'value'/,
  ],
  ['agentNamespaces={Research}', /at '\/agentNamespaces\/0': 'Research' does not match pattern/],
  ['links.grafanaUrl=https://grafana.example/', /at '\/links\/grafanaUrl'.*does not match pattern/],
  [
    'environment.variables.proxy=/',
    /at '\/environment\/variables': additional properties 'proxy' not allowed/,
  ],
  [
    'environment.variables.OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=prod',
    /environment\.variables\.OTEL_RESOURCE_ATTRIBUTES: the container sets it/,
  ],
  ['sidecar.tokenAudience=a"b', /at '\/sidecar\/tokenAudience': .* does not match pattern/],
  [
    'networkPolicy.otherPorts=ajar',
    /at '\/networkPolicy\/otherPorts': value must be one of 'closed', 'open'/,
  ],
  [
    'alertmanagerConfig.receivers.pager.a=b',
    /at '\/alertmanagerConfig\/receivers': additional properties 'pager' not allowed/,
  ],
  [
    'config.sidelight.upstreams.Search.url=http://search',
    /at '\/config\/sidelight\/upstreams': additional properties 'Search' not allowed/,
  ],
  [
    'config.sidelight.upstreams.search.urll=http://search',
    /at '\/config\/sidelight\/upstreams\/search': additional properties 'urll' not allowed/,
  ],
  [
    'config.sidelight.listen.data=8420',
    /at '\/config\/sidelight\/listen\/data': got number, want string/,
  ],
  [
    'config.sidelight.rejections=http',
    /config\.sidelight\.upstreams: name at least one MCP server/,
  ],
]

describe('values of the chart', { skip: skipWithout('helm') }, () => {
  it('are refused with a reason when they are unknown or wrong', () => {
    for (const [setting, says] of REFUSED) {
      const { ok, stderr } = helm('template', 'fleet', CHART, '--set', setting)
      assert.ok(!ok, `${setting} is accepted`)
      assert.match(stderr, says)
    }
  })
})

describe('the network policy of the chart without peers', { skip: skipWithout('helm') }, () => {
  it('is refused, because Kubernetes would let everybody in', () => {
    const { ok, stderr } = helm('template', 'fleet', CHART, '--set-json', 'networkPolicy.from=[]')
    assert.ok(!ok)
    assert.match(stderr, /at '\/networkPolicy\/from': minItems: got 0, want 1/)
  })
})

describe('scraping by the chart', { skip: skipWithout('helm') }, () => {
  it('finds the admin port of every pod with the label of a sidecar, in every namespace', () => {
    assert.deepEqual(only(render(), 'PodMonitor').spec, {
      selector: { matchLabels: { 'sidelight.dev/sidecar': 'true' } },
      namespaceSelector: { any: true },
      jobLabel: 'app.kubernetes.io/name',
      podMetricsEndpoints: [
        { port: 'sidelight-admin', path: '/metrics', interval: '15s', scrapeTimeout: '10s' },
      ],
    })
  })

  it('takes what the operator knows besides', () => {
    const { metadata, spec } = only(render(...FLEET), 'PodMonitor')
    assert.equal(metadata.labels?.['release'], 'kube-prometheus-stack')
    assert.deepEqual(spec, {
      selector: { matchLabels: { 'sidelight.dev/sidecar': 'true' } },
      namespaceSelector: { matchNames: ['research', 'support'] },
      jobLabel: 'app.kubernetes.io/name',
      sampleLimit: 5000,
      podMetricsEndpoints: [
        {
          port: 'sidelight-admin',
          path: '/metrics',
          interval: '30s',
          scrapeTimeout: '10s',
          metricRelabelings: [{ action: 'drop', sourceLabels: ['__name__'], regex: 'go_.*' }],
        },
      ],
    })
  })

  it('has objects that the operator knows whole', async () => {
    for (const values of VALUES) {
      const objects = render('-f', values).filter(isOperators)
      assert.deepEqual(await operatorProblems(objects), [], values)
    }
  })

  it('is checked by something that notices what is missing, of another kind or misspelt', async () => {
    const monitor = only(render<Readonly<Record<string, object>>>(), 'PodMonitor')
    const wrong = (spec: object): KubernetesObject => ({ ...monitor, spec })
    const { selector, podMetricsEndpoints } = monitor.spec
    for (const spec of [
      { podMetricsEndpoints },
      { selector, podMetricsEndpoints: 'none' },
      { selector, podMetricsEndpoints, jobLabels: 'app' },
    ]) {
      assert.equal((await operatorProblems([wrong(spec)])).length > 0, true, JSON.stringify(spec))
    }
  })
})

describe('rules of the chart', { skip: skipWithout('helm') }, () => {
  const shipped: KubernetesObject<Rules> = parse(
    readFileSync('grafana/rules/kubernetes/prometheus-rule.yaml', 'utf8'),
  )

  it('are those of grafana/rules, with links to where Grafana is', () => {
    const groups = groupsOf(
      '--set=links.grafanaUrl=http://localhost:3000',
      '--set=links.runbooksUrl=http://localhost:3000/public/runbooks',
    )
    assert.deepEqual(groups, shipped.spec.groups)
  })

  it('have no links that lead nowhere', () => {
    const annotated = groupsOf()
      .flatMap(({ rules }) => rules)
      .filter(({ annotations }) => annotations !== undefined)
    assert.ok(annotated.length > 30)
    const withLinks = annotated.filter(({ annotations }) =>
      Object.entries(annotations ?? {}).some(
        ([name, text]) => name.endsWith('_url') || text.includes('_URL'),
      ),
    )
    assert.deepEqual(withLinks, [])
  })

  it('leave out single alerts, and add labels, links and thresholds of upstreams', () => {
    const groups = groupsOf(...FLEET)
    const before = shipped.spec.groups.flatMap(({ rules }) => rules)
    const after = groups.flatMap(({ rules }) => rules)
    assert.deepEqual(
      before
        .map(({ alert }) => alert)
        .filter((alert) => !after.some((rule) => rule.alert === alert)),
      ['SidelightCollectorDown', 'SidelightAlertDeliveryFailing'],
    )
    assert.deepEqual(groups[0], {
      name: 'sidelight-overrides',
      rules: [
        {
          record: 'sidelight:threshold_override',
          labels: { threshold: 'latency_p95_seconds', sidelight_upstream_name: 'search' },
          expr: 'vector(30)',
        },
        {
          record: 'sidelight:threshold_override',
          labels: { threshold: 'availability_budget_ratio', sidelight_upstream_name: 'search' },
          expr: 'vector(1e-05)',
        },
      ],
    })
    const gone = after.find(({ alert }) => alert === 'SidelightGone')
    assert.deepEqual(gone?.labels, { category: 'sidecar', severity: 'critical', team: 'platform' })
    assert.equal(
      gone?.annotations?.['runbook_url'],
      'https://runbooks.example.com/sidelight/SidelightGone.md',
    )
    assert.match(
      gone?.annotations?.['dashboard_url'] ?? '',
      /^https:\/\/grafana\.example\.com\/d\/sidelight-sidecar\?/,
    )
  })

  it('are what Prometheus can read', { skip: skipWithout('helm', 'promtool') }, async () => {
    const directory = await temporaryDirectory()
    for (const values of VALUES.slice(0, 2)) {
      const file = path.join(directory, 'rules.yaml')
      writeFileSync(file, stringify({ groups: groupsOf('-f', values) }))
      const { ok, text } = runTool('promtool', [
        'check',
        'rules',
        '--lint=all',
        '--lint-fatal',
        file,
      ])
      assert.ok(ok, `${values}: ${text}`)
    }
  })
})

describe('dashboards of the chart', { skip: skipWithout('helm') }, () => {
  it('are those of grafana/dashboards, byte for byte, each in a ConfigMap that Grafana finds', () => {
    const objects = render()
    for (const name of DASHBOARDS) {
      const { metadata, data } = only(objects, 'ConfigMap', `fleet-sidelight-${name}`)
      assert.equal(metadata.labels?.['grafana_dashboard'], '1')
      assert.deepEqual(data, {
        [`sidelight-${name}.json`]: readFileSync(
          `grafana/dashboards/sidelight-${name}.json`,
          'utf8',
        ),
      })
    }
  })

  it('lead to runbooks where these are, when that is said', () => {
    const objects = render(...FLEET)
    const { metadata, data } = only(objects, 'ConfigMap', 'fleet-sidelight-sidecar')
    const text = data?.['sidelight-sidecar.json'] ?? ''
    assert.deepEqual(metadata.annotations, { grafana_folder: 'Sidelight' })
    assert.ok(text.includes('https://runbooks.example.com/sidelight/SidelightGone.md'))
    assert.ok(!text.includes('localhost'))
  })
})

describe('the configuration that the chart shares', { skip: skipWithout('helm') }, () => {
  it('is one that the program accepts', async () => {
    const file = path.join(await temporaryDirectory(), 'sidelight.yaml')
    for (const values of ['fleet', 'without-operator']) {
      const found = render('-f', `test/deploy/values/${values}.yaml`).find(
        ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'sidelight',
      )
      writeFileSync(file, found?.data?.['sidelight.yaml'] ?? '')
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        ['src/main.ts', 'check', file],
        {
          encoding: 'utf8',
        },
      )
      assert.equal(status, 0, `${values}: ${stdout}${stderr}`)
    }
  })

  it('says what the values say', () => {
    const [research] = render(...FLEET).filter(
      ({ metadata }) => metadata.name === 'sidelight' && metadata.namespace === 'research',
    )
    assert.deepEqual(parse(research?.data?.['sidelight.yaml'] ?? ''), {
      limits: { connections: 20_000_000 },
      upstreams: {
        search: {
          url: 'https://mcp.example.com/mcp',
          headers: {
            Authorization: { file: '/var/run/secrets/sidelight/search', prefix: 'Bearer ' },
          },
        },
        tickets: { url: 'http://tickets.support.svc:3001/mcp', timeout: '60s' },
      },
      audit: { dir: '/var/lib/sidelight/audit' },
    })
  })
})

describe('docs/helm.md', { skip: skipWithout('helm') }, () => {
  const page = readFileSync('docs/helm.md', 'utf8')

  it('shows values that the chart takes', async () => {
    const shown = /```yml\n# fleet\.yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? ''
    const file = path.join(await temporaryDirectory(), 'fleet.yaml')
    writeFileSync(file, shown)
    const kinds = render('-f', file).map(({ kind }) => kind)
    assert.deepEqual([...new Set(kinds)].toSorted(), [
      'ConfigMap',
      'MutatingAdmissionPolicy',
      'MutatingAdmissionPolicyBinding',
      'PodMonitor',
      'PrometheusRule',
    ])
  })

  it('names values that the chart has', () => {
    const known = new Set(
      [...readFileSync(`${CHART}/README.md`, 'utf8').matchAll(/^\| `([\w.]+)`/gm)].flatMap(
        ([, name = '']) =>
          name.split('.').map((_, end, parts) => parts.slice(0, end + 1).join('.')),
      ),
    )
    const sections = [...known].filter((name) => !name.includes('.'))
    const named = [...page.matchAll(/`(\w+)\.(\w+)`/g)]
      .filter(([, first = '']) => sections.includes(first))
      .map(([, first, second]) => `${first}.${second}`)
    assert.ok(named.length > 10)
    assert.deepEqual(
      named.filter((name) => !known.has(name)),
      [],
    )
  })

  it('shows templates that the chart has, as they are used in the tests', () => {
    const used = [...page.matchAll(/\{\{-? include "[^"]+" \.Subcharts\.sidelight[^}]*\}\}/g)]
    assert.equal(used.length, 4)
    for (const [text] of used) assert.ok(AGENT.includes(text), text)
  })
})

describe('the network policy of the chart', { skip: skipWithout('helm') }, () => {
  interface Policy {
    readonly ingress: readonly object[]
  }

  const spec = (file: string): Policy | undefined =>
    render<Policy>('-f', `test/deploy/values/${file}.yaml`).find(
      ({ kind }) => kind === 'NetworkPolicy',
    )?.spec

  it('opens the admin port to Prometheus, and no other port', () => {
    assert.deepEqual(spec('without-operator'), {
      podSelector: { matchLabels: { 'sidelight.dev/sidecar': 'true' } },
      policyTypes: ['Ingress'],
      ingress: [
        {
          ports: [{ protocol: 'TCP', port: 9464 }],
          from: [
            {
              namespaceSelector: {
                matchLabels: { 'kubernetes.io/metadata.name': 'observability' },
              },
            },
          ],
        },
      ],
    })
  })

  it('leaves every other port as open as it was where it is told to', () => {
    assert.deepEqual(spec('fleet')?.ingress, [
      {
        ports: [{ protocol: 'TCP', port: 9464 }],
        from: [
          {
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
          },
        ],
      },
      {
        ports: [
          { protocol: 'TCP', port: 1, endPort: 9463 },
          { protocol: 'TCP', port: 9465, endPort: 65_535 },
          { protocol: 'UDP', port: 1, endPort: 65_535 },
          { protocol: 'SCTP', port: 1, endPort: 65_535 },
        ],
      },
    ])
  })
})

interface Routes {
  readonly route: { readonly routes: readonly object[] }
  readonly inhibitRules: readonly object[]
  readonly receivers: readonly object[]
}

describe('the routes of the chart', { skip: skipWithout('helm') }, () => {
  const manifest = (): KubernetesObject<Routes> => only(render(...FLEET), 'AlertmanagerConfig')

  it('are those of grafana/alertmanager', () => {
    const file: Readonly<Record<string, unknown>> = parse(
      readFileSync('grafana/alertmanager/alertmanager.yml', 'utf8'),
    )
    const { spec } = manifest()
    assert.deepEqual(asAlertmanager(spec.route), file['route'])
    assert.deepEqual(asAlertmanager(spec.inhibitRules), file['inhibit_rules'])
  })

  it('have children that the operator would take too', async () => {
    const config = manifest()
    const { spec } = config
    const { routes } = spec.route
    assert.equal(routes.length, 6)
    const alone = routes.map((route): KubernetesObject => ({ ...config, spec: { ...spec, route } }))
    assert.deepEqual(await operatorProblems(alone), [])
  })

  it('lead to webhooks from a Secret, and to what is set in their place', () => {
    const { receivers } = manifest().spec
    const webhook = (name: string, sendResolved: boolean): object => ({
      name,
      webhookConfigs: [
        { urlSecret: { name: 'alert-addresses', key: `${name}_url` }, sendResolved },
      ],
    })
    assert.deepEqual(receivers, [
      {
        name: 'page',
        pagerdutyConfigs: [{ routingKey: { name: 'alert-addresses', key: 'pagerduty' } }],
      },
      webhook('ticket', true),
      webhook('security', true),
      webhook('heartbeat', false),
      webhook('team', true),
      { name: 'nobody' },
    ])
  })
})

/** As alertmanager.yml writes what an AlertmanagerConfig says: keys with underscores, matchers as texts. */
function asAlertmanager(value: object): unknown {
  return JSON.parse(JSON.stringify(value), (_, member: unknown) => {
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member
    if (isMatcher(member)) return `${member.name}${member.matchType}"${member.value}"`
    return Object.fromEntries(
      Object.entries(member).map(([key, one]) => [
        key.replace(/Match$/, 'Matchers').replaceAll(/[A-Z]/g, (big) => `_${big.toLowerCase()}`),
        one,
      ]),
    )
  })
}

const isMatcher = (
  value: object,
): value is Readonly<Record<'name' | 'matchType' | 'value', string>> => 'matchType' in value
