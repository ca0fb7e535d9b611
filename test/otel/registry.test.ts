/** The registry and the code say the same, in both directions. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { readRegistry } from '../../scripts/registry.ts'
import { EVENTS, type EventDefinition } from '../../src/core/events.ts'
import { POOL_NAMES } from '../../src/core/pool.ts'
import { LIMIT_NAMES } from '../../src/core/limits.ts'
import { factsOf, UPSTREAM_FAILURES, type Outcome } from '../../src/core/outcome.ts'
import { REJECT_REASONS } from '../../src/core/reject-reasons.ts'
import { KNOWN_METHODS } from '../../src/mcp/methods.ts'
import { ATTR, METRICS, SCHEMA_URL, type MetricDefinition } from '../../src/telemetry/names.ts'

const registry = readRegistry()
const definitions: readonly MetricDefinition[] = Object.values(METRICS)
const events: readonly (readonly [string, EventDefinition])[] = Object.entries(EVENTS)

/** What to paste into the registry for a metric that it lacks. */
function asYaml({ name, kind, unit, description, attributes, buckets }: MetricDefinition): string {
  const lines = [
    `  - name: ${name}`,
    `    instrument: ${kind}`,
    `    unit: ${JSON.stringify(unit)}`,
    `    brief: ${JSON.stringify(description)}`,
    '    stability: development',
  ]
  if (buckets !== undefined) {
    lines.push(`    annotations: { sidelight: { buckets: [${buckets.join(', ')}] } }`)
  }
  if (attributes.length > 0) lines.push('    attributes:')
  for (const key of attributes) {
    lines.push(`      - ref: ${key}`, '        requirement_level: required')
  }
  return lines.join('\n')
}

/** Set by the SDK's rules, not by a name of ours. */
const NOT_IN_CODE = ['otel.metric.overflow']

function membersOf(key: string): string[] {
  return [...(registry.attributes.get(key)?.members?.keys() ?? [])]
}

describe('The registry', () => {
  it('has every attribute of the code, and the code every attribute of it', () => {
    const inCode = new Set<string>([
      ...Object.values(ATTR),
      ...events.flatMap(([, { attributes }]) => attributes),
    ])
    const inRegistry = new Set(registry.attributes.keys())
    assert.deepEqual(
      [...inCode].filter((key) => !inRegistry.has(key)),
      [],
      'add these to otel/registry/sidelight-attributes.yaml (or conventions.yaml), then npm run docs',
    )
    assert.deepEqual(
      [...inRegistry].filter((key) => !inCode.has(key)),
      NOT_IN_CODE,
      'neither src/telemetry/names.ts nor src/core/events.ts has these',
    )
  })

  it('has every metric of the code, and the code every metric of it', () => {
    const missing = definitions.filter(({ name }) => !registry.metrics.has(name))
    assert.deepEqual(
      missing.map(({ name }) => name),
      [],
      `add to otel/registry/sidelight-metrics.yaml, then npm run docs:\n${missing.map(asYaml).join('\n')}`,
    )
    const inCode = new Set(definitions.map(({ name }) => name))
    assert.deepEqual(
      [...registry.metrics.keys()].filter((name) => !inCode.has(name)),
      [],
      'src/telemetry/names.ts does not have these',
    )
  })

  for (const definition of definitions) {
    it(`says of ${definition.name} what the code says`, () => {
      const found = registry.metrics.get(definition.name)
      assert.deepEqual(
        {
          instrument: found?.instrument,
          unit: found?.unit,
          description: found?.brief,
          attributes: [...(found?.attributes.keys() ?? [])].toSorted(),
          buckets: found?.buckets,
        },
        {
          instrument: definition.kind,
          unit: definition.unit,
          description: definition.description,
          attributes: [...definition.attributes].toSorted(),
          buckets: definition.buckets === undefined ? undefined : [...definition.buckets],
        },
      )
    })
  }

  it('says of every event what the code says', () => {
    assert.deepEqual(
      [...registry.events.values()].map(({ name, brief, attributes }) => [
        name,
        brief,
        [...attributes.keys()].toSorted(),
      ]),
      events.map(([name, { description, attributes }]) => [
        name,
        description,
        [...attributes].toSorted(),
      ]),
      'otel/registry/sidelight-events.yaml and src/core/events.ts differ',
    )
  })

  it('lists the values that the code can emit', () => {
    assert.deepEqual(membersOf('sidelight.limit'), [...LIMIT_NAMES])
    assert.deepEqual(membersOf('sidelight.outcome.reason'), [
      ...REJECT_REASONS,
      ...UPSTREAM_FAILURES,
    ])
    assert.deepEqual(membersOf('sidelight.pool.name'), [...POOL_NAMES])
    assert.deepEqual(
      membersOf('mcp.method.name').toSorted(),
      [...KNOWN_METHODS, '_OTHER'].toSorted(),
    )
  })

  it('lists every error.type that an ending can have on the side of the server', () => {
    const endings: readonly Outcome[] = [
      { kind: 'tool_error' },
      { kind: 'cancelled' },
      { kind: 'internal' },
      ...REJECT_REASONS.map((reason): Outcome => ({ kind: 'rejected', reason, message: '' })),
      ...UPSTREAM_FAILURES.map((reason): Outcome => ({
        kind: 'upstream_failed',
        reason,
        sent: true,
      })),
    ]
    const emitted = endings
      .flatMap((ending) => factsOf(ending).serverErrorType ?? [])
      .filter((type) => !/^\d+$/.test(type))
    assert.deepEqual(
      [...new Set([...emitted, '_OTHER'])].toSorted(),
      membersOf('error.type').toSorted(),
    )
  })

  it('gives histograms buckets, and nothing else any', () => {
    for (const { name, instrument, buckets } of registry.metrics.values()) {
      assert.equal(buckets !== undefined, instrument === 'histogram', name)
    }
  })

  it('names nothing of its own in the namespaces of OpenTelemetry', () => {
    for (const { key, source } of registry.attributes.values()) {
      assert.equal(key.startsWith('sidelight.'), source === 'sidelight', key)
    }
    for (const { name, source } of registry.metrics.values()) {
      assert.equal(name.startsWith('sidelight.'), source === 'sidelight', name)
    }
    for (const { name } of registry.events.values()) assert.match(name, /^sidelight\./)
  })

  it('pins what is OpenTelemetry’s at commits, and names the schema that is emitted', () => {
    for (const { repository, commit } of Object.values(registry.sources)) {
      assert.match(repository, /^https:\/\/github\.com\/open-telemetry\//)
      assert.match(commit, /^[0-9a-f]{8,40}$/)
    }
    assert.equal(registry.sources['mcp']?.schemaUrl, SCHEMA_URL)
  })

  it('has a manifest with what Weaver asks for', () => {
    const manifest: unknown = parse(readFileSync('otel/registry/manifest.yaml', 'utf8'))
    assert.ok(typeof manifest === 'object' && manifest !== null && 'schema_url' in manifest)
    assert.match(String(manifest.schema_url), /^https:\/\/.+\/\d+\.\d+\.\d+$/)
  })
})
