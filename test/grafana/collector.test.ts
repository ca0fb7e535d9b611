/**
 * The collector's configurations, as far as they can be held to rules without the program: contrib's
 * components are in no package that tests could bring. docs/grafana.md says what was checked otherwise.
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { z } from 'zod'

const component = z.record(z.string(), z.unknown())
const components = z.record(z.string(), z.nullable(component))

const pipeline = z.strictObject({
  receivers: z.array(z.string()),
  processors: z.array(z.string()),
  exporters: z.array(z.string()),
})

const collector = z.strictObject({
  extensions: components,
  receivers: components,
  processors: components,
  exporters: components,
  service: z.strictObject({
    extensions: z.array(z.string()),
    pipelines: z.strictObject({ traces: pipeline, logs: pipeline, metrics: pipeline }),
    telemetry: z.object({
      metrics: z.object({
        readers: z.array(
          z.object({ pull: z.object({ exporter: z.object({ prometheus: component }) }) }),
        ),
      }),
    }),
  }),
})

/** Types of opentelemetry-collector-contrib 0.162 that we use, by their names of today. */
const KNOWN: Readonly<
  Record<'extensions' | 'receivers' | 'processors' | 'exporters', readonly string[]>
> = {
  extensions: ['health_check', 'file_storage'],
  receivers: ['otlp'],
  processors: [
    'memory_limiter',
    'redaction',
    'resource_detection',
    'k8s_attributes',
    'tail_sampling',
  ],
  exporters: ['otlp_http', 'otlp_grpc', 'load_balancing'],
}

const FILES = ['agent', 'gateway'] as const

function read(name: (typeof FILES)[number]) {
  const text = readFileSync(`otel/collector-${name}.yaml`, 'utf8')
  return { text, config: collector.parse(parse(text)) }
}

const redaction = z.object({
  blocked_values: z.array(z.string()),
  blocked_key_patterns: z.array(z.string()),
})

/** Go's expressions, for JavaScript: the flag stands behind. */
const toRegExp = (pattern: string): RegExp =>
  pattern.startsWith('(?i)') ? new RegExp(pattern.slice(4), 'i') : new RegExp(pattern)

for (const name of FILES) {
  const { text, config } = read(name)
  const pipelines = Object.values(config.service.pipelines)

  describe(`otel/collector-${name}.yaml`, () => {
    it('uses components by names that the collector has, each where it is defined', () => {
      for (const kind of ['extensions', 'receivers', 'processors', 'exporters'] as const) {
        const defined = Object.keys(config[kind])
        for (const id of defined) assert.ok(KNOWN[kind].includes(id.split('/')[0] ?? ''), id)
        const used =
          kind === 'extensions' ? config.service.extensions : pipelines.flatMap((one) => one[kind])
        assert.deepEqual([...new Set(used)].toSorted(), defined.toSorted(), kind)
      }
    })

    it('limits its memory before it does anything else', () => {
      for (const { processors } of pipelines) assert.equal(processors[0], 'memory_limiter')
    })

    it('keeps on disk what it cannot pass on, and tries again', () => {
      const exporter = z.object({
        retry_on_failure: z.object({ enabled: z.literal(true), max_elapsed_time: z.string() }),
        sending_queue: z.object({
          enabled: z.literal(true),
          queue_size: z.number(),
          storage: z.literal('file_storage/queue'),
        }),
      })
      for (const [id, settings] of Object.entries(config.exporters)) {
        assert.ok(exporter.safeParse(settings).success, id)
      }
    })

    it('tells of itself under the names that rules and dashboards know', () => {
      assert.deepEqual(config.service.telemetry.metrics.readers, [
        {
          pull: {
            exporter: {
              prometheus: {
                host: '0.0.0.0',
                port: 8888,
                without_type_suffix: false,
                without_units: false,
                without_scope_info: true,
              },
            },
          },
        },
      ])
    })

    it('says at its head which variables it reads, and works without any', () => {
      const [head = ''] = text.split('extensions:')
      const variables = [...text.matchAll(/\$\{env:(\w+)([^}]*)\}/g)]
      assert.ok(variables.length > 0)
      for (const [, variable = '', fallback = ''] of variables) {
        assert.ok(head.includes(variable), variable)
        assert.match(fallback, /^:-.+/, variable)
        assert.ok(head.includes(fallback.slice(2)), `${variable} is ${fallback.slice(2)} without`)
      }
    })
  })
}

describe('the collector of a node', () => {
  const { config } = read('agent')

  it('hides what must not leave before anything else looks at it', () => {
    assert.equal(config.service.pipelines.traces.processors[1], 'redaction')
    assert.equal(config.service.pipelines.logs.processors[1], 'redaction')
    const { blocked_values: values, blocked_key_patterns: keys } = redaction.parse(
      config.processors['redaction'],
    )
    const hides = (value: string): boolean =>
      values.some((pattern) => toRegExp(pattern).test(value))
    for (const secret of [
      'Bearer abcdefgh12345678',
      'authorization: bearer ABCDEF-0123456789',
      'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl',
      '-----BEGIN EC PRIVATE KEY-----',
      '4111 1111 1111 1111',
    ]) {
      assert.ok(hides(secret), secret)
    }
    for (const harmless of [
      'weather',
      'tools/call',
      '0af7651916cd43dd8448eb211c80319c',
      '2026-07-28',
      'file:///home/user/documents/report.pdf',
      '-32602',
      'the token has expired',
    ]) {
      assert.ok(!hides(harmless), harmless)
    }
    const hidesKey = (key: string): boolean => keys.some((pattern) => toRegExp(pattern).test(key))
    assert.ok(hidesKey('http.request.header.authorization'))
    assert.ok(hidesKey('db.password'))
    assert.ok(!hidesKey('gen_ai.tool.name'))
    assert.ok(!hidesKey('sidelight.tool.result.tokens'))
  })

  it('sends all spans of a trace to one gateway', () => {
    assert.deepEqual(config.service.pipelines.traces.exporters, ['load_balancing'])
    assert.equal(config.exporters['load_balancing']?.['routing_key'], 'traceID')
  })
})

describe('the collector of the gateway', () => {
  const { config } = read('gateway')

  it('keeps what failed, what was refused and what was slow, and a share of the rest', () => {
    const sampling = z
      .object({ policies: z.array(z.object({ name: z.string(), type: z.string() })) })
      .parse(config.processors['tail_sampling'])
    assert.deepEqual(
      sampling.policies.map(({ name, type }) => [name, type]),
      [
        ['failed', 'status_code'],
        ['refused', 'string_attribute'],
        ['slow', 'latency'],
        ['rest', 'probabilistic'],
      ],
    )
  })

  it('samples traces alone', () => {
    assert.deepEqual(config.service.pipelines.logs.processors, ['memory_limiter'])
    assert.deepEqual(config.service.pipelines.metrics.processors, ['memory_limiter'])
  })
})
