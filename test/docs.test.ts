/** The documentation says what the code does. */

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { renderDocs } from '../scripts/docs.ts'
import { policyProblems } from '../src/cli/policy.ts'
import { parseConfig } from '../src/config/load.ts'
import { parseOtelFile } from '../src/config/otel-file.ts'
import { UPSTREAM_FAILURES } from '../src/core/outcome.ts'
import { REJECT_REASONS } from '../src/core/reject-reasons.ts'
import { ATTR } from '../src/telemetry/names.ts'
import { PAGES, fencesOf } from './support/markdown.ts'

/**
 * What is wrong with a block of YAML: a manifest of Kubernetes, a declarative configuration of
 * OpenTelemetry, or a configuration of ours. One that begins with the comment `# a part` needs no
 * upstreams. YAML that is for other programs stands in blocks of the language `yml`.
 */
function problemOfYaml(text: string): string | undefined {
  if (/^apiVersion:/m.test(text)) {
    const errors = parseAllDocuments(text).flatMap((document) => document.errors)
    return errors[0]?.message
  }
  if (text.startsWith('file_format:')) {
    const file = parseOtelFile(text, {})
    return file.kind === 'file' ? undefined : JSON.stringify(file)
  }
  const whole = text.startsWith('# a part')
    ? `${text}upstreams: { one: { url: http://127.0.0.1:1/mcp } }\n`
    : text
  const config = parseConfig(whole, {}, policyProblems)
  return config.kind === 'config' ? undefined : JSON.stringify(config)
}

describe('documentation', () => {
  it('has generated parts that are up to date', () => {
    const stale = [...renderDocs()].filter(([, { before, after }]) => before !== after)
    assert.deepEqual(
      stale.map(([file]) => file),
      [],
      'run npm run docs',
    )
  })

  it('explains every reason for a refusal or a failure', () => {
    const page = readFileSync('docs/errors.md', 'utf8')
    const what = page.slice(page.indexOf('## What to do'))
    const unexplained = [...REJECT_REASONS, ...UPSTREAM_FAILURES]
      .filter((reason) => reason !== 'timeout' && reason !== 'process_exit')
      .filter((reason) => !what.includes(`\`${reason}\``))
    assert.deepEqual(unexplained, [])
  })

  it('names every span attribute', () => {
    const page = readFileSync('docs/telemetry.md', 'utf8')
    assert.deepEqual(
      Object.values(ATTR).filter((name) => !page.includes(`\`${name}\``)),
      [],
    )
  })

  it('names every OTEL_* variable that is read', () => {
    const source = readFileSync('src/telemetry/env.ts', 'utf8')
    const read = new Set([...source.matchAll(/'(OTEL_[A-Z_]+)'/g)].map(([, name = '']) => name))
    const page = readFileSync('docs/telemetry.md', 'utf8')
    assert.ok(read.size > 8)
    assert.deepEqual(
      [...read].filter((name) => !page.includes(name)),
      [],
    )
  })

  it('has examples that are valid', () => {
    for (const file of globSync('examples/*.yaml')) {
      assert.equal(parseConfig(readFileSync(file, 'utf8'), {}, policyProblems).kind, 'config', file)
    }
  })

  it('shows examples that are whole files as they are', () => {
    const shown: string[] = []
    for (const page of globSync('docs/**/*.md')) {
      const text = readFileSync(page, 'utf8')
      for (const [, file = ''] of text.matchAll(
        /\(\.\.\/(examples\/[\w-]+\.yaml)\) is this file/g,
      )) {
        const yaml = readFileSync(file, 'utf8').replaceAll(/^#.*\n/gm, '')
        assert.ok(text.includes(`\`\`\`yaml\n${yaml}\`\`\``), `${page} shows another ${file}`)
        shown.push(file)
      }
    }
    assert.ok(shown.length > 1)
  })

  it('shows configurations that are valid', () => {
    const shown = PAGES.flatMap(fencesOf).filter(({ language }) => language === 'yaml')
    const wrong = shown.flatMap(({ page, line, text }) => {
      const problem = problemOfYaml(text)
      return problem === undefined ? [] : [`${page}:${line}: ${problem}`]
    })
    assert.deepEqual(wrong, [])
    assert.ok(shown.length > 20)
  })

  it('shows YAML and JSON that can be read, whoever it is for', () => {
    const wrong = PAGES.flatMap(fencesOf).flatMap(({ page, line, language, text }) => {
      if ((language !== 'yml' && language !== 'json') || text.includes('{{')) return []
      const errors = parseAllDocuments(text).flatMap((document) => document.errors)
      return errors.map(({ message }) => `${page}:${line}: ${message}`)
    })
    assert.deepEqual(wrong, [])
  })

  it('shows the example configuration as it is', () => {
    const page = readFileSync('docs/configuration.md', 'utf8')
    const shown = /```yaml\n# examples\/sidelight\.yaml\n([\s\S]*?)```/.exec(page)?.[1]
    const file = readFileSync('examples/sidelight.yaml', 'utf8').replace(/^#.*\n/, '')
    assert.equal(shown, file)
  })
})
