/** The admin plane's view of circuit breakers, and orders to them by hand. */

import type { Context, Hono } from 'hono'
import { LOCAL, needs, type AdminEnv, type AdminGate } from './admin-gate.ts'
import type { GuardView } from './api/upstream-schema.ts'
import type { Shown } from './api/views.ts'

export type BreakerAction = 'force-open' | 'force-closed' | 'metrics-only' | 'reset'

const ACTIONS: readonly BreakerAction[] = ['force-open', 'force-closed', 'metrics-only', 'reset']

/** What somebody orders. */
export interface BreakerOrder {
  readonly action: BreakerAction
  /** Undefined for the breaker of the whole upstream. */
  readonly tool: string | undefined
  readonly reason: string
  readonly actor: string
  /** How long it holds; `reset` is done at once. */
  readonly ttlMs: number
}

/** Who keeps the breakers. Values of `list` and `get` are sent as JSON. */
export interface BreakerAdmin {
  list(): readonly Shown<GuardView>[]
  get(upstream: string): Shown<GuardView> | undefined
  order(upstream: string, order: BreakerOrder): 'done' | 'unknown_upstream' | 'no_breaker'
}

export interface BreakerRoutesOptions {
  readonly breakers: BreakerAdmin
  readonly gate: AdminGate
}

const ORDER_BYTES_MAX = 4_096
const TEXT_CHARS_MAX = 200
const TTL_SECONDS_MAX = 86_400

export function addBreakerRoutes(
  app: Hono<AdminEnv>,
  { breakers, gate }: BreakerRoutesOptions,
): void {
  app.get('/breakers', needs(gate, 'read'), (c) => c.json({ breakers: breakers.list() }))
  app.get('/breakers/:upstream', needs(gate, 'read'), (c) => {
    const found = breakers.get(c.req.param('upstream'))
    return found === undefined ? unknown(c) : c.json(found)
  })
  app.post('/breakers/:upstream', needs(gate, 'control'), async (c) => {
    // A web page cannot send this type elsewhere without being asked for permission first.
    if (!/^application\/json\s*(?:;|$)/i.test(c.req.header('content-type') ?? '')) {
      return refuse(c, 415, 'unsupported_media', 'send Content-Type: application/json')
    }
    if (!(Number(c.req.header('content-length')) <= ORDER_BYTES_MAX)) {
      return refuse(c, 413, 'too_large', `send a Content-Length of at most ${ORDER_BYTES_MAX}`)
    }
    const order = readOrder(await c.req.text(), c.var.admin.name)
    if (typeof order === 'string') return refuse(c, 400, 'invalid_order', order)
    const upstream = c.req.param('upstream')
    const result = breakers.order(upstream, order)
    if (result === 'unknown_upstream') return unknown(c)
    return result === 'done'
      ? c.json(breakers.get(upstream) ?? {})
      : refuse(c, 409, 'no_breaker', 'it has no such breaker; see breaker.mode and toolBreakers')
  })
}

/** The order, or what is wrong with it. Who is authenticated need not say, and cannot choose. */
function readOrder(body: string, admin: string): BreakerOrder | string {
  const given = readObject(body)
  if (given === undefined) return 'expected a JSON object'
  const action = ACTIONS.find((one) => one === given.get('action'))
  if (action === undefined) return `action: expected one of ${ACTIONS.join(', ')}`
  const reason = textOf(given.get('reason'))
  if (reason === undefined) return `reason: ${TEXT_EXPECTED}`
  const actor = admin === LOCAL ? textOf(given.get('actor')) : admin
  if (actor === undefined) return `actor: ${TEXT_EXPECTED}`
  const tool = given.has('tool') ? textOf(given.get('tool')) : undefined
  if (given.has('tool') && tool === undefined) return `tool: ${TEXT_EXPECTED}`
  const ttlMs = action === 'reset' ? 0 : ttlOf(given.get('ttlSeconds'))
  if (ttlMs === undefined) {
    return `ttlSeconds: expected a number above 0, at most ${TTL_SECONDS_MAX}`
  }
  return { action, tool, reason, actor, ttlMs }
}

const TEXT_EXPECTED = `expected a text of at most ${TEXT_CHARS_MAX} characters`

function readObject(body: string): ReadonlyMap<string, unknown> | undefined {
  try {
    const given: unknown = JSON.parse(body)
    return typeof given === 'object' && given !== null ? new Map(Object.entries(given)) : undefined
  } catch {
    return undefined
  }
}

function ttlOf(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 && value <= TTL_SECONDS_MAX
    ? value * 1_000
    : undefined
}

/** Printable text: it goes into the log. */
function textOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || value === '' || value.length > TEXT_CHARS_MAX) return undefined
  return /[\p{C}\u2028\u2029]/u.test(value) || !value.isWellFormed() ? undefined : value
}

function unknown(c: Context): Response {
  return refuse(c, 404, 'unknown_upstream', 'there is no upstream of this name')
}

function refuse(
  c: Context,
  status: 400 | 403 | 404 | 409 | 413 | 415,
  error: string,
  message: string,
): Response {
  return c.json({ error, message }, status)
}
