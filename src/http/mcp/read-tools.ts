/** The tools that look: what is slow, what fails, and why. */

import * as z from 'zod/mini'
import { BREAKER_STATES } from '../../core/breaker.ts'
import { printable } from '../../core/printable.ts'
import { about, count, instant, ms } from '../api/describe.ts'
import { explainCall } from '../api/explain.ts'
import type { AlertView } from '../api/stats-schema.ts'
import type { UpstreamView } from '../api/upstream-schema.ts'
import type { ApiViews, Shown } from '../api/views.ts'
import {
  durationInWords,
  failureInWords,
  failureOf,
  failureSchema,
  figuresInWords,
  figuresOf,
  figuresSchema,
  windowArgument,
} from './figures.ts'
import { tool, type McpTool, type ToolRefusal } from './tool.ts'

const FAILURES_MAX = 50
const TOOLS_MAX = 100
const NAME_CHARS_MAX = 256

const name = z.string().check(z.maxLength(NAME_CHARS_MAX))
const level = z.enum(['HEALTHY', 'WARNING', 'CRITICAL', 'UNKNOWN'])

const stateSchema = z.object({
  upstream: z.string(),
  transport: z.enum(['http', 'sse', 'stdio']),
  health: level,
  reasons: about(z.array(z.string()), 'Why, worst first.'),
  up: about(z.optional(z.boolean()), 'Of the last health check.'),
  breaker: about(z.optional(z.enum(BREAKER_STATES)), 'Absent when it has none.'),
  inFlight: count,
})

type State = z.output<typeof stateSchema>

function stateOf(upstream: Shown<UpstreamView>): State {
  const { health, guard } = upstream
  return {
    upstream: upstream.name,
    transport: upstream.transport,
    health: health.level,
    reasons: health.reasons.map(({ text }) => printable(text)),
    up: upstream.up,
    breaker: guard?.breaker?.state,
    inFlight: upstream.inFlight,
  }
}

