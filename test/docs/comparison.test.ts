/** The comparison says of Sidelight what is so, names versions that were run, and where every fact is from. */

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { alertRules } from '../../grafana/src/rules/files.ts'

const page = readFileSync('docs/comparison.md', 'utf8')

describe('docs/comparison.md', () => {
  it('counts our alerts and dashboards right', () => {
    const alerts = new Set(alertRules().map(({ alert }) => alert)).size
    assert.ok(page.includes(`[${alerts} alerts](alerts.md)`), `there are ${alerts} alerts`)
    assert.equal(globSync('grafana/dashboards/*.json').length, 8)
    assert.ok(page.includes('[eight dashboards](grafana.md)'))
  })

  it('names the versions of bridges that the conformance suite was run against', () => {
    const conformance = readFileSync('docs/conformance.md', 'utf8')
    for (const [name, version] of [
      ['supergateway', '4.0.0'],
      ['mcp-proxy', '6.7.19'],
    ]) {
      assert.match(page, new RegExp(`\\[${name}\\]\\([^)]+\\) \\| ${version} \\(npm\\)`))
      assert.ok(conformance.includes(`${name}@${version}`))
    }
  })

  it('has a source for each note, and a note for each mark', () => {
    const marks = [...page.matchAll(/\[\^(\w+)\](?!:)/g)].map(([, mark]) => mark)
    const notes = [...page.matchAll(/^\[\^(\w+)\]: .*https:\/\/\S+.*read \d{4}-\d\d-\d\d/gm)].map(
      ([, mark]) => mark,
    )
    assert.deepEqual(new Set(notes), new Set(marks))
    assert.ok(notes.length > 4)
  })
})
