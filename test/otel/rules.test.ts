/** Every rule of the checker fails on exports that break it, and none on sound ones. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readRegistry } from '../../scripts/registry.ts'
import { ATTRIBUTE_RULES } from './attribute-rules.ts'
import { BYTE_RULES, findingsOf, RULES } from './check.ts'
import { CONDITIONS } from './conditions.ts'
import {
  attributes,
  soundExports,
  toReceived,
  type KeyValue,
  type Metric,
  type Sound,
} from './sound-exports.ts'

type Doctor = (sound: Sound) => void

function put(list: KeyValue[], values: Parameters<typeof attributes>[0]): void {
  for (const one of attributes(values)) {
    const at = list.findIndex(({ key }) => key === one.key)
    if (at === -1) list.push(one)
    else list[at] = one
  }
}

function drop(list: KeyValue[], key: string): void {
  const at = list.findIndex((one) => one.key === key)
  assert.notEqual(at, -1, key)
  list.splice(at, 1)
}

function metric(sound: Sound, name: string): Metric {
  const found = sound.metrics[1].find((one) => one.name === name)
  assert.ok(found !== undefined)
  return found
}

type HistogramPoint = NonNullable<Metric['histogram']>['dataPoints'][number]

function point(sound: Sound, side: 'server' | 'client' = 'server'): HistogramPoint {
  const [first] = metric(sound, `mcp.${side}.operation.duration`).histogram?.dataPoints ?? []
  assert.ok(first !== undefined)
  return first
}

function calls(sound: Sound, of: 0 | 1 = 1) {
  const sum = sound.metrics[of].find(({ name }) => name === 'sidelight.calls')?.sum
  const [first] = sum?.dataPoints ?? []
  assert.ok(sum !== undefined && first !== undefined)
  return { sum, point: first }
}

/** Rule → ways to break it. */
const DOCTORS: Readonly<Record<string, readonly Doctor[]>> = {
  'attributes are known': [
    ({ server }) => put(server.attributes, { 'mcp.made_up': 'x' }),
    ({ server }) => put(server.attributes, { 'server.address': 'x', 'server.port': 1 }),
    (sound) => put(point(sound).attributes, { 'sidelight.version': 'x' }),
    ({ log }) => put(log.attributes, { 'sidelight.version': 'x' }),
  ],
  'attributes are there once': [
    ({ client }) => client.attributes.push(...attributes({ 'sidelight.attempt': 1 })),
  ],
  'required attributes are there': [
    ({ server, client }) => {
      for (const one of [server, client]) drop(one.attributes, 'sidelight.upstream.name')
    },
    (sound) => drop(calls(sound).point.attributes, 'sidelight.outcome'),
  ],
  'conditional attributes are there when their condition holds, and only then': [
    ({ server, client }) => {
      for (const one of [server, client]) drop(one.attributes, 'jsonrpc.request.id')
    },
    ({ client }) => put(client.attributes, { 'error.type': 'timeout' }),
    ({ client }) => (client.status.code = 2),
    ({ server }) => drop(server.attributes, 'gen_ai.operation.name'),
    ({ client }) => drop(client.attributes, 'server.port'),
    ({ client }) => drop(client.attributes, 'sidelight.attempt'),
    ({ client }) => drop(client.attributes, 'sidelight.request.size'),
    (sound) => put(calls(sound).point.attributes, { 'sidelight.outcome': 'rejected' }),
    ({ server }) => put(server.attributes, { 'network.transport': 'pipe' }),
  ],
  'values have their types': [
    ({ client }) => put(client.attributes, { 'server.port': '3000' }),
    ({ server }) => put(server.attributes, { 'mcp.protocol.version': 20251125 }),
  ],
  'values of enums are members': [
    ({ server }) => put(server.attributes, { 'sidelight.outcome': 'fine' }),
    (sound) => put(calls(sound).point.attributes, { 'mcp.method.name': 'made/up' }),
    (sound) => put(point(sound).attributes, { 'error.type': 'ENOSUCH' }),
    (sound) => put(point(sound).attributes, { 'rpc.response.status_code': 'text' }),
  ],
  'texts are not empty': [(sound) => put(point(sound).attributes, { 'gen_ai.tool.name': '' })],
  'nothing unbounded is on a metric': [
    (sound) => put(point(sound).attributes, { 'mcp.session.id': 's' }),
    (sound) => put(point(sound).attributes, { 'jsonrpc.request.id': '7' }),
    (sound) => put(point(sound).attributes, { 'client.address': '::1' }),
    (sound) => put(point(sound).attributes, { 'user.id': 'u' }),
    (sound) => put(point(sound).attributes, { 'mcp.resource.uri': 'file:///a' }),
  ],
  'scope and schema are named': [
    (sound) => (sound.scope.name = 'other'),
    (sound) => (sound.schemaUrl = 'https://opentelemetry.io/schemas/1.44.0'),
  ],
  'the resource names the service': [
    ({ resource }) => drop(resource.attributes, 'service.instance.id'),
  ],
  'spans are SERVER or CLIENT': [({ client }) => (client.kind = 1)],
  'spans are named by method and target': [
    ({ server }) => (server.name = 'tools/call'),
    ({ server }) => (server.name = 'tools/call other'),
  ],
  'spans have ids': [({ server }) => (server.traceId = 'a')],
  'spans end after they start': [({ server }) => (server.endTimeUnixNano = '999')],
  'events of spans are known, and happen during them': [
    ({ server }) => server.events.push({ name: 'exception', timeUnixNano: '1500', attributes: [] }),
    ({ server }) =>
      server.events.push({
        name: 'sidelight.breaker.transition',
        timeUnixNano: '2001',
        attributes: [],
      }),
  ],
  'links lead elsewhere': [
    ({ server }) => server.links.push({ traceId: 'x', spanId: 'y' }),
    ({ client, server }) => client.links.push({ traceId: server.traceId, spanId: server.spanId }),
  ],
  'status is never OK': [({ server }) => (server.status.code = 1)],
  'only an error has a description, and that is the message of an answer': [
    ({ server }) => (server.status.message = 'all well'),
    ({ server }) => {
      server.status = { code: 2, message: 'the result' }
      put(server.attributes, { 'error.type': 'tool_error', 'sidelight.outcome': 'tool_error' })
    },
  ],
  'error codes follow the side': [
    ...['-32700', '-32600', '-32601', '-32602', '-32002'].map((code): Doctor => ({ server }) => {
      server.status.code = 2
      put(server.attributes, {
        'error.type': code,
        'rpc.response.status_code': code,
        'sidelight.outcome': 'rpc_error',
      })
    }),
    ({ client }) =>
      put(client.attributes, {
        'rpc.response.status_code': '-32602',
        'sidelight.outcome': 'rpc_error',
      }),
    ({ server }) =>
      put(server.attributes, {
        'rpc.response.status_code': '-32603',
        'sidelight.outcome': 'rpc_error',
      }),
    ({ server }) => {
      server.status.code = 2
      put(server.attributes, { 'error.type': '-32603' })
    },
  ],
  'tool_error is the error of failed tools and of nothing else': [
    ({ server }) => put(server.attributes, { 'sidelight.outcome': 'tool_error' }),
    ({ server }) => {
      server.status.code = 2
      put(server.attributes, { 'error.type': 'tool_error' })
    },
  ],
  'span ids are there once': [({ server, client }) => (server.spanId = client.spanId)],
  'a CLIENT span is the child of a SERVER span of its trace': [
    ({ client }) => delete client.parentSpanId,
    ({ client }) => (client.parentSpanId = '3'.repeat(16)),
    ({ client }) => (client.traceId = 'b'.repeat(32)),
    ({ client }) => (client.parentSpanId = client.spanId),
    ({ client }) => (client.startTimeUnixNano = '1'),
  ],
  'a CLIENT span is of the same message as its parent': [
    ({ client }) => put(client.attributes, { 'jsonrpc.request.id': '8' }),
  ],
  'a refused call has no CLIENT span': [
    ({ server }) =>
      put(server.attributes, {
        'sidelight.outcome': 'rejected',
        'sidelight.outcome.reason': 'malformed',
      }),
  ],
  'spans and histograms say the same of an operation': [
    (sound) => put(point(sound).attributes, { 'error.type': 'timeout' }),
    (sound) => put(point(sound, 'client').attributes, { 'sidelight.upstream.name': 'other' }),
    ({ server }) => {
      server.status.code = 2
      put(server.attributes, {
        'error.type': 'timeout',
        'sidelight.outcome': 'upstream_failed',
        'sidelight.outcome.reason': 'timeout',
      })
    },
  ],
  'metrics are known': [(sound) => (metric(sound, 'sidelight.calls').name = 'sidelight.made_up')],
  'units are those of the registry': [
    (sound) => (metric(sound, 'mcp.server.operation.duration').unit = 'ms'),
  ],
  'instruments are those of the registry': [
    (sound) => (calls(sound).sum.isMonotonic = false),
    (sound) => {
      const found = metric(sound, 'mcp.server.operation.duration')
      found.sum = calls(sound).sum
      delete found.histogram
    },
  ],
  'totals are of the temporality that was asked for': [
    (sound) => (calls(sound).sum.aggregationTemporality = 1),
  ],
  'buckets are those of the registry': [
    (sound) => (point(sound).explicitBounds = [...point(sound).explicitBounds.slice(0, -1), 301]),
  ],
  'a count is the sum of its buckets': [
    (sound) => (point(sound).count = 2),
    (sound) => point(sound).bucketCounts.push(0),
  ],
  'a sum lies between its extremes': [
    (sound) => (point(sound).sum = 1),
    (sound) => (point(sound).sum = 0.001),
  ],
  'a series is there once per export': [
    (sound) => calls(sound).sum.dataPoints.push(structuredClone(calls(sound).point)),
  ],
  'totals never fall, and never begin anew': [
    (sound) => (calls(sound).point.asDouble = 0),
    (sound) => (calls(sound).point.startTimeUnixNano = '600'),
    (sound) => (calls(sound, 0).point.timeUnixNano = '4000'),
  ],
  'values are numbers, and totals are not negative': [
    (sound) => {
      calls(sound).point.asDouble = -1
      calls(sound, 0).point.asDouble = -2
    },
  ],
  'an overflow stands alone': [
    (sound) => put(calls(sound).point.attributes, { 'otel.metric.overflow': true }),
  ],
  'error codes on metrics follow the side': [
    (sound) =>
      put(point(sound).attributes, {
        'error.type': '-32602',
        'rpc.response.status_code': '-32602',
      }),
    (sound) => put(point(sound, 'client').attributes, { 'rpc.response.status_code': '-32602' }),
  ],
  'events are known': [({ log }) => (log.eventName = 'sidelight.made_up')],
  'log records have a severity and times': [
    ({ log }) => (log.severityNumber = 0),
    ({ log }) => (log.timeUnixNano = '0'),
  ],
  'log records name a whole span or none': [({ log }) => (log.spanId = '')],
  'no secret is anywhere': [
    ({ server }) => put(server.attributes, { 'mcp.session.id': 'private-session' }),
    ({ log }) => put(log.attributes, { 'sidelight.outcome': 'canary-1' }),
    (sound) => {
      const body = Buffer.from('\nsecret-token')
      sound.extra.push({ path: '/v1/other', contentType: '', headers: {}, body })
    },
  ],
}

