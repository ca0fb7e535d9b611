/** protoc reads from our bytes what our own decoder reads: the two know nothing of each other. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, it } from 'node:test'
import type { Received } from '../support/otlp-collector.ts'
import { decodeRequest } from '../support/otlp-decode.ts'
import { startOtlpSink } from '../support/otlp-sink.ts'
import { requestOnce } from '../support/raw-client.ts'
import { startRawUpstream } from '../support/raw-upstream.ts'
import { startTestSidecar } from '../support/test-sidecar.ts'

const PROTO = fileURLToPath(new URL('proto', import.meta.url))

const MESSAGES: Readonly<Record<string, string>> = {
  '/v1/traces': 'otlp.ExportTraceServiceRequest',
  '/v1/metrics': 'otlp.ExportMetricsServiceRequest',
  '/v1/logs': 'otlp.ExportLogsServiceRequest',
}

const missing =
  spawnSync('protoc', ['--version']).error === undefined
    ? false
    : 'protoc is not on the PATH; scripts/setup-test-tools.sh installs it'

function protoc({ path, body }: Received): string {
  const { status, stdout, stderr } = spawnSync(
    'protoc',
    [`--proto_path=${PROTO}`, `--decode=${MESSAGES[path] ?? ''}`, 'otlp.proto'],
    { input: body },
  )
  assert.equal(status, 0, stderr.toString())
  return stdout.toString()
}

/** A scalar as protoc prints it, or undefined for what it leaves out: defaults. */
type Leaf = readonly [name: string, value: string]

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }

/** The bytes of a text that protoc quoted. */
function unquote(text: string): Buffer {
  const latin1 = text.replace(/\\([0-7]{3}|.)/g, (_all, escape: string) =>
    escape.length === 3
      ? String.fromCodePoint(Number.parseInt(escape, 8))
      : (ESCAPES[escape] ?? escape),
  )
  return Buffer.from(latin1, 'latin1')
}

const HEX_FIELDS = new Set(['traceId', 'spanId', 'parentSpanId', 'bytesValue'])

const ENUMS: Readonly<Record<string, string>> = {
  SPAN_KIND_SERVER: '2',
  SPAN_KIND_CLIENT: '3',
  STATUS_CODE_ERROR: '2',
  AGGREGATION_TEMPORALITY_CUMULATIVE: '2',
}

/** Every scalar that protoc printed, in order, by the name that JSON gives the field. */
function leavesOfText(text: string): Leaf[] {
  return text.split('\n').flatMap((line): Leaf[] => {
    const [, name = '', value = ''] = /^\s*(\w+): (.*)$/.exec(line) ?? []
    if (name === '') return []
    const field = name.replace(/_(\w)/g, (_all, letter: string) => letter.toUpperCase())
    if (!value.startsWith('"')) return [[field, ENUMS[value] ?? numberText(value)]]
    const bytes = unquote(value.slice(1, -1))
    return [[field, HEX_FIELDS.has(field) ? bytes.toString('hex') : bytes.toString()]]
  })
}

/** Numbers compare as numbers, so that 1e-05 and 0.00001 are one. Times keep all their digits. */
function numberText(value: string): string {
  return /^\d{16,}$/.test(value) || value === 'true' || value === 'false'
    ? value
    : String(Number(value))
}

function leavesOfValue(name: string, value: unknown): Leaf[] {
  if (Array.isArray(value)) return value.flatMap((item: unknown) => leavesOfValue(name, item))
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, item]) => leavesOfValue(key, item))
  }
  if (typeof value === 'string') return [[name, value]]
  return typeof value === 'number' || typeof value === 'boolean' ? [[name, String(value)]] : []
}

/**
 * How often each scalar is there. protoc leaves out defaults that a list or a oneof does not show, so
 * zeros, empty texts and false are left out of both.
 */
function tally(leaves: readonly Leaf[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const [name, value] of leaves) {
    if (value === '' || value === '0' || value === 'false') continue
    const key = `${name}=${value}`
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}

describe('protoc', { skip: missing }, () => {
  it('reads traces, metrics and logs as the decoder of the tests does', async () => {
    const sink = await startOtlpSink()
    const upstream = await startRawUpstream((_request, reply) =>
      reply.send({
        body: '{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"zerbrochen \\u00fc\\n"}}',
      }),
    )
    const sidecar = await startTestSidecar({
      upstreams: { main: upstream.url },
      otel: { ...sink.env, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' },
    })
    await requestOnce(sidecar.url('main'), {
      body: '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"s\\u00fcche"}}',
    })
    await sidecar.close()
    const paths = new Set(sink.received.map(({ path }) => path))
    assert.ok(paths.has('/v1/traces') && paths.has('/v1/metrics'))
    for (const item of sink.received) {
      assert.equal(item.contentType, 'application/x-protobuf')
      const decoded = decodeRequest(item.path, item.contentType, item.body)
      const text = protoc(item)
      // What protoc does not know it prints by number.
      assert.doesNotMatch(text, /^\s*\d+[:\s]/m)
      const read = tally(leavesOfText(text))
      assert.ok(Object.keys(read).length > 5)
      assert.deepEqual(tally(leavesOfValue('', decoded)), read)
    }
  })
})
