/** The documentation says what the code does. */

import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, it } from 'node:test'
import { renderDocs } from '../scripts/docs.ts'
import { policyProblems } from '../src/cli/policy.ts'
import { parseConfig } from '../src/config/load.ts'
import { parseOtelFile } from '../src/config/otel-file.ts'
import { UPSTREAM_FAILURES } from '../src/core/outcome.ts'
import { REJECT_REASONS } from '../src/core/reject-reasons.ts'
import { ATTR } from '../src/telemetry/names.ts'

const pages = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...globSync('docs/**/*.md'),
]

describe('documentation', () => {
  it('has generated parts that are up to date', () => {
    const stale = [...renderDocs()].filter(([, { before, after }]) => before !== after)
    assert.deepEqual(
      stale.map(([file]) => file),
      [],
      'run npm run docs',
    )
  })

  it('has no dead link to a file', () => {
    const dead: string[] = []
    for (const page of pages) {
      for (const [, target = ''] of readFileSync(page, 'utf8').matchAll(
        /\]\((?!https?:|#)([^)#\s]+)/g,
      )) {
        if (!existsSync(path.join(path.dirname(page), target))) dead.push(`${page}: ${target}`)
      }
    }
    assert.deepEqual(dead, [])
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
    for (const page of globSync('docs/**/*.md')) {
      for (const [, yaml = ''] of readFileSync(page, 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g)) {
        const good = yaml.startsWith('file_format:')
          ? parseOtelFile(yaml, {}).kind === 'file'
          : parseConfig(yaml, {}).kind === 'config'
        assert.ok(good, `${page}:\n${yaml}`)
      }
    }
  })

  it('has no dead link to a heading', () => {
    const slugs = (page: string): ReadonlySet<string> =>
      new Set(
        [...readFileSync(page, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
          heading
            .toLowerCase()
            .replaceAll(/[^\w\- ]/g, '')
            .replaceAll(' ', '-'),
        ),
      )
    const dead: string[] = []
    for (const page of pages) {
      for (const [, file = '', anchor = ''] of readFileSync(page, 'utf8').matchAll(
        /\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)/g,
      )) {
        const target = file === '' ? page : path.join(path.dirname(page), file)
        if (!slugs(target).has(anchor)) dead.push(`${page}: ${file}#${anchor}`)
      }
    }
    assert.deepEqual(dead, [])
  })

  it('shows the example configuration as it is', () => {
    const page = readFileSync('docs/configuration.md', 'utf8')
    const shown = /```yaml\n# examples\/sidelight\.yaml\n([\s\S]*?)```/.exec(page)?.[1]
    const file = readFileSync('examples/sidelight.yaml', 'utf8').replace(/^#.*\n/, '')
    assert.equal(shown, file)
  })
})
