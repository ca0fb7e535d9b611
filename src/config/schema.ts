/**
 * The configuration: every key, its unit, its default and what it is for.
 *
 * docs/configuration.md and the JSON Schema for editors are generated from here.
 */

import * as z from 'zod/mini'
import { parseAddress, parseDuration, parseSize } from './units.ts'

/** What each key is for; read by the documentation and the JSON Schema. */
export const descriptions = z.registry<{ description: string }>()

function about<T extends z.core.$ZodType>(schema: T, description: string): T {
  descriptions.add(schema, { description })
  return schema
}

const text = (expected: string, accepts: (value: string) => boolean): z.ZodMiniString =>
  z
    .string({ error: `expected ${expected}` })
    .check(z.refine((value) => accepts(value), { error: `expected ${expected}` }))

/** The longest wait that a timer can hold. */
const DURATION_MS_MAX = 2 ** 31 - 1

const duration = text(
  'a duration such as 30s or 500ms, at most 24d',
  (value) => (parseDuration(value) ?? Infinity) <= DURATION_MS_MAX,
)
const size = text('a size such as 16MiB or 64KiB', (value) => parseSize(value) !== undefined)
const wait = text('a duration such as 30s or 500ms, more than 0 and at most 24d', (value) => {
  const ms = parseDuration(value) ?? 0
  return ms > 0 && ms <= DURATION_MS_MAX
})
const count = z.int().check(z.gte(1))
const address = text(
  'an address such as 127.0.0.1:8420',
  (value) => parseAddress(value) !== undefined,
)

export const UPSTREAM_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Headers that are part of how a message is carried, so nobody can choose them. */
const FRAMING_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

const headerName = z.string().check(
  z.regex(HEADER_NAME, { error: 'expected a header name' }),
  z.refine((name) => !FRAMING_HEADERS.has(name.toLowerCase()), {
    error: 'this header belongs to the connection and cannot be set',
  }),
)

const headerValue = z.string().check(
  z.regex(/^[\t\u0020-\u007e\u0080-\u00ff]*$/, {
    error: 'expected a header value without line breaks',
  }),
)

/** A header's value, or where it is read from. */
const headerSource = z.union([
  headerValue,
  z.strictObject({
    file: about(z.string().check(z.minLength(1)), 'The file; it is read again when it changes.'),
    prefix: about(
      z._default(headerValue, ''),
      'What stands before its content, such as `Bearer `.',
    ),
  }),
])

