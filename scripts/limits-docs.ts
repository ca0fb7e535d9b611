/**
 * The tables of docs/limits.md. Values come from the schema of the configuration and from the constants
 * of the source, so that the page cannot say another number than the program uses.
 */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { configJsonSchema } from '../src/config/schema.ts'
import { LIMIT_NAMES, type LimitName } from '../src/core/limits.ts'
import { code, table } from './markdown.ts'

interface JsonSchema {
  readonly default?: unknown
  readonly description?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
}

/** The default and the description of every key that has a value of its own. */
function configKeys(): ReadonlyMap<string, { readonly fallback: unknown; readonly about: string }> {
  const keys = new Map<string, { fallback: unknown; about: string }>()
  const visit = (schema: JsonSchema, path: string): void => {
    for (const [name, member] of Object.entries(schema.properties ?? {})) {
      const key = path === '' ? name : `${path}.${name}`
      keys.set(key, { fallback: member.default, about: member.description ?? '' })
      const more = member.additionalProperties
      if (typeof more === 'object') visit(more, `${key}.<name>`)
      else visit(member, key)
    }
  }
  visit(configJsonSchema(), '')
  return keys
}

const KEYS = configKeys()

function keyText(key: string): string {
  const found = KEYS.get(key)
  if (found?.fallback === undefined) throw new Error(`there is no key ${key} with a default`)
  const { fallback } = found
  const value = typeof fallback === 'string' ? fallback : JSON.stringify(fallback)
  return `${code(key)}: ${value}`
}

/** A numeric constant of a source file, as it is written there. */
export function constantOf(file: string, name: string): number {
  const source = readFileSync(fileURLToPath(new URL(`../src/${file}`, import.meta.url)), 'utf8')
  const text = new RegExp(`const ${name} = ([\\d_ */]+)$`, 'm').exec(source)?.[1]
  const factors = text?.split('*').map((factor) => Number(factor.replaceAll('_', '')))
  const value = factors?.reduce((product, factor) => product * factor, 1) ?? Number.NaN
  if (Number.isNaN(value)) throw new Error(`src/${file} has no number ${name}`)
  return value
}

type Unit = 'bytes' | 'ms' | 'count'

function inUnits(value: number, unit: Unit): string {
  if (unit === 'bytes') {
    const [size, name] = value >= 1024 ** 2 ? [1024 ** 2, 'MiB'] : [1024, 'KiB']
    return value < 1024 ? `${value} B` : `${value / size} ${name}`
  }
  if (unit === 'ms') {
    const days = 24 * 3_600_000
    if (value >= days) return `${value / days} days`
    if (value >= 3_600_000) return `${value / 3_600_000} h`
    return value >= 60_000 ? `${value / 60_000} min` : `${value / 1000} s`
  }
  return value.toLocaleString('en')
}

interface CountedLimit {
  readonly what: string
  /** A key of the configuration, or where the constant stands. */
  readonly from: string | readonly [file: string, name: string, unit: Unit]
  readonly beyond: string
}

