/** What probes and scrapers ask the admin plane, on Node's own request and response. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AdminAppOptions, Readiness } from './admin-app.ts'
import type { AdminRefusal } from './admin-gate.ts'
import { MetricsEndpoint } from './metrics-endpoint.ts'
import { ADMIN_PATHS } from './paths.ts'
import { sendJson, sendText } from './send.ts'

/** Resolves to false when the request is for somebody else. Rejects with a defect, before anything is sent. */
export type Probes = (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<boolean>

export function createProbes(options: AdminAppOptions): Probes {
  const { gate } = options
  const metrics = new MetricsEndpoint(options)
  const answers: ReadonlyMap<string, Answer> = new Map<string, Answer>([
    [ADMIN_PATHS.live, { kind: 'health', send: sendAlive }],
    [ADMIN_PATHS.health, { kind: 'health', send: sendAlive }],
    [
      ADMIN_PATHS.ready,
      {
        kind: 'health',
        send: (incoming, outgoing) => {
          const query = (incoming.url ?? '').split('?')[1]
          const verbose = new URLSearchParams(query).has('verbose')
          sendReadiness(outgoing, options.readiness(), verbose)
        },
      },
    ],
    [
      ADMIN_PATHS.metrics,
      { kind: 'metrics', send: (incoming, outgoing) => metrics.serve(incoming, outgoing) },
    ],
  ])
  return async (incoming, outgoing) => {
    const { method, url = '' } = incoming
    const answer = answers.get(url.split('?', 1)[0] ?? '')
    if (answer === undefined || (method !== 'GET' && method !== 'HEAD')) return false
    if (!gate.open.has(answer.kind)) {
      const found = await gate.check(incoming, 'read')
      if (found.kind === 'refused') {
        refuse(outgoing, found)
        return true
      }
    }
    await answer.send(incoming, outgoing)
    return true
  }
}

interface Answer {
  /** What the gate may leave open. */
  readonly kind: 'health' | 'metrics'
  send(incoming: IncomingMessage, outgoing: ServerResponse): void | Promise<void>
}

function sendAlive(_: IncomingMessage, outgoing: ServerResponse): void {
  sendJson(outgoing, 200, { status: 'ok' })
}

function sendReadiness(outgoing: ServerResponse, readiness: Readiness, verbose: boolean): void {
  const { status, keys, upstreams } = readiness
  const code = status === 'ready' ? 200 : 503
  if (verbose) return sendText(outgoing, code, describe(readiness))
  const known = upstreams.map(({ upstream, up, errorType, required }) => ({
    name: upstream,
    up: up ?? null,
    ...(errorType === undefined ? {} : { error: errorType }),
    required,
  }))
  const shown = { status, ...(keys === undefined ? {} : { keys }), upstreams: known }
  sendJson(outgoing, code, shown)
}

/** Line by line for people, as Kubernetes writes it. */
function describe({ status, keys, upstreams }: Readiness): string {
  const lines = upstreams.map(({ upstream, up, errorType, required }) => {
    const state =
      up === undefined ? 'not checked yet' : up ? 'ok' : `down: ${errorType ?? 'unknown'}`
    const mark = up === true ? '[+]' : required ? '[-]' : '[ ]'
    return `${mark}upstream ${upstream} ${state}${required ? ' (required)' : ''}\n`
  })
  const draining = status === 'draining' ? '[-]calls are not accepted any more\n' : '[+]calls ok\n'
  const known =
    keys === undefined ? '' : keys === 'ok' ? '[+]keys ok\n' : '[-]keys of no issuer are known\n'
  const result = status === 'ready' ? 'readyz check passed\n' : 'readyz check failed\n'
  return draining + known + lines.join('') + result
}

function refuse(outgoing: ServerResponse, { status, error, message }: AdminRefusal): void {
  if (status === 401) outgoing.setHeader('WWW-Authenticate', 'Bearer realm="sidelight admin"')
  outgoing.setHeader('Cache-Control', 'no-store')
  sendJson(outgoing, status, { error, message })
}