function rulesBrokenBy(doctor: Doctor): Set<string> {
  const sound = soundExports()
  doctor(sound)
  return new Set(findingsOf(toReceived(sound)).map(({ rule }) => rule))
}

describe('The checker', () => {
  it('finds nothing wrong with sound exports', () => {
    assert.deepEqual(findingsOf(toReceived(soundExports())), [])
  })

  for (const [rule, doctors] of Object.entries(DOCTORS)) {
    it(`sees when this does not hold: ${rule}`, () => {
      for (const doctor of doctors) {
        const broken = rulesBrokenBy(doctor)
        assert.ok(broken.has(rule), `${String(doctor)}\nbreaks only: ${[...broken].join('; ')}`)
      }
    })
  }

  it('has no rule that is not tried', () => {
    assert.deepEqual(
      [...Object.keys(RULES), ...Object.keys(BYTE_RULES)].toSorted(),
      [...Object.keys(DOCTORS), 'opt-in attributes are absent'].toSorted(),
    )
  })

  it('sees attributes of level opt-in, unless the test asked for them', () => {
    const registry = readRegistry()
    const attribute = registry.attributes.get('mcp.resource.uri')
    assert.ok(attribute !== undefined)
    const use = { attribute, level: 'opt_in', condition: undefined } as const
    const input = {
      exports: { resource: {}, spans: [], metrics: [], logs: [] },
      carriers: [
        {
          on: 'span',
          where: 'here',
          attributes: [],
          values: { 'mcp.resource.uri': 'file:///a' },
          uses: new Map([[attribute.key, use]]),
        },
      ],
      registry,
      delta: false,
    } as const
    const rule = ATTRIBUTE_RULES['opt-in attributes are absent']
    assert.deepEqual(rule({ ...input, optIn: false }), ['mcp.resource.uri is there unasked: here'])
    assert.deepEqual(rule({ ...input, optIn: true }), [])
  })

  it('knows the condition of every attribute that the registry requires conditionally', () => {
    const registry = readRegistry()
    const signals = [...registry.spans, ...registry.metrics.values(), ...registry.events.values()]
    const conditional = signals.flatMap((signal) =>
      [...signal.attributes.values()]
        .filter(({ level }) => level === 'conditionally_required')
        .map(({ attribute }) => attribute.key),
    )
    assert.deepEqual(
      [...new Set(conditional)].filter((key) => CONDITIONS[key] === undefined),
      [],
    )
  })
})