/** Each limit that `sidelight.limit.hits` counts. A name without an entry does not compile. */
const COUNTED: Readonly<Record<LimitName, CountedLimit>> = {
  body: { what: 'a request body', from: 'limits.body', beyond: '413, `too_large`' },
  bodies: {
    what: 'large request bodies, together',
    from: 'limits.bodies',
    beyond: '`at_capacity`',
  },
  headers: {
    what: 'the head of a request',
    from: 'limits.headers',
    beyond: '431, the connection closed',
  },
  depth: { what: 'nesting of a message', from: 'limits.depth', beyond: '400, `invalid_request`' },
  batch: { what: 'messages in a batch', from: 'limits.batch', beyond: '400, `invalid_request`' },
  connections: {
    what: 'client connections of a listener',
    from: 'limits.connections',
    beyond: 'further ones are dropped',
  },
  streams: { what: 'exchanges under way', from: 'limits.streams', beyond: '`at_capacity`' },
  suspended_calls: {
    what: 'calls answered on another stream',
    from: 'limits.suspendedCalls',
    beyond: 'the oldest ends as `closed`',
  },
  request_timeout: {
    what: 'time to send a request',
    from: 'limits.requestTimeout',
    beyond: '408, the connection closed',
  },
  sessions: {
    what: 'sessions',
    from: 'limits.sessions',
    beyond:
      'the one that was used least recently is forgotten; a new one of HTTP+SSE is refused (`at_capacity`)',
  },
  processes: {
    what: 'processes of a stdio server',
    from: 'upstreams.<name>.processes',
    beyond:
      'new sessions are refused (`at_capacity`); in 2026-07-28 the one that is idle for longest makes room',
  },
  queue: {
    what: 'calls that wait for a turn',
    from: 'upstreams.<name>.queue',
    beyond: '`queue_timeout`',
  },
  tool_breakers: {
    what: 'tools with a breaker of their own, of an upstream',
    from: ['resilience/tool-breakers.ts', 'TOOLS_MAX', 'count'],
    beyond: 'further tools have that of the upstream alone',
  },
  authentications: {
    what: 'tokens that are verified at a time',
    from: ['cli/auth.ts', 'VERIFICATIONS_MAX', 'count'],
    beyond: '503, `auth_unavailable`',
  },
  line: {
    what: 'a line of a stdio server',
    from: 'limits.line',
    beyond: 'it is dropped; its call is `bad_message`',
  },
  replay: {
    what: 'events of a session kept for clients that come back',
    from: 'limits.replayEvents',
    beyond: 'the oldest are gone; 400, `unknown_event`, where an answer may be among them',
  },
  captures: {
    what: 'results that are looked at, together',
    from: ['cli/capture-budget.ts', 'CAPTURES_BYTES_MAX', 'bytes'],
    beyond: 'the list or result passes and is not looked at',
  },
  lists: {
    what: 'a list that a policy filters',
    from: 'policy.listBytes',
    beyond: 'it is not passed on; `bad_message`, or the stream ends',
  },
  server_requests: {
    what: 'questions of servers without an answer',
    from: ['pipeline/server-requests.ts', 'SERVER_REQUESTS_MAX', 'count'],
    beyond: 'the oldest is not followed any more',
  },
  catalogue: {
    what: 'tools of a list that are remembered',
    from: ['telemetry/tool-list.ts', 'TOOLS_MAX', 'count'],
    beyond: 'further ones are not in the catalogue',
  },
  recent_calls: {
    what: 'calls remembered to notice repetition',
    from: ['telemetry/agent-signals.ts', 'CALLS_MAX', 'count'],
    beyond: 'the oldest is forgotten',
  },
  insight_tools: {
    what: 'tools with statistics of their own',
    from: 'insight.tools',
    beyond: 'further ones count together, as `_OTHER`',
  },
  silences: {
    what: 'silences at a time',
    from: ['insight/silences.ts', 'SILENCES_MAX', 'count'],
    beyond: 'a new one is refused',
  },
  label_values: {
    what: 'names of tools that become labels, of an upstream',
    from: ['telemetry/label-guard.ts', 'NAMES_MAX', 'count'],
    beyond: 'further ones are `_OTHER`',
  },
  metric_series: {
    what: 'series of a metric (a histogram is one)',
    from: ['telemetry/series-limits.ts', 'SERIES_MAX', 'count'],
    beyond: 'the rest is one series with `otel.metric.overflow`',
  },
  metric_series_upstream: {
    what: 'series of an upstream',
    from: ['telemetry/series-limits.ts', 'UPSTREAM_SERIES_MAX', 'count'],
    beyond: 'the same',
  },
  metric_series_total: {
    what: 'series',
    from: ['telemetry/series-limits.ts', 'TOTAL_SERIES_MAX', 'count'],
    beyond: 'the same',
  },
  metric_exemplars: {
    what: 'exemplars',
    from: ['telemetry/series-limits.ts', 'EXEMPLARS_MAX', 'count'],
    beyond: 'further buckets have none',
  },
  audit_queue: {
    what: 'audit entries that wait',
    from: 'audit.queue',
    beyond: 'left out and counted (`audit.gap`); in `strict` refused as `audit_unavailable`',
  },
  scrapes: {
    what: 'readings of `/metrics` at a time',
    from: ['http/metrics-endpoint.ts', 'SCRAPES_MAX', 'count'],
    beyond: '503; one that takes longer than a minute is ended',
  },
  subscribers: {
    what: 'followers of `/api/v1/events`',
    from: ['http/api/event-stream.ts', 'SUBSCRIBERS_MAX', 'count'],
    beyond: '503',
  },
}

/** Limits that `sidelight.limit.hits` counts. */
export function countedLimitsTable(): string {
  const rows = LIMIT_NAMES.map((name) => {
    const { what, from, beyond } = COUNTED[name]
    const value =
      typeof from === 'string' ? keyText(from) : inUnits(constantOf(from[0], from[1]), from[2])
    return [code(name), what, value, beyond]
  })
  return table(['`sidelight.limit`', 'Of what', 'How much', 'What happens beyond it'], rows)
}

/** Keys that say how much, how many or how long, in the order of the configuration. */
const SETTABLE =
  /^(limits\.|upstreams\.<name>\.(timeout|connect|connections|concurrency|queue|processes|pool|health\.(interval|timeout)|retry\.attempts|retryBudget\.)|auth\.(clockTolerance|tokenSize|cache)|audit\.(captureBytes|queue|flush|strict|segment|retention|freeSpace|checkpoint(Records|Interval))|policy\.listBytes|insight\.(recentCalls|tools)$|shutdown\.)/