function stateInWords({ upstream, health, reasons, breaker }: State): string {
  const why = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`
  const open = breaker === undefined || breaker === 'closed' ? '' : ` [breaker ${breaker}]`
  return `${upstream} ${health}${open}${why}`
}

function unknownUpstream(views: ApiViews): ToolRefusal {
  const names = views.upstreams().map((one) => one.name)
  return { kind: 'refused', text: `There is no such upstream. There are: ${names.join(', ')}.` }
}

const listUpstreams = tool({
  name: 'list_upstreams',
  title: 'List upstreams',
  description:
    'The MCP servers behind this Sidelight, with the verdict on each and its reasons. Begin here.',
  input: z.strictObject({}),
  output: z.object({ health: level, upstreams: z.array(stateSchema) }),
  handle: (views) => {
    const upstreams = views.upstreams().map((one) => stateOf(one))
    const { level: health } = views.insight.health()
    const text = [`Overall ${health}.`, ...upstreams.map((one) => stateInWords(one))].join('\n')
    return { kind: 'answer', text, value: { health, upstreams } }
  },
})

const upstreamStats = tool({
  name: 'upstream_stats',
  title: 'Statistics of one upstream',
  description: 'Rate, percentiles, errors by kind and the last failures of one MCP server.',
  input: z.strictObject({
    upstream: about(name, 'As list_upstreams names it.'),
    window: windowArgument,
  }),
  output: z.object({
    state: stateSchema,
    figures: figuresSchema,
    lastFailures: z.array(failureSchema),
  }),
  handle: (views, { upstream, window }) => {
    const found = views.upstreams().find((one) => one.name === upstream)
    const stats = found?.windows.find((one) => one.window === window)
    if (found === undefined || stats === undefined) return unknownUpstream(views)
    const state = stateOf(found)
    const figures = figuresOf(stats)
    const lastFailures = found.lastErrors.map((one) => failureOf(one))
    const text = [
      stateInWords(state),
      `Last ${window}: ${figuresInWords(figures)}.`,
      ...lastFailures.map((one) => failureInWords(one)),
    ].join('\n')
    return { kind: 'answer', text, value: { state, figures, lastFailures } }
  },
})

const toolSchema = z.object({
  upstream: z.string(),
  tool: z.string(),
  inFlight: count,
  figures: figuresSchema,
  contextTokens: about(z.optional(count), 'What its definition costs an agent.'),
  breaker: about(z.optional(z.enum(BREAKER_STATES)), 'Of its own breaker, if it has one.'),
})

type ToolFigures = z.output<typeof toolSchema>

const ORDERS: Readonly<
  Record<'p95' | 'errors' | 'calls' | 'tokens', (one: ToolFigures) => number>
> = {
  p95: ({ figures }) => figures.p95Ms ?? -1,
  errors: ({ figures }) => figures.errors,
  calls: ({ figures }) => figures.calls,
  tokens: ({ figures }) => figures.resultTokens,
}

const toolStats = tool({
  name: 'tool_stats',
  title: 'Statistics of tools',
  description:
    'The tools of one upstream or of all, slowest first; sort by errors, calls or tokens instead.',
  input: z.strictObject({
    upstream: z.optional(name),
    tool: about(z.optional(name), 'Only tools of this name.'),
    window: windowArgument,
    sort: about(z._default(z.enum(['p95', 'errors', 'calls', 'tokens']), 'p95'), 'Largest first.'),
    limit: about(z._default(z.int().check(z.gte(1), z.lte(TOOLS_MAX)), 20), 'Most tools.'),
  }),
  output: z.object({ tools: z.array(toolSchema), more: about(count, 'Tools that are left out.') }),
  handle: (views, { upstream, tool: wanted, window, sort, limit }) => {
    const known = upstream === undefined || views.upstreams().some((one) => one.name === upstream)
    if (!known) return unknownUpstream(views)
    const found = views
      .tools(window, upstream)
      .filter((one) => wanted === undefined || one.tool === wanted)
      .map((one) => ({
        upstream: one.upstream,
        tool: printable(one.tool),
        inFlight: one.inFlight,
        figures: figuresOf(one.stats),
        contextTokens: one.contextTokens,
        breaker: one.breaker,
      }))
      .sort((a, b) => ORDERS[sort](b) - ORDERS[sort](a))
    const tools = found.slice(0, limit)
    const more = found.length - tools.length
    const lines = tools.map((one) => `${one.upstream} ${one.tool}: ${figuresInWords(one.figures)}`)
    const rest = more === 0 ? [] : [`${more} more.`]
    const text =
      lines.length === 0 ? 'No such tool was called or listed.' : [...lines, ...rest].join('\n')
    return { kind: 'answer', text, value: { tools, more } }
  },
})

const recentFailures = tool({
  name: 'recent_failures',
  title: 'Recent failures',
  description: 'The last calls that failed, newest first, with their trace ids.',
  input: z.strictObject({
    upstream: z.optional(name),
    tool: z.optional(name),
    limit: about(z._default(z.int().check(z.gte(1), z.lte(FAILURES_MAX)), 10), 'Most calls.'),
  }),
  output: z.object({ failures: z.array(failureSchema) }),
  handle: (views, query) => {
    const { calls } = views.insight.recentCalls({ ...query, errorsOnly: true })
    const failures = calls.map((call) => failureOf(views.call(call)))
    const lines = failures.map((one) => failureInWords(one))
    const text = lines.length === 0 ? 'No failure is remembered.' : lines.join('\n')
    return { kind: 'answer', text, value: { failures } }
  },
})

const activeAlerts = tool({
  name: 'active_alerts',
  title: 'Active alerts',
  description: 'Alerts that fire or are about to, with what was measured.',
  input: z.strictObject({}),
  output: z.object({
    alerts: z.array(
      z.object({
        name: z.string(),
        state: z.enum(['pending', 'firing', 'resolved']),
        severity: z.enum(['critical', 'warning']),
        upstream: z.optional(z.string()),
        summary: z.string(),
        since: about(instant, 'Milliseconds since the epoch.'),
        value: z.optional(z.number()),
        threshold: z.number(),
        silenced: z.boolean(),
      }),
    ),
  }),
  handle: ({ insight }) => {
    const alerts = insight
      .alerts()
      .filter(({ state }) => state !== 'resolved')
      .map((alert) => alertOf(alert))
    const lines = alerts.map(
      ({ state, severity, summary, silenced }) =>
        `${state} ${severity}${silenced ? ' (silenced)' : ''}: ${summary}`,
    )
    const text = lines.length === 0 ? 'No alert fires or is pending.' : lines.join('\n')
    return { kind: 'answer', text, value: { alerts } }
  },
})

function alertOf(alert: Shown<AlertView>) {
  const { name: rule, state, severity, labels, annotations, value, threshold } = alert
  return {
    name: rule,
    state,
    severity,
    upstream: labels['sidelight_upstream_name'],
    summary: printable(annotations['summary'] ?? rule),
    since: alert.activeAtMs,
    value,
    threshold,
    silenced: alert.silencedBy !== undefined,
  }
}

const explain = tool({
  name: 'explain_call',
  title: 'Explain a call',
  description:
    'What happened to the calls of one trace, and where their time went: queue, connection, server, body.',
  input: z.strictObject({
    traceId: about(
      z.string().check(z.regex(/^[0-9a-f]{32}$/, { error: 'expected 32 lower-case hex digits' })),
      'As recent_failures, spans and logs have it.',
    ),
  }),
  output: z.object({
    traceId: z.string(),
    calls: z.array(
      z.object({
        ...failureSchema.shape,
        attempts: count,
        phases: about(z.record(z.string(), ms), 'Milliseconds of each phase, in order.'),
        traceUrl: z.optional(z.string()),
      }),
    ),
    explanation: z.array(z.string()),
  }),
  handle: (views, { traceId }) => {
    const calls = views.insight.callsOfTrace(traceId)
    const [newest] = calls
    if (newest === undefined) {
      const text = 'No call of this trace is remembered; it may be older than the last calls kept.'
      return { kind: 'refused', text }
    }
    const explanation = explainCall(newest).map((sentence) => printable(sentence))
    const phases = Object.entries(newest.phases).map(
      ([phase, took]) => `${phase.slice(0, -2)} ${durationInWords(took)}`,
    )
    const others =
      calls.length === 1 ? [] : [`The trace has ${calls.length} calls; this is the newest.`]
    const value = {
      traceId,
      calls: calls.map((call) => {
        const { traceUrl } = views.call(call)
        return { ...failureOf(call), attempts: call.attempts, phases: { ...call.phases }, traceUrl }
      }),
      explanation,
    }
    const text = [...explanation, `Phases: ${phases.join(', ')}.`, ...others].join('\n')
    return { kind: 'answer', text, value }
  },
})

export const READ_TOOLS: readonly McpTool[] = [
  listUpstreams,
  upstreamStats,
  toolStats,
  recentFailures,
  activeAlerts,
  explain,
]
