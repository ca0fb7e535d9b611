/**
 * What one unit of a fleet costs: series of a sidecar, of an upstream and of a tool, bytes of a span,
 * of an audit record and of a log line. Taken from a real sidecar with authentication, a policy, health
 * checks, the audit log and all telemetry on.
 */

import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { CapacityFigures, SeriesFigures } from '../../scripts/capacity-model.ts'
import { startOtlpSink, type OtlpSink } from './otlp-sink.ts'
import { startRawUpstream, type RawHandler } from './raw-upstream.ts'
import { startSidecarProcess, type SidecarProcess } from './sidecar-process.ts'
import { temporaryDirectory } from './temporary-directory.ts'
import { startTokenIssuer } from './token-issuer.ts'
import { waitFor } from './wait-for.ts'

/** Enough for means of bytes; each is one call. */
const CALLS = 100

/** Of the requests before those. */
const FIRST_SPANS = 10

/** All are exported together, so that how fast they come changes neither frames nor compression. */
const SPANS = FIRST_SPANS + 2 * CALLS

/** Nothing here is about time: whatever is waited for comes in the end. */
const WITHIN = 30_000

const TOOLS = ['search_documents', 'summarize_page', 'delete_bookmark'] as const

const TOOL_LIST = TOOLS.map((name) => ({ name, inputSchema: { type: 'object' } }))

const answer: RawHandler = (asked, reply) => {
  const { method, id, params } = asked.json()
  if (id === undefined) return reply.send({ status: '202 Accepted', headers: [] })
  if (method === 'tools/list') return reply.result({ tools: TOOL_LIST })
  const text = JSON.stringify(params)
  if (text.includes('"broken":true')) {
    return reply.send({ status: '500 Internal Server Error', body: '{}' })
  }
  if (method === 'tools/call') {
    const isError = text.includes('"fail":true')
    return reply.result({ content: [{ type: 'text', text: 'done' }], isError })
  }
  const serverInfo = { name: 'documents', version: '1.0.0' }
  reply.result({ supportedVersions: ['2026-07-28'], capabilities: {}, serverInfo })
}

interface Rig {
  readonly sidecar: SidecarProcess
  readonly sink: OtlpSink
  readonly token: string
  readonly auditDirectory: string
}

async function startRig(): Promise<Rig> {
  const upstream = await startRawUpstream(answer)
  const issuer = await startTokenIssuer()
  const sink = await startOtlpSink()
  const directory = await temporaryDirectory()
  const auditDirectory = join(directory, 'audit')
  const file = join(directory, 'sidelight.yaml')
  const health = { interval: '1s' }
  const config = {
    upstreams: {
      documents: { url: upstream.url, health },
      calendars: { url: upstream.url, health },
    },
    auth: { mode: 'required', issuers: [{ issuer: issuer.url, audience: 'sidelight-test' }] },
    policy: { roles: { analyst: { allow: ['*'] } } },
    audit: { dir: auditDirectory, flushInterval: '60s' },
    log: { level: 'debug' },
  }
  await writeFile(file, JSON.stringify(config))
  const sidecar = await startSidecarProcess({
    args: ['--config', file],
    env: {
      ...sink.env,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_BSP_SCHEDULE_DELAY: '600000',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: String(SPANS),
    },
  })
  return { sidecar, sink, token: await issuer.token(), auditDirectory }
}

export async function measureCapacityFigures(): Promise<CapacityFigures> {
  const rig = await startRig()
  const series = await measureSeries(rig)
  const spans = await measureSpans(rig)
  await call(rig, TOOLS[2], { broken: true })
  rig.sidecar.signal('SIGTERM')
  const { stderr } = await rig.sidecar.finished(WITHIN)
  return { series, spans, audit: await measureAudit(rig.auditDirectory), log: measureLog(stderr) }
}

