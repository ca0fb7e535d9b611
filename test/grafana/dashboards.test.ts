/**
 * What must hold of every dashboard, without a Grafana: queries parse and ask for what the binary has,
 * and the rules of Grafana's dashboard-linter, with ours beside them.
 */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as logql from '@grafana/lezer-logql'
import * as traceql from '@grafana/lezer-traceql'
import { EXTERNAL_METRICS } from '../../grafana/src/dashboards/external.ts'
import { UNUSED_METRICS } from '../../grafana/src/dashboards/unused.ts'
import { labelsOfSeries, metricOfSeries, readContract } from '../../grafana/src/metrics.ts'
import { ruleGroups } from '../../grafana/src/rules/files.ts'
import { GROUP } from '../../grafana/src/rules/calls.ts'
import { parsePromql, type Matcher, type Selector } from '../support/promql.ts'
import {
  panelsOf,
  promQueriesOf,
  readDashboards,
  withDurations,
  type DashboardFile,
  type PlacedQuery,
} from './dashboard-files.ts'

const dashboards = readDashboards()
const contract = readContract()

/** Series that Prometheus makes by itself, or another program brings. */
const external = new Set(Object.values(EXTERNAL_METRICS).flat())

/** Series that the recording rules make. */
const recorded = new Set(
  ruleGroups().recording.flatMap(({ rules }) =>
    rules.flatMap((rule) => ('record' in rule ? [rule.record] : [])),
  ),
)
const RECORDED_LABELS = new Set(GROUP.split(', '))

const all = <T>(list: (file: DashboardFile) => readonly T[]): readonly T[] =>
  dashboards.flatMap(list)

const queries = all(promQueriesOf).map((query) => ({
  ...query,
  parsed: parsePromql(withDurations(query.expr)),
}))

function eachSelector(
  check: (selector: Selector, query: PlacedQuery) => string | undefined,
): readonly string[] {
  return queries.flatMap((query) =>
    query.parsed.selectors.flatMap((selector) => {
      const problem = check(selector, query)
      return problem === undefined ? [] : [`${query.where}: ${problem}`]
    }),
  )
}

function unknownValues({ value, op }: Matcher, known: readonly string[]): readonly string[] {
  if (value.startsWith('$') || value === '') return []
  const values = op === '=~' || op === '!~' ? value.split('|') : [value]
  // An expression that is no list of values is not looked into.
  return values.filter((one) => /^[\w/]+$/.test(one) && !known.includes(one))
}

