/** Runs cases against rules with promtool, as one file of unit tests per interval. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { ruleGroups, rulesYaml } from '../../../grafana/src/rules/files.ts'
import {
  isAlert,
  type AlertRule,
  type RecordingRule,
  type RuleSettings,
} from '../../../grafana/src/rules/rule.ts'
import { runTool, type Ran } from '../../support/monitoring-tools.ts'
import type { AlertCase } from './case.ts'

/** What promtool says of these cases. Each is evaluated with its alert and what that reads alone. */
export function testRules(cases: readonly AlertCase[], settings?: RuleSettings): Ran {
  const directory = mkdtempSync(join(tmpdir(), 'sidelight-rules-'))
  try {
    const groups = ruleGroups(settings)
    const suites = Map.groupBy(cases, ({ alert, where = '', interval = '1m', evaluate }) =>
      JSON.stringify([alert, where, interval, evaluate ?? interval]),
    )
    const files = [...suites.values()].map((tests, index) => {
      const [first] = tests
      assert.ok(first !== undefined)
      const { alert, where = '', interval = '1m', evaluate = interval } = first
      const rules = groups.alerts
        .flatMap((group) => group.rules.filter(isAlert))
        .filter((rule) => rule.alert === alert && isOne(rule, where))
      const records = readBy(
        rules,
        groups.recording.flatMap((group) => group.rules),
      )
      const names = { records: `${index}-records`, alerts: `${index}-alerts` }
      writeFileSync(
        join(directory, `${index}.yaml`),
        rulesYaml([
          { name: names.records, rules: records },
          { name: names.alerts, rules },
        ]),
      )
      const text = stringify({
        rule_files: [`${index}.yaml`],
        evaluation_interval: evaluate,
        // Without it promtool takes them in any order, and alerts may read what was recorded before.
        group_eval_order: [names.records, names.alerts],
        tests: tests.map((test) => toTest(test, interval)),
      })
      writeFileSync(join(directory, `${index}.test.yaml`), text)
      return `${index}.test.yaml`
    })
    return runTool('promtool', ['test', 'rules', ...files], directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const isOne = (rule: AlertRule, where: string): boolean =>
  Object.entries(rule.labels ?? {}).every(
    ([label, value]) => !where.startsWith(`${label}=`) || where === `${label}="${value}"`,
  )

/** The recorded series that expressions read, and those that these read, in their order. */
function readBy(
  rules: readonly (AlertRule | RecordingRule)[],
  all: readonly (AlertRule | RecordingRule)[],
): readonly RecordingRule[] {
  const read = new Set<string>()
  const add = (expr: string): void => {
    for (const [name] of expr.matchAll(/sidelight:\w+:\w+/g)) {
      if (read.has(name)) continue
      read.add(name)
      for (const rule of all) if (!isAlert(rule) && rule.record === name) add(rule.expr)
    }
  }
  for (const { expr } of rules) add(expr)
  return all.flatMap((rule) => (!isAlert(rule) && read.has(rule.record) ? [rule] : []))
}

function toTest({ alert, where, about, series, firing }: AlertCase, interval: string): object {
  const matcher = where === undefined ? '' : `, ${where}`
  return {
    name: `${alert}${matcher}${about === undefined ? '' : `: ${about}`}`,
    interval,
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: Object.entries(firing).map(([time, alerts]) => ({
      expr: `ALERTS{alertname="${alert}", alertstate="firing"${matcher}}`,
      eval_time: time,
      exp_samples: alerts.map((labels) => ({
        labels: `ALERTS{alertname="${alert}", alertstate="firing", ${labels}}`,
        value: 1,
      })),
    })),
  }
}
