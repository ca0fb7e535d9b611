/**
 * The configuration: every key, its unit, its default and what it is for.
 *
 * docs/configuration.md and the JSON Schema for editors are generated from here.
 */

import * as z from 'zod/mini'
import { auth } from './auth-schema.ts'
import { about, address, count, descriptions, duration, size, text, wait } from './scalars.ts'
import { UPSTREAM_NAME } from './names.ts'
import { audit } from './audit-schema.ts'
import { mcp } from './mcp-schema.ts'
import { policy } from './policy-schema.ts'
import { alerts, insight } from './insight-schema.ts'
import { telemetry } from './telemetry-schema.ts'
import { ui } from './ui-schema.ts'
import { isUpstreamUrl, upstream } from './upstream-schema.ts'

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
    'Most MCP sessions that are kept in mind; the least recently used goes first, of the same principal if it has one.',
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
  delay: about(
    z._default(duration, '0s'),
    'How long calls are still taken after SIGTERM, while `/readyz` answers 503 already and replies close their connections, so that whoever sends calls here turns to another instance.',
  ),
  drainTimeout: about(
    z._default(duration, '10s'),
    'How long calls under way may take to finish after SIGTERM.',
  ),
  linger: about(
    z._default(duration, '500ms'),
    'How long, at the end, connections that nobody uses are kept: a request that is on its way on one is answered then, and not cut.',
  ),
  flushTimeout: about(
    z._default(duration, '3s'),
    'How long waiting telemetry may take to be sent after that.',
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
  auth: about(z.prefault(auth, {}), 'Who may send requests (docs/security.md).'),
  audit: z.optional(
    about(audit, 'The audit log (docs/audit.md). Without it, nothing is recorded.'),
  ),
  policy: z.optional(
    about(policy, 'Who may call what. Without it, whoever may send requests may call everything.'),
  ),
  limits: about(z.prefault(limits, {}), 'Limits on everything; each is counted when it is hit.'),
  rejections: about(
    z._default(z.enum(['mcp', 'http']), 'mcp'),
    'How a refused request is answered: as a tool result or JSON-RPC error in HTTP 200, or as an HTTP status.',
  ),
  telemetry: about(
    z.prefault(telemetry, {}),
    'What is read of and written into messages, and what is kept; export is set by OTEL_* variables.',
  ),
  insight: about(
    z.prefault(insight, {}),
    'Statistics, the last calls, and the verdict on upstreams (docs/insight.md).',
  ),
  alerts: about(
    z.prefault(alerts, {}),
    'Alerts of the sidecar itself, and who is told of them (docs/insight.md).',
  ),
  mcp: about(
    z.prefault(mcp, {}),
    "Sidelight's own MCP endpoint, `/mcp` on the admin listener (docs/mcp.md).",
  ),
  ui: about(z.prefault(ui, {}), 'The status page on the admin listener.'),
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