async function measureSeries(rig: Rig): Promise<CapacityFigures['series']> {
  const { sidecar } = rig
  await waitFor(
    async () =>
      (await sidecar.metrics()).find('sidelight_upstream_health_check_duration_seconds_count')
        .length === 2,
    { within: WITHIN, what: 'a health check of each upstream' },
  )
  await request(rig, 'server/discover', {})
  await request(rig, 'tools/list', {})
  await call(rig, TOOLS[0])
  await call(rig, TOOLS[1])
  await call(rig, TOOLS[1], { fail: true })
  const response = await fetch(`${sidecar.adminUrl}/metrics`, {
    headers: { Accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' },
  })
  const text = await response.text()
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return {
    classic: countSeries(samples),
    native: countSeries([...new Set(samples.map(withoutBucket))]),
    bytes: Buffer.byteLength(text) / samples.length,
    gzippedBytes: gzipSync(text).length / samples.length,
  }
}

/** Series by whose they are; of a tool those are meant that name it. */
function countSeries(series: readonly string[]): SeriesFigures {
  const count = (...parts: readonly string[]): number =>
    series.filter((line) => parts.every((part) => line.includes(part))).length
  const used = 'sidelight_upstream_name="documents"'
  const ofTool = 'gen_ai_tool_name='
  const tool = count(used, `${ofTool}"${TOOLS[0]}"`)
  return {
    sidecar: series.length - count('sidelight_upstream_name='),
    upstreamIdle: count('sidelight_upstream_name="calendars"'),
    upstreamUsed: count(used) - count(used, ofTool),
    tool,
    toolError: count(used, `${ofTool}"${TOOLS[1]}"`, 'error_type="tool_error"'),
  }
}

/** What the series of one histogram have in common. */
function withoutBucket(sample: string): string {
  const series = /^[^ ]*?(?:\{.*?\})?(?= )/.exec(sample)?.[0] ?? sample
  return series
    .replace(/(_seconds|_bytes|_ratio|_tokens)?_(bucket|sum|count)(?=\{|$)/, '$1')
    .replace(/,?le="[^"]*"/, '')
}

async function measureSpans(rig: Rig): Promise<CapacityFigures['spans']> {
  const { sink } = rig
  for (let index = 0; index < CALLS; index += 1) await call(rig, TOOLS[0])
  await waitFor(() => sink.spans.length > 0, { within: WITHIN, what: 'the spans' })
  const bodies = sink.received.filter(({ path }) => path === '/v1/traces')
  const spans = sink.spans.length
  const mean = (size: (body: Buffer) => number): number =>
    bodies.reduce((sum, { body }) => sum + size(body), 0) / spans
  return {
    perCall: (spans - FIRST_SPANS) / CALLS,
    bytes: mean((body) => body.length),
    gzippedBytes: mean((body) => gzipSync(body).length),
  }
}

async function measureAudit(directory: string): Promise<CapacityFigures['audit']> {
  const files = (await readdir(directory)).filter((name) => name.endsWith('.jsonl'))
  const texts = await Promise.all(files.map((name) => readFile(join(directory, name), 'utf8')))
  const lines = texts.join('').split('\n')
  const mean = (type: string): number =>
    meanBytes(lines.filter((line) => line.includes(`"type":"${type}"`)))
  return { callBytes: mean('call.ended') }
}

function measureLog(stderr: string): CapacityFigures['log'] {
  const ended = stderr
    .split('\n')
    .filter((line) => line.includes('"sidelight.call.ended"') && line.includes('"tools/call"'))
  const mean = (level: string): number =>
    meanBytes(ended.filter((line) => line.includes(`"severity_text":"${level}"`)))
  return { callBytes: mean('DEBUG'), failureBytes: mean('WARN') }
}

/** Of lines, with what ends them. */
function meanBytes(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0) / lines.length
}

const call = (rig: Rig, name: string, args: object = {}): Promise<void> =>
  request(rig, 'tools/call', { name, arguments: args }, { 'Mcp-Name': name })

async function request(
  { sidecar, token }: Rig,
  method: string,
  params: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const response = await fetch(sidecar.url('documents'), {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2026-07-28',
      'Mcp-Method': method,
      Authorization: `Bearer ${token}`,
      ...headers,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method,
      params: {
        ...params,
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    }),
  })
  await response.arrayBuffer()
}
