/** The keys of one upstream. */

import * as z from 'zod/mini'
import { resilience } from './resilience-schema.ts'
import { about, count, countOrNone, limit, text, wait } from './scalars.ts'

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

export const headerName = z.string().check(
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
export const headerSource = z.union(
  [
    headerValue,
    z.strictObject({
      file: about(z.string().check(z.minLength(1)), 'The file; it is read again when it changes.'),
      prefix: about(
        z._default(headerValue, ''),
        'What stands before its content, such as `Bearer `.',
      ),
    }),
  ],
  { error: 'expected a header value without line breaks, or { file: PATH, prefix: TEXT }' },
)

const pathPrefix = text('the beginning of a path, such as /.well-known/', (value) =>
  /^\/[^?#*:{}\s]*$/.test(value),
)

const envName = text('the name of an environment variable', (value) =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(value),
)

/** Without a NUL byte, which no operating system takes in arguments and variables. */
const plain = text('a text without NUL bytes', (value) => !value.includes('\u0000'))

const health = z
  .strictObject({
    method: about(
      z._default(z.enum(['auto', 'discover', 'ping', 'tools/list', 'off']), 'auto'),
      'What is asked: `server/discover`, a session with a `ping` in it, or `tools/list`; `auto` is one of the first two, as the server understands. `off` for no checks.',
    ),
    interval: about(z._default(wait, '30s'), 'Time between checks, a tenth more or less.'),
    timeout: about(z._default(wait, '5s'), 'Longest time for one check.'),
    required: about(
      z._default(z.boolean(), false),
      'True when the sidecar is not ready (`/readyz`) while this upstream is not up.',
    ),
  })
  .check(
    z.refine((value) => !value.required || value.method !== 'off', {
      error: 'an upstream that is required has to be checked: choose a method other than off',
    }),
  )

const pins = z
  .strictObject({
    file: about(
      z.string().check(z.minLength(1)),
      'The pin file, JSON; it is read again when it changes. `GET /catalogue/<name>?format=pins` on the admin listener makes one.',
    ),
    mode: about(
      z._default(z.enum(['warn', 'block']), 'warn'),
      '`warn` tells of tools that are not as they are pinned; `block` also refuses to call them.',
    ),
    unpinned: z.optional(
      about(
        z.enum(['allow', 'block']),
        'What becomes of calls of tools that are not in the file. Default: `block` with `mode: block`.',
      ),
    ),
  })
  .check(
    z.refine((value) => value.mode === 'block' || value.unpinned !== 'block', {
      error: 'unpinned: block needs mode: block',
    }),
  )

/** One upstream: an HTTP server by its URL, or a program by its command. */
export const upstream = z
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
    timeout: about(
      z._default(limit, '30s'),
      'Longest time for a call, from its arrival to the end of its answer; events that come before the answer, such as progress, begin it anew. Streams that stay open have no limit.',
    ),
    timeoutMax: about(
      z._default(limit, '300s'),
      'Longest time for a call, whatever progress there is.',
    ),
    timeoutFirstByte: about(
      z._default(limit, 'off'),
      'Longest wait for the head of the reply to a call.',
    ),
    timeoutIdle: about(z._default(limit, 'off'), 'Longest silence within the reply to a call.'),
    connectTimeout: about(z._default(wait, '5s'), 'Longest wait for a connection.'),
    connections: about(
      z._default(count, 256),
      'Most connections for calls; HTTP/1.1 carries one call on each. Long-lived streams have their own.',
    ),
    connectionIdle: about(
      z._default(wait, '4s'),
      'How long a connection may be idle before it is closed. Keep it below what the server and everything between allow (5 s of a Node server), so that a call does not meet a connection that is going.',
    ),
    connectionLifetime: about(
      z._default(limit, '30m'),
      'After so long, or up to a tenth earlier by chance, a connection ends with the call that is on it, or at once when it is idle; or `off`. Calls then find a server that was moved or added.',
    ),
    prewarm: about(
      z._default(countOrNone, 0),
      'So many idle connections are kept ready for the next calls; each is made anew when it was idle for `connectionIdle`.',
    ),
    health: about(z.prefault(health, {}), 'Health checks, apart from the calls of clients.'),
    ...resilience,
    command: z.optional(
      about(
        z.array(plain).check(
          z.minLength(1, {
            error: 'expected a program and its arguments, such as [npx, -y, server]',
          }),
        ),
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
      'Most processes that requests of revision 2026-07-28 share. Only with `stateless: true`; otherwise there is one per client (address and, when there is a token, its subject).',
    ),
    prestart: about(
      z._default(countOrNone, 0),
      'So many of these processes are started before they are needed, one a second, and kept when nobody uses them. Only with `stateless: true`.',
    ),
    pins: z.optional(
      about(pins, 'Which definitions of tools are accepted; see [tools.md](tools.md#pins).'),
    ),
    stateless: about(
      z._default(z.boolean(), false),
      'True when the program keeps nothing between requests, so that all clients may share its processes.',
    ),
  })
  .check(
    z.refine((value) => (value.url === undefined) !== (value.command === undefined), {
      error: 'expected either url or command',
      abort: true,
    }),
    z.refine((value) => value.command === undefined || !usesHttp(value), {
      error:
        'transport, passthrough, host, headers and prewarm are for upstreams with a url, and this one has a command',
    }),
    z.refine((value) => value.url === undefined || !usesProcess(value), {
      error:
        'env, inheritEnv, cwd and stateless are for upstreams with a command, and this one has a url',
    }),
    z.refine((value) => value.prestart === 0 || value.stateless, {
      error: 'prestart needs stateless: true; other processes belong to a client',
    }),
  )

interface Kinds {
  readonly transport: string
  readonly host: string
  readonly headers: object
  readonly prewarm: number
  readonly passthrough?: readonly string[] | undefined
  readonly env: object
  readonly inheritEnv: readonly string[]
  readonly cwd?: string | undefined
  readonly stateless: boolean
}

function usesHttp({ transport, host, headers, passthrough, prewarm }: Kinds): boolean {
  const headed = Object.keys(headers).length > 0 || prewarm > 0
  return transport !== 'http' || host !== 'upstream' || headed || passthrough !== undefined
}

function usesProcess({ env, inheritEnv, cwd, stateless }: Kinds): boolean {
  return Object.keys(env).length > 0 || inheritEnv.length > 0 || cwd !== undefined || stateless
}

export function isUpstreamUrl(value: string): boolean {
  if (!URL.canParse(value)) return false
  const url = new URL(value)
  const web = url.protocol === 'http:' || url.protocol === 'https:'
  return web && url.username === '' && url.password === '' && url.hash === ''
}
