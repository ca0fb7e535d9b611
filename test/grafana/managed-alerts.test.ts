/**
 * The alerts that Grafana can evaluate itself: the same as those of Prometheus, in the words that Grafana
 * understands. There is no Grafana here to load them; the file is held to what its format asks for.
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { parsePromql } from '../support/promql.ts'

interface PrometheusRule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly keep_firing_for?: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

interface Query {
  readonly refId: string
  readonly datasourceUid: string
  readonly model: Readonly<Record<string, unknown>> & { readonly expr?: string }
}

interface GrafanaRule {
  readonly uid: string
  readonly title: string
  readonly condition: string
  readonly data: readonly Query[]
  readonly noDataState: string
  readonly execErrState: string
  readonly for: string
  readonly keepFiringFor?: string
  readonly annotations: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly isPaused: boolean
}

interface Group<Rule> {
  readonly name: string
  readonly rules: readonly Rule[]
}

interface GrafanaGroup extends Group<GrafanaRule> {
  readonly orgId: number
  readonly folder: string
  readonly interval: string
}

const textOf = (path: string): string => readFileSync(path, 'utf8')

const prometheus: { readonly groups: readonly Group<PrometheusRule>[] } = parse(
  textOf('grafana/rules/alerts.yaml'),
)
const grafana: { readonly apiVersion: number; readonly groups: readonly GrafanaGroup[] } = parse(
  textOf('grafana/managed-alerts/sidelight.yaml'),
)
const sources: {
  readonly datasources: readonly { readonly uid: string; readonly type: string }[]
} = parse(textOf('grafana/provisioning/datasources/sidelight.yaml'))
const settings: { readonly global: { readonly evaluation_interval: string } } = parse(
  textOf('grafana/prometheus/prometheus.yml'),
)

const alerts = prometheus.groups.flatMap(({ rules }) => rules)
const twins = grafana.groups.flatMap(({ rules }) => rules)

const repeated = (values: readonly string[]): readonly string[] =>
  values.filter((value, at) => values.indexOf(value) !== at)

/** Functions of Grafana's "Annotation and label template reference", those of Go that it names, and keywords. */
const KNOWN_WORDS = new Set(
  [
    'humanize humanize1024 humanizeDuration humanizePercentage humanizeTimestamp toTime',
    'title toUpper toLower stripPort match reReplaceAll graphLink tableLink parseDuration stripDomain',
    'args safeHtml externalURL pathPrefix',
    'and or not index len printf print println urlquery html js eq ne lt le gt ge slice',
    'with if else range end',
  ].flatMap((line) => line.split(' ')),
)

const VARIABLE = /^\$(?:labels\.[a-z_]\w*|values\.A\.Value)$/

/** What Grafana would not understand in a template, or would understand otherwise than Prometheus. */
function strangeIn(template: string): readonly string[] {
  const actions = [...template.matchAll(/\{\{(.*?)\}\}/g)].map(([, action = '']) =>
    action.replaceAll(/"[^"]*"/g, '""'),
  )
  return actions.flatMap((action) => [
    ...(action.match(/\$[\w.]*/g) ?? []).filter((variable) => !VARIABLE.test(variable)),
    ...(action.match(/(?<![$.\w])[a-zA-Z_]\w*/g) ?? []).filter((word) => !KNOWN_WORDS.has(word)),
  ])
}

const templatesOf = (
  rules: readonly { readonly annotations: Readonly<Record<string, string>> }[],
) => rules.flatMap(({ annotations }) => Object.values(annotations))