describe('dashboards', () => {
  it('are these, under these uids', () => {
    assert.deepEqual(
      dashboards.map(({ uid }) => uid),
      [
        'sidelight-incident',
        'sidelight-overview',
        'sidelight-pipeline',
        'sidelight-security',
        'sidelight-sidecar',
        'sidelight-slo',
        'sidelight-tool',
        'sidelight-upstream',
      ],
    )
  })

  it('are of the form that can be provisioned from files', () => {
    for (const { text, schemaVersion, editable } of dashboards) {
      assert.equal(schemaVersion, 42)
      assert.equal(editable, false)
      assert.doesNotMatch(text, /"elements":|"layout": \{|"apiVersion"/)
    }
  })

  it('have panels with ids and letters of their own that do not overlap', () => {
    for (const file of dashboards) {
      const panels = panelsOf(file)
      const ids = file.panels.flatMap((one) =>
        'targets' in one ? [one.id] : [one.id, ...one.panels.map(({ id }) => id)],
      )
      assert.equal(new Set(ids).size, ids.length, file.uid)
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
      )
      assert.equal(new Set(cells).size, cells.length, `${file.uid}: panels overlap`)
      for (const { gridPos, targets } of panels) {
        assert.ok(gridPos.x + gridPos.w <= 24)
        const letters = targets.map(({ refId }) => refId)
        assert.equal(new Set(letters).size, letters.length)
      }
    }
  })

  it('say of every panel what it shows, in which unit, and what it means when there is nothing', () => {
    const problems = all((file) =>
      panelsOf(file).flatMap((panel) => {
        const where = `${file.uid}: ${panel.title}`
        const { unit, noValue } = panel.fieldConfig.defaults
        return [
          ...(panel.description.length < 20 ? [`${where}: its description says too little`] : []),
          ...(unit === '' ? [`${where}: no unit`] : []),
          ...(noValue.length < 4 ? [`${where}: says nothing when it is empty`] : []),
          ...(panel.title === '' ? [`${where}: no title`] : []),
          ...(panel.targets.length === 0 && panel.type !== 'text' && panel.type !== 'alertlist'
            ? [`${where}: asks for nothing`]
            : []),
        ]
      }),
    )
    assert.deepEqual(problems, [])
  })

  it('take their data sources from variables', () => {
    for (const file of dashboards) {
      const kinds = file.templating.list
        .filter(({ type }) => type === 'datasource')
        .map(({ name }) => name)
      assert.deepEqual(kinds, ['datasource', 'loki', 'tempo'], file.uid)
      for (const { datasource, targets, title } of panelsOf(file)) {
        for (const { uid } of [datasource, ...targets.map((one) => one.datasource)]) {
          assert.match(uid, /^\$\{(datasource|loki|tempo)\}$/, `${file.uid}: ${title}`)
        }
      }
    }
  })

  it('let one choose namespace, job and sidecar, many of each, and renew the choice with the time', () => {
    for (const file of dashboards) {
      for (const name of ['namespace', 'job', 'instance']) {
        const found = file.templating.list.find((one) => one.name === name)
        assert.deepEqual(
          [found?.type, found?.multi, found?.allValue, found?.refresh],
          ['query', true, '.*', 2],
          `${file.uid}: ${name}`,
        )
      }
    }
  })

  it('use no variable that they do not have', () => {
    const known = new Set([
      '__all',
      '__rate_interval',
      '__range',
      '__from',
      '__to',
      '__url_time_range',
    ])
    for (const file of dashboards) {
      const own = new Set(file.templating.list.map(({ name }) => name))
      const used = [...file.text.matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name)
      assert.deepEqual(
        [...new Set(used)].filter(
          (name) => !own.has(name) && !known.has(name) && !/^__(field|data|value)$/.test(name),
        ),
        [],
        file.uid,
      )
    }
  })

  it('lead somewhere from every value', () => {
    const silent = all((file) =>
      panelsOf(file)
        .filter(({ type }) => !['text', 'alertlist', 'logs'].includes(type))
        .filter(
          ({ fieldConfig, targets }) =>
            fieldConfig.defaults.links.length === 0 &&
            // A row of traces leads to the trace by itself.
            targets.some(({ datasource }) => datasource.type !== 'tempo'),
        )
        .map(({ title }) => `${file.uid}: ${title}`),
    )
    assert.deepEqual(silent, [])
  })

  it('lead by labels that the series have', () => {
    const problems = all((file) =>
      panelsOf(file).flatMap(({ title, targets, fieldConfig }) => {
        const text = JSON.stringify(fieldConfig)
        const labels = [...text.matchAll(/__(?:field\.labels|data\.fields)\.(\w+)/g)]
        const grouped = targets.map(
          ({ expr = '' }) =>
            new Set(parsePromql(withDurations(expr)).selectors.flatMap((one) => one.groupedBy)),
        )
        return labels
          .filter(([, label = '']) => !grouped.some((one) => one.has(label)))
          .map(([, label]) => `${file.uid}: ${title}: no query keeps ${label}`)
      }),
    )
    assert.deepEqual(problems, [])
  })

  it('search for traces and logs in forms that text in quotes can hold', () => {
    // `:regex` would put backslashes into strings of JSON, TraceQL and LogQL.
    for (const { text, uid } of dashboards) assert.doesNotMatch(text, /:regex\}/, uid)
    const searches = all((file) => [...file.text.matchAll(/panes=([^"]+)"/g)])
    assert.ok(searches.length > 50)
    for (const [, panes = ''] of searches) {
      assert.doesNotThrow(() =>
        JSON.parse(decodeURIComponent(panes.replaceAll(/\$\{[\w:]+\}/g, 'x'))),
      )
    }
  })

  it('lead to dashboards that there are', () => {
    const uids = new Set(dashboards.map(({ uid }) => uid))
    for (const { text, uid } of dashboards) {
      for (const [, to = ''] of text.matchAll(/"\/d\/([\w-]+)/g)) {
        assert.ok(uids.has(to), `${uid} leads to ${to}`)
      }
    }
  })

  it('lead to runbooks of alerts that there are', () => {
    const alerts = new Set(
      ruleGroups().alerts.flatMap(({ rules }) =>
        rules.flatMap((rule) => ('alert' in rule ? [rule.alert] : [])),
      ),
    )
    const linked = all((file) => [...file.text.matchAll(/runbooks\/(\w+)\.md/g)]).map(
      ([, name = '']) => name,
    )
    assert.ok(linked.length > 20)
    assert.deepEqual(
      linked.filter((name) => !alerts.has(name)),
      [],
    )
  })

  it('show exemplars wherever a histogram is shown over time', () => {
    const without = all((file) =>
      panelsOf(file).flatMap((panel) => {
        const asked = panel.targets.filter(({ expr = '' }) => /_bucket\{/.test(expr))
        const overTime = asked.filter(({ instant }) => instant !== true)
        return overTime.length === 0 || overTime.some(({ exemplar }) => exemplar === true)
          ? []
          : [`${file.uid}: ${panel.title}`]
      }),
    )
    assert.deepEqual(without, [])
  })

  it('mark reloads of the configuration and, where upstreams are shown, transitions of breakers', () => {
    for (const file of dashboards) {
      const names = file.annotations.list.map(({ name }) => name)
      assert.ok(names.includes('Configuration'), file.uid)
      assert.ok(names.includes('Deploys and restarts'), file.uid)
      const aboutUpstreams = !['sidelight-sidecar', 'sidelight-pipeline'].includes(file.uid)
      assert.equal(names.includes('Breakers'), aboutUpstreams, file.uid)
    }
  })
})

describe('queries of dashboards', () => {
  it('parse as PromQL', () => {
    assert.ok(queries.length > 100)
    assert.deepEqual(
      queries.flatMap(({ where, parsed }) => parsed.errors.map((error) => `${where}\n${error}`)),
      [],
    )
  })

  it('parse as LogQL and TraceQL', () => {
    const languages = { loki: logql.parser, tempo: traceql.parser }
    for (const [type, parser] of Object.entries(languages)) {
      const texts = all((file) =>
        panelsOf(file).flatMap(({ targets }) =>
          targets
            .filter(({ datasource }) => datasource.type === type)
            .map(({ expr, query }) => expr ?? query ?? ''),
        ),
      ).map((text) => text.replaceAll(/\$\{\w+:pipe\}/g, 'weather'))
      assert.ok(texts.length > 2, type)
      for (const text of texts) {
        parser.parse(text).iterate({
          enter: ({ type: node, from }) => assert.ok(!node.isError, `${text} at ${from}`),
        })
      }
    }
  })

  it('ask for metrics that the registry has, or that another program is known to bring', () => {
    assert.deepEqual(
      eachSelector(({ metric }) => {
        if (metric === undefined) return 'names no metric'
        const known =
          metricOfSeries(contract, metric) !== undefined ||
          external.has(metric) ||
          recorded.has(metric)
        return known ? undefined : `there is no ${metric}`
      }),
      [],
    )
  })

  it('use labels and values that the metrics have', () => {
    assert.deepEqual(
      eachSelector(({ metric = '', matchers, groupedBy }) => {
        const found = metricOfSeries(contract, metric)
        if (recorded.has(metric)) {
          const own = [...matchers.map(({ label }) => label), ...groupedBy]
          const unknown = own.filter((label) => !RECORDED_LABELS.has(label))
          return unknown.length > 0 ? `${metric} has no ${unknown.join(', ')}` : undefined
        }
        if (found === undefined) return undefined
        const labels = labelsOfSeries(found, metric)
        // What sums buckets keeps `le`, whose native twin has none.
        const asked = [...matchers.map(({ label }) => label), ...groupedBy]
        const unknown = asked.filter((label) => !labels.has(label) && label !== 'le')
        if (unknown.length > 0) return `${metric} has no ${unknown.join(', ')}`
        const wrong = matchers.flatMap((one) =>
          unknownValues(one, found.labels.get(one.label) ?? []).filter(
            () => found.labels.get(one.label) !== undefined,
          ),
        )
        return wrong.length === 0 ? undefined : `${metric}: no such values: ${wrong.join(', ')}`
      }),
      [],
    )
  })

  it('say in the legend only what the query keeps', () => {
    const problems = queries.flatMap(({ where, target, parsed }) => {
      const names = [...(target?.legendFormat ?? '').matchAll(/\{\{(\w+)\}\}/g)]
      const kept = parsed.selectors.map(({ groupedBy }) => new Set(groupedBy))
      return names
        .filter(([, name = '']) => !kept.some((labels) => labels.has(name)))
        .map(([, name]) => `${where}: nothing keeps ${name}`)
    })
    assert.deepEqual(problems, [])
  })

  it('look at the chosen namespace, job and sidecar', () => {
    // What other programs measure has no sidecar.
    assert.deepEqual(
      eachSelector(({ metric = '', matchers }, { where }) => {
        if (external.has(metric) || /variable (job|namespace)$/.test(where)) return undefined
        const values = matchers.map(({ label, value }) => `${label}=${value}`)
        // Rules add up the sidecars of a job.
        const instance =
          values.includes('instance=$instance') ||
          recorded.has(metric) ||
          where.includes('variable instance')
        const job = values.includes('namespace=$namespace') && values.includes('job=$job')
        return job && instance ? undefined : `${metric} of any job`
      }),
      [],
    )
  })

  it('take the rate of a counter, and of nothing else', () => {
    assert.deepEqual(
      eachSelector(({ metric = '', inFunction, range }) => {
        const found = metricOfSeries(contract, metric)
        const counts = found?.kind === 'counter' || found?.kind === 'histogram'
        const rated = inFunction === 'rate' || inFunction === 'increase'
        if (found !== undefined && counts !== rated && range !== undefined)
          return `${metric} is no counter`
        return counts && !rated && !metric.endsWith('_count') ? `${metric} without rate` : undefined
      }),
      [],
    )
  })

  it('take rates over $__rate_interval, totals over $__range, and fixed times only where they are named', () => {
    const fixed = queries
      .filter(({ expr }) => /(rate|increase)\([^[]*\[(?!\$__rate_interval|\$__range)/.test(expr))
      .filter(({ expr }) => !/increase\([^[]*\[5m\]/.test(expr))
      .map(({ where }) => where.replace(/^[\w-]+: /, ''))
    // The step of an annotation is its time; Grafana has no variable for it.
    assert.deepEqual([...new Set(fixed)].toSorted(), [
      'annotation Breakers',
      'annotation Configuration',
    ])
    const wrong = queries.filter(({ expr }) => /rate\([^[]*\[\d/.test(expr))
    assert.deepEqual(
      wrong.map(({ where }) => where),
      [],
    )
    const fiveMinutes = all((file) =>
      panelsOf(file).filter(({ targets }) =>
        targets.some(({ expr = '' }) => /increase\([^[]*\[5m\]/.test(expr)),
      ),
    )
    for (const { title, description } of fiveMinutes) {
      assert.match(description, /in five minutes/, title)
    }
  })

  it('use every metric of the registry, but for those that are listed with a reason', () => {
    const used = new Set(
      queries.flatMap(({ parsed }) =>
        parsed.selectors.map(({ metric = '' }) => metricOfSeries(contract, metric)?.otelName),
      ),
    )
    const names = [...contract.values()].map(({ otelName }) => otelName)
    assert.deepEqual(
      names.filter((name) => !used.has(name) && !(name in UNUSED_METRICS)),
      [],
      'show these on a dashboard (grafana/src/dashboards), or say in unused.ts why not',
    )
    assert.deepEqual(
      Object.keys(UNUSED_METRICS).filter((name) => used.has(name) || !names.includes(name)),
      [],
      'these are used, or are no metrics; take them out of unused.ts',
    )
  })

  it('name no program’s metric that no query asks for', () => {
    const asked = new Set(
      queries.flatMap(({ parsed }) => parsed.selectors.map((one) => one.metric)),
    )
    assert.deepEqual(
      [...external].filter((name) => !asked.has(name)),
      [],
    )
  })
})