const pathPrefix = text('the beginning of a path, such as /.well-known/', (value) =>
  /^\/[^?#*:{}\s]*$/.test(value),
)

const envName = text('the name of an environment variable', (value) =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(value),
)

/** Without a NUL byte, which no operating system takes in arguments and variables. */
const plain = text('a text without NUL bytes', (value) => !value.includes('\u0000'))

const upstream = z
  .strictObject({
    url: z.optional(
      about(
        text('an http:// or https:// URL without credentials or fragment', isUpstreamUrl),
        'Where the MCP server is: its Streamable HTTP endpoint, or its stream with `transport: sse`.',
      ),
    ),
    transport: about(
      z._default(z.enum(['http', 'sse']), 'http'),
      'Streamable HTTP, or the older HTTP+SSE of revision 2024-11-05.',
    ),
    path: z.optional(
      about(
        text('a path such as /mcp', (value) => /^\/[^?#*:{}\s]*$/.test(value)),
        'A further path of the data listener that stands for this upstream, besides `/<name>/mcp` (`/<name>/sse` with `transport: sse`).',
      ),
    ),
    host: about(
      z._default(z.enum(['upstream', 'preserve']), 'upstream'),
      "What `Host` says: the upstream's own, or what the client sent (for a sidecar beside the server, so that OAuth audiences and DPoP stay valid).",
    ),
    passthrough: z.optional(
      about(
        z.array(pathPrefix),
        'Beginnings of paths that go to the same path of the upstream, unread. Default: `/.well-known/` with `host: preserve`, otherwise none.',
      ),
    ),
    headers: about(
      z._default(z.record(headerName, headerSource), {}),
      "Headers set on every request to the upstream in place of the client's, such as its credential: a value, with `${NAME}` for one from the environment, or `{ file, prefix }`. Values are never printed.",
    ),
    connectTimeout: about(z._default(wait, '5s'), 'Longest wait for a connection.'),
    connections: about(
      z._default(count, 256),
      'Most connections for calls; HTTP/1.1 carries one call on each. Long-lived streams have their own.',
    ),
    command: z.optional(
      about(
        z.array(plain).check(z.minLength(1)),
        'In place of `url`: the program of an MCP server that speaks over its standard streams, and its arguments. No shell reads it.',
      ),
    ),
    env: about(
      z._default(z.record(envName, plain), {}),
      'Environment variables of that program. Values are never printed.',
    ),
    inheritEnv: about(
      z._default(z.array(envName), []),
      "Names of the sidecar's own variables that the program gets too, besides HOME, LOGNAME, PATH, SHELL, TERM and USER.",
    ),
    cwd: z.optional(about(plain, 'Working directory of that program.')),
    processes: about(
      z._default(count, 64),
      'Most processes of that program at a time. Each session before revision 2026-07-28 has its own.',
    ),
    pool: about(
      z._default(count, 5),
      'Most processes that requests of revision 2026-07-28 share. Only with `stateless: true`; otherwise there is one per principal.',
    ),
    stateless: about(
      z._default(z.boolean(), false),
      'True when the program keeps nothing between requests, so that all clients may share its processes.',
    ),
  })
  .check(
    z.refine((value) => (value.url === undefined) !== (value.command === undefined), {
      error: 'expected either url or command',
    }),
  )

function isUpstreamUrl(value: string): boolean {
  if (!URL.canParse(value)) return false
  const url = new URL(value)
  const web = url.protocol === 'http:' || url.protocol === 'https:'
  return web && url.username === '' && url.password === '' && url.hash === ''
}

function isOrigin(value: string): boolean {
  return isUpstreamUrl(value) && new URL(value).origin === value.replace(/\/$/, '')
}

const hostName = text('a host name without a port, such as sidelight.internal', (value) =>
  /^[a-z0-9._-]+$/i.test(value),
)

const listen = z.strictObject({
  data: about(z._default(address, '127.0.0.1:8420'), 'The data plane: MCP and nothing else.'),
  admin: about(
    z._default(z.union([z.literal('off'), address]), '127.0.0.1:9464'),
    'The admin plane: health and metrics; `off` for none.',
  ),
  allowedHosts: about(
    z._default(z.array(hostName), []),
    'Host names accepted besides loopback names and, off loopback, address literals.',
  ),
  allowedOrigins: about(
    z._default(z.array(z.string()), []),
    'Origins accepted besides loopback ones, such as `https://app.example`; `*` accepts any.',
  ),
  publicUrl: z.optional(
    about(
      text('an http:// or https:// origin such as https://mcp.example', isOrigin),
      'The origin under which clients reach the data listener, for OAuth metadata. Default: what `Host` says, over http.',
    ),
  ),
})

const limits = z.strictObject({
  body: about(z._default(size, '16MiB'), 'Largest request body; a larger one is answered 413.'),
  bodies: about(
    z._default(size, '256MiB'),
    'Most bytes of large request bodies (above 64 KiB) held at a time, all clients together.',
  ),
  headers: about(z._default(size, '32KiB'), 'Largest head of a request (431) or of a reply (502).'),
  depth: about(z._default(count, 512), 'Deepest nesting of a message.'),
  batch: about(z._default(count, 100), 'Most messages in a batch (revision 2025-03-26).'),
  connections: about(z._default(count, 10_000), 'Most client connections per listener.'),
  streams: about(
    z._default(count, 10_000),
    'Most exchanges with upstreams at a time, open streams included.',
  ),
  suspendedCalls: about(
    z._default(count, 10_000),
    'Most calls whose answer comes on another stream (resumed streams, and HTTP+SSE).',
  ),
  suspendedWait: about(z._default(duration, '5m'), 'How long such a call is waited for.'),
  sessions: about(
    z._default(count, 10_000),
    'Most MCP sessions that are kept in mind; the least recently used goes first.',
  ),
  sessionIdle: about(
    z._default(wait, '30m'),
    'A session that nobody uses for so long is forgotten, and its process ended.',
  ),
  line: about(z._default(size, '32MiB'), 'Longest line that is read from a stdio server.'),
  replayEvents: about(
    z._default(count, 256),
    'Most events per session of a stdio server that are kept for clients that come back.',
  ),
  replayBytes: about(z._default(size, '4MiB'), 'Most bytes of such events per session.'),
  requestTimeout: about(
    z._default(wait, '60s'),
    'Longest time for a client to send one request whole; replies may take as long as they like.',
  ),
})

const shutdown = z.strictObject({
  drainTimeout: about(
    z._default(duration, '10s'),
    'How long calls under way may take to finish after SIGTERM.',
  ),
  flushTimeout: about(
    z._default(duration, '3s'),
    'How long waiting telemetry may take to be sent after that.',
  ),
})

const telemetry = z.strictObject({
  propagateMeta: about(
    z._default(z.boolean(), true),
    'Write trace context into `params._meta` of requests to upstreams (SEP-414).',
  ),
  propagateHeaders: about(
    z._default(z.boolean(), true),
    'Write trace context into the HTTP headers of requests to upstreams.',
  ),
})

const log = z.strictObject({
  level: about(
    z._default(z.enum(['debug', 'info', 'warn', 'error']), 'info'),
    'Least level that is written; `debug` writes every call.',
  ),
  format: about(
    z._default(z.enum(['json', 'text']), 'json'),
    'JSON lines in the shape of OpenTelemetry log records, or lines for people. Both go to standard error.',
  ),
})

export const configSchema = z.strictObject({
  listen: about(z.prefault(listen, {}), 'Where Sidelight listens, and under which names.'),
  upstreams: about(
    z
      .record(
        z.string().check(
          z.regex(UPSTREAM_NAME, {
            error:
              'expected an upstream name of lower-case letters, digits, - and _, at most 63 long',
          }),
        ),
        upstream,
      )
      .check(
        z.refine((value) => Object.keys(value).length > 0, {
          error: 'expected at least one upstream',
        }),
      ),
    'The MCP servers, by the name under which clients reach them: `/<name>/mcp`.',
  ),
  limits: about(z.prefault(limits, {}), 'Limits on everything; each is counted when it is hit.'),
  rejections: about(
    z._default(z.enum(['mcp', 'http']), 'mcp'),
    'How a refused request is answered: as a tool result or JSON-RPC error in HTTP 200, or as an HTTP status.',
  ),
  telemetry: about(
    z.prefault(telemetry, {}),
    'What is written into messages; export is set by OTEL_* variables.',
  ),
  shutdown: about(z.prefault(shutdown, {}), 'How it ends.'),
  log: about(z.prefault(log, {}), 'The log, on standard error.'),
})

/** A valid configuration with every default filled in; durations and sizes still as text. */
export type Config = z.output<typeof configSchema>

/** JSON Schema (draft 2020-12) of the file, for editors. */
export function configJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(configSchema, { io: 'input', metadata: descriptions })
  return { ...schema, title: 'Sidelight configuration' }
}