describe('alerts that Grafana evaluates itself', () => {
  it('are one for each alert of Prometheus, in the same groups, with the same waits and labels', () => {
    assert.deepEqual(
      grafana.groups.map(({ name, rules }) => [
        name,
        rules.map(({ title }) => title.split(' ')[0]),
      ]),
      prometheus.groups.map(({ name, rules }) => [name, rules.map(({ alert }) => alert)]),
    )
    assert.ok(twins.length >= 37)
    assert.deepEqual(
      twins.map((twin) => [twin.for, twin.keepFiringFor, twin.labels]),
      alerts.map((alert) => [alert.for ?? '0s', alert.keep_firing_for, alert.labels]),
    )
  })

  it('ask the same of Prometheus, and take the name of the series from the alert as Prometheus does', () => {
    assert.deepEqual(
      twins.map(({ data }) => data[0]?.model.expr),
      alerts.map(({ expr }) => `sum without () (\n${expr}\n)`),
    )
    const errors = twins.flatMap(({ data }) => parsePromql(data[0]?.model.expr ?? '').errors)
    assert.deepEqual(errors, [])
  })

  it('fire on every series that the one query answers with, and on nothing else', () => {
    for (const { title, condition, data, noDataState, execErrState, isPaused } of twins) {
      assert.deepEqual(
        data.map(({ refId, datasourceUid }) => [refId, datasourceUid]),
        [
          ['A', 'sidelight-prometheus'],
          ['B', '__expr__'],
        ],
        title,
      )
      const [query, threshold] = data
      assert.deepEqual([query?.model['instant'], query?.model['range']], [true, false], title)
      assert.deepEqual(
        threshold?.model,
        {
          refId: 'B',
          datasource: { type: '__expr__', uid: '__expr__' },
          type: 'threshold',
          expression: 'A',
          conditions: [{ type: 'query', evaluator: { type: 'gt', params: [-1e300] } }],
        },
        title,
      )
      assert.deepEqual(
        [condition, noDataState, execErrState, isPaused],
        ['B', 'OK', 'Error', false],
        title,
      )
    }
  })

  it('read the data source that is provisioned, with the interval of Prometheus', () => {
    const uids = sources.datasources
      .filter(({ type }) => type === 'prometheus')
      .map(({ uid }) => uid)
    assert.deepEqual(uids, ['sidelight-prometheus'])
    assert.equal(grafana.apiVersion, 1)
    for (const { orgId, folder, interval } of grafana.groups) {
      assert.deepEqual(
        [orgId, folder, interval],
        [1, 'Sidelight alerts', settings.global.evaluation_interval],
      )
    }
  })

  it('have uids and titles that Grafana takes, each once', () => {
    const uids = twins.map(({ uid }) => uid)
    assert.deepEqual(
      uids.filter((uid) => !/^[\w-]{1,40}$/.test(uid)),
      [],
    )
    assert.deepEqual(repeated(uids), [])
    assert.deepEqual(repeated(twins.map(({ title }) => title)), [])
    // What has been provisioned is known by its uid for ever.
    assert.ok(uids.includes('SidelightErrorRateHigh'))
    assert.ok(uids.includes('SidelightAvailabilityBudgetBurn-1h'))
  })

  it('speak in templates of Grafana alone', () => {
    assert.deepEqual(templatesOf(twins).flatMap(strangeIn), [])
    // In annotations Grafana replaces ${NAME} by what the environment holds.
    assert.deepEqual(
      templatesOf(twins).filter((text) => text.includes('${')),
      [],
    )
    // The check sees what is Prometheus' own.
    const own = new Set(templatesOf(alerts).flatMap(strangeIn))
    assert.deepEqual([...own].toSorted(), ['$value', 'first', 'query', 'value'])
  })

  it('say the same, but for figures that only a second query could tell', () => {
    const twin = twins.find(({ uid }) => uid === 'SidelightErrorRateHigh')
    assert.equal(
      twin?.annotations['summary'],
      '{{ $values.A.Value | humanizePercentage }} of the calls to {{ $labels.sidelight_upstream_name }} fail',
    )
    assert.match(
      twin.annotations['description'] ?? '',
      /the limit is the value of sidelight:threshold:error_ratio\. /,
    )
    assert.deepEqual(
      twins.map(({ annotations }) => Object.keys(annotations)),
      alerts.map(({ annotations }) => Object.keys(annotations)),
    )
  })

  it('are mounted by nothing, because they would tell everything twice', () => {
    const mounted = ['docker-compose.yml', 'deploy/compose/existing.yml'].filter((path) =>
      textOf(path).includes('managed-alerts'),
    )
    assert.deepEqual(mounted, [])
  })
})
