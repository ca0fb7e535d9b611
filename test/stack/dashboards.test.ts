/** Every query of every dashboard, asked of a real Prometheus that scrapes real sidecars under traffic. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ruleGroups } from '../../grafana/src/rules/files.ts'
import { isAlert, type RuleGroup } from '../../grafana/src/rules/rule.ts'
import { scaleBy } from '../../grafana/src/scale.ts'
import { THRESHOLDS } from '../../grafana/src/thresholds.ts'
import { promQueriesOf, readDashboards, withDurations } from '../grafana/dashboard-files.ts'
import { skipWithout } from '../support/monitoring-tools.ts'
import { waitFor } from '../support/wait-for.ts'
import { startPrometheus, type Prometheus } from './prometheus.ts'
import { startBusySidecar, startDemo } from './traffic.ts'

/** Minutes of the rules are seconds here. */
const FASTER = 60

/** Rates need a few scrapes; sessions and long calls of the demo come now and then. */
const ALL_WITHIN = 100_000

/** Queries that stay empty, and what they would need. */
const EMPTY: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    readDashboards().map(({ uid }) => [`${uid}: variable namespace`, 'a scrape on Kubernetes']),
  ),
  'sidelight-security: Refused for a pin, A': 'a tool that is not as it is pinned',
  'sidelight-slo: Objectives by upstream, F': 'calls that take longer than 5 s',
}

/** Between two looks at what is still missing: each asks Prometheus some two hundred times at first. */
const LOOK_EVERY_MS = 1_000

/** Programs that are not in this test bring these. */
const OF_OTHERS = /\b(otelcol|tempo|loki|alertmanager)_/

function asFile({ name, rules }: RuleGroup): object {
  return {
    name,
    rules: rules.map((rule) =>
      isAlert(rule)
        ? { alert: rule.alert, expr: rule.expr, labels: { severity: rule.severity } }
        : { record: rule.record, expr: rule.expr },
    ),
  }
}

/** As Grafana would send it, with everything chosen. */
const filledIn = (expr: string): string =>
  withDurations(expr, '60s', '10s')
    .replaceAll(/\[(1m|5m)\]/g, '[30s]')
    .replaceAll(/\$\{?\w+\}?/g, '.*')

interface Asked {
  readonly where: string
  readonly expr: string
  /** Asks; true when there is data, and throws when the query is wrong. */
  hasData(): Promise<boolean>
}

function questions(prometheus: Prometheus): readonly Asked[] {
  return readDashboards().flatMap((file) =>
    promQueriesOf(file).map(({ where, expr }) => {
      const query = filledIn(expr)
      const label = where.includes(': variable ')
        ? /label_values\(.+, (\w+)\)/.exec(
            file.templating.list.find(({ name }) => where.endsWith(` ${name}`))?.definition ?? '',
          )?.[1]
        : undefined
      return {
        where,
        expr: query,
        hasData: async () => {
          const { error, remarks, results } =
            label === undefined
              ? await prometheus.query(query)
              : await prometheus.labelValues(query, label)
          assert.equal(error, undefined, `${where}: ${query}`)
          assert.deepEqual(remarks, [], `${where}: ${query}`)
          return results.length > 0
        },
      }
    }),
  )
}

test(
  'every query of every dashboard is answered, though there is nothing yet',
  { skip: skipWithout('prometheus') },
  async () => {
    const prometheus = await startPrometheus({ jobs: {} })
    for (const one of questions(prometheus)) await one.hasData()
  },
)

test(
  'every query of every dashboard finds data under the traffic of the demo',
  { skip: skipWithout('prometheus') },
  async () => {
    const [demo, busy] = await Promise.all([startDemo(), startBusySidecar()])
    const settings = { scale: scaleBy(FASTER), thresholds: THRESHOLDS }
    const { recording, alerts } = ruleGroups(settings)
    const prometheus = await startPrometheus({
      jobs: { sidelight: [demo, busy] },
      groups: [...recording, ...alerts].map(asFile),
    })
    let missing = questions(prometheus).filter(({ expr }) => !OF_OTHERS.test(expr))
    assert.deepEqual(
      Object.keys(EMPTY).filter((name) => !missing.some(({ where }) => where === name)),
      [],
    )
    assert.ok(missing.length > 150, `${missing.length} queries`)
    await waitFor(
      async () => {
        await sleep(LOOK_EVERY_MS)
        const found = await Promise.all(missing.map((one) => one.hasData()))
        missing = missing.filter((_, index) => found[index] === false)
        return missing.every(({ where }) => where in EMPTY)
      },
      {
        within: ALL_WITHIN,
        what: () =>
          `data of:\n${missing
            .filter(({ where }) => !(where in EMPTY))
            .map(({ where, expr }) => `${where}\n    ${expr}`)
            .join('\n')}`,
      },
    )
    const exemplars = await prometheus.exemplars(
      'mcp_server_operation_duration_seconds_bucket{gen_ai_tool_name="search_books"}',
    )
    assert.match(JSON.stringify(exemplars.results), /"trace_id":"[0-9a-f]{32}"/)
  },
)