/** Limits of the configuration. */
export function settableLimitsTable(): string {
  const rows = [...KEYS]
    .filter(([key, { fallback }]) => SETTABLE.test(key) && isFigure(fallback))
    .map(([key, { fallback, about }]) => [code(key), String(fallback), about])
  return table(['Key', 'Default', 'What it bounds'], rows)
}

const isFigure = (fallback: unknown): boolean =>
  typeof fallback === 'number' || typeof fallback === 'string'

/** What nobody can set, and somebody may meet. */
const FIXED: readonly (readonly [what: string, file: string, name: string, unit: Unit])[] = [
  ['the id of a message, or a progress token', 'mcp/shapes.ts', 'ID_BYTES_MAX', 'bytes'],
  ['the name of a tool, a prompt or a method', 'mcp/shapes.ts', 'NAME_BYTES_MAX', 'bytes'],
  ['a compressed reply, decoded to be watched', 'mcp/decode-tee.ts', 'DECODED_BYTES_MAX', 'bytes'],
  ['a list of tools that is read', 'telemetry/catalogue.ts', 'LIST_BYTES_MAX', 'bytes'],
  ['a name of a tool that becomes a label', 'telemetry/label-guard.ts', 'NAME_CHARS_MAX', 'count'],
  [
    'arguments that are compared for repetition',
    'telemetry/agent-signals.ts',
    'ARGUMENT_BYTES_MAX',
    'bytes',
  ],
  ['baggage', 'telemetry/baggage.ts', 'BAGGAGE_CHARS_MAX', 'count'],
  [
    'exports of metrics that wait for a collector',
    'telemetry/otlp-client.ts',
    'EXPORTS_MAX',
    'count',
  ],
  [
    'log records of one event in a second, but for debug',
    'cli/log-writer.ts',
    'EVENT_RATE_MAX',
    'count',
  ],
  ['log lines that wait for standard error', 'main.ts', 'LOG_BYTES_MAX', 'bytes'],
  [
    'a client of a stdio session behind, before its process is not read',
    'upstream/stdio/session-streams.ts',
    'BEHIND_BYTES_MAX',
    'bytes',
  ],
  [
    'a client of a shared process behind, before its stream is ended',
    'upstream/stdio/shared-process.ts',
    'BEHIND_BYTES_MAX',
    'bytes',
  ],
  [
    'what a stdio server has not read',
    'upstream/stdio/process-table.ts',
    'BACKLOG_BYTES_MAX',
    'bytes',
  ],
  [
    'requests of a stdio session without an answer',
    'upstream/stdio/stdio-transport.ts',
    'OPEN_REQUESTS_MAX',
    'count',
  ],
  [
    'the wait before a program that keeps ending is started again',
    'upstream/stdio/backoff.ts',
    'WAIT_MS_MAX',
    'ms',
  ],
  [
    'the pause that an upstream can ask for (`Retry-After`)',
    'resilience/throttle.ts',
    'THROTTLE_MS_MAX',
    'ms',
  ],
  ['the pause that a client is asked for', 'resilience/patience.ts', 'RETRY_AFTER_MS_MAX', 'ms'],
  [
    'the credential of an upstream in a file',
    'upstream/header-source.ts',
    'FILE_BYTES_MAX',
    'bytes',
  ],
  ['keys of an issuer', 'auth/key-document.ts', 'KEYS_MAX', 'count'],
  ['an answer of an issuer', 'auth/http-client.ts', 'BYTES_MAX', 'bytes'],
  ['entries of the file of revocations', 'auth/revocations.ts', 'ENTRIES_MAX', 'count'],
  ['proofs (DPoP) that are remembered', 'cli/auth.ts', 'PROOFS_MAX', 'count'],
  ['replies that a policy filters, together', 'cli/authorization.ts', 'HELD_BYTES_MAX', 'bytes'],
  ['a condition of a policy', 'policy/condition.ts', 'CHARS_MAX', 'count'],
  ['a record of the audit log', 'audit/record.ts', 'LINE_BYTES_MAX', 'bytes'],
  ['a silence', 'insight/silences.ts', 'SILENCE_MS_MAX', 'ms'],
]

/** Limits that stand in the source. */
export function fixedLimitsTable(): string {
  const rows = FIXED.map(([what, file, name, unit]) => [
    what,
    `${inUnits(constantOf(file, name), unit)}${name.endsWith('CHARS_MAX') ? ' characters' : ''}`,
  ])
  return table(['Of what', 'At most'], rows)
}
