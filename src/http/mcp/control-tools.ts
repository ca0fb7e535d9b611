/** The tools that give orders; there only where the configuration says so, for those who may. */

import * as z from 'zod/mini'
import { orderText, TTL_SECONDS_MAX } from '../api/order-schema.ts'
import { guardSchema } from '../api/upstream-schema.ts'
import { about, ms } from '../api/describe.ts'
import { tool, type McpTool } from './tool.ts'

const orderBreaker = tool({
  name: 'order_breaker',
  title: 'Order a circuit breaker',
  description:
    'force-open refuses calls to an upstream or a tool, force-closed lets them through whatever happens, metrics-only only counts, reset ends such an order. It is logged with the reason.',
  permission: 'control',
  input: z.strictObject({
    upstream: orderText,
    tool: about(z.optional(orderText), 'For the breaker of this tool instead of the upstream.'),
    action: z.enum(['force-open', 'force-closed', 'metrics-only', 'reset']),
    reason: about(orderText, 'Why; written to the log.'),
    ttlSeconds: about(
      z._default(z.int().check(z.gte(1), z.lte(TTL_SECONDS_MAX)), 300),
      'How long it holds.',
    ),
  }),
  output: z.object({ upstream: z.string(), heldMs: ms, guard: z.optional(guardSchema) }),
  handle: (views, { upstream, tool: ofTool, action, reason, ttlSeconds }, actor) => {
    const ttlMs = action === 'reset' ? 0 : ttlSeconds * 1_000
    const done = views.order(upstream, { action, tool: ofTool, reason, actor, ttlMs })
    if (done !== 'done') {
      const why = done === 'no_breaker' ? 'It has no such breaker.' : 'There is no such upstream.'
      return { kind: 'refused', text: why }
    }
    const what = ofTool === undefined ? upstream : `${ofTool} of ${upstream}`
    const held = action === 'reset' ? 'The order ended' : `Done: ${action} for ${ttlSeconds} s`
    const guard = views.breakers().find((one) => one.upstream === upstream)
    return {
      kind: 'answer',
      text: `${held}, for ${what}.`,
      value: { upstream, heldMs: ttlMs, guard },
    }
  },
})

export const CONTROL_TOOLS: readonly McpTool[] = [orderBreaker]
