/**
 * Every event that is logged: the one place for their names, levels and attributes.
 *
 * docs/telemetry.md is generated from here. Attributes carry the names of OpenTelemetry's semantic
 * conventions where there are some.
 */

import { INSIGHT_EVENTS } from './insight-events.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** OpenTelemetry severity numbers (specification, "Log Data Model"). */
export const SEVERITY: Readonly<Record<LogLevel, number>> = {
  debug: 5,
  info: 9,
  warn: 13,
  error: 17,
}

export interface EventDefinition {
  /** The levels at which it is written. */
  readonly levels: readonly LogLevel[]
  readonly description: string
  /** Every attribute that it may carry; one whose value is not known is left out. */
  readonly attributes: readonly string[]
  /** True for what goes to standard error only, never over the network. */
  readonly local?: boolean
}

const UPSTREAM = 'sidelight.upstream.name'
const VERSION = 'sidelight.version'
const ERROR_TYPE = 'error.type'
const DETAIL = 'sidelight.detail'

export const EVENTS = {
  'sidelight.sidecar.started': {
    levels: ['info'],
    description: 'Sidelight listens.',
    attributes: [VERSION, 'sidelight.listen.data', 'sidelight.listen.admin', 'sidelight.upstreams'],
  },
  'sidelight.sidecar.draining': {
    levels: ['info'],
    description: 'No new calls are taken; those under way may finish.',
    attributes: ['sidelight.exchanges.open'],
  },
  'sidelight.sidecar.stopped': {
    levels: ['info'],
    description: 'Everything has ended. Written after the last export, so on standard error only.',
    attributes: [],
    local: true,
  },
  'sidelight.sidecar.defect': {
    levels: ['error'],
    description: 'A defect of Sidelight, with its stack for whoever reports it.',
    attributes: ['exception.stacktrace'],
  },
  'sidelight.wrap.started': {
    levels: ['info'],
    description: 'Sidelight stands between a client and the server that it wraps.',
    attributes: [VERSION, UPSTREAM, 'sidelight.listen.admin'],
  },
  'sidelight.call.ended': {
    levels: ['debug', 'warn'],
    description:
      'A call ended: a warning when the fault lies with the upstream or with Sidelight. Duration in seconds.',
    attributes: [
      UPSTREAM,
      'mcp.method.name',
      'gen_ai.tool.name',
      'gen_ai.prompt.name',
      'sidelight.outcome',
      'sidelight.outcome.reason',
      ERROR_TYPE,
      'sidelight.call.duration',
    ],
  },
  'sidelight.upstream.failed': {
    levels: ['warn'],
    description: 'An upstream did not answer as it should.',
    attributes: [UPSTREAM, ERROR_TYPE, DETAIL, 'sidelight.call.sent'],
  },
  'sidelight.upstream.endpoint_refused': {
    levels: ['warn'],
    description:
      'An HTTP+SSE upstream wants messages to be sent to another origin, where none are sent.',
    attributes: [UPSTREAM],
  },
  'sidelight.upstream.health_changed': {
    levels: ['info', 'warn'],
    description:
      'The first health check of an upstream has ended, or one found otherwise than the one before: a warning when the upstream is down.',
    attributes: [UPSTREAM, 'sidelight.upstream.healthy', ERROR_TYPE],
  },
  'sidelight.breaker.transition': {
    levels: ['info', 'warn'],
    description:
      'A circuit breaker changed its state: a warning when it opened. The open time in seconds, and what its window held.',
    attributes: [
      UPSTREAM,
      'gen_ai.tool.name',
      'sidelight.breaker.state',
      'sidelight.breaker.previous_state',
      'sidelight.breaker.cause',
      'sidelight.breaker.open_time',
      'sidelight.breaker.window.calls',
      'sidelight.breaker.window.failed',
      'sidelight.breaker.window.slow',
    ],
  },
  'sidelight.breaker.order': {
    levels: ['warn'],
    description: 'A circuit breaker was ordered by hand, on the admin listener.',
    attributes: [
      UPSTREAM,
      'gen_ai.tool.name',
      'sidelight.breaker.action',
      'sidelight.breaker.order.reason',
      'sidelight.breaker.order.actor',
      'sidelight.breaker.order.duration',
    ],
  },
  'sidelight.policy.denied': {
    levels: ['info'],
    description:
      'The policy denied a call, or would have: `sidelight.policy.outcome` says which. Names are those of the configuration.',
    attributes: [
      UPSTREAM,
      'mcp.method.name',
      'gen_ai.tool.name',
      'gen_ai.prompt.name',
      'sidelight.policy.outcome',
      'sidelight.policy.reason',
      'sidelight.policy.role',
      'sidelight.policy.rule',
      'sidelight.policy.id',
    ],
  },
  'sidelight.policy.role_unknown': {
    levels: ['warn'],
    description: 'A token names a role that the policy does not know. Written once for each name.',
    attributes: ['sidelight.policy.role'],
  },
  'sidelight.auth.refused': {
    levels: ['debug', 'warn'],
    description:
      'A request was refused for its credential: a warning, unless it had none at all. The upstream is the one that its path names.',
    attributes: [UPSTREAM, 'sidelight.auth.refusal', 'sidelight.auth.issuer', 'client.address'],
  },
  'sidelight.auth.keys_read': {
    levels: ['info'],
    description: 'The keys of an issuer were read, for the first time or again after a failure.',
    attributes: ['sidelight.auth.issuer', DETAIL],
  },
  'sidelight.auth.keys_unavailable': {
    levels: ['warn'],
    description:
      'The keys of an issuer cannot be read, and those that are known stay in use for an hour after they were read; or it has none (`empty`), and none of its tokens is accepted.',
    attributes: ['sidelight.auth.issuer', 'sidelight.auth.keys.outcome', DETAIL],
  },
  'sidelight.auth.insecure': {
    levels: ['warn'],
    description: 'The configuration accepts requests on weak evidence, or on none off loopback.',
    attributes: [DETAIL],
  },
  'sidelight.auth.file_reloaded': {
    levels: ['info'],
    description: 'A file of authentication, such as the list of what is revoked, was read again.',
    attributes: ['file.path'],
  },
  'sidelight.auth.file_unreadable': {
    levels: ['warn'],
    description:
      'A file of authentication cannot be read, or is malformed; what it said last stays in use, but for a token of the admin plane.',
    attributes: ['file.path', DETAIL],
  },
  'sidelight.process.ended': {
    levels: ['warn'],
    description: 'The process of a stdio server ended by itself. Lifetime in seconds.',
    attributes: [
      UPSTREAM,
      'process.pid',
      'process.exit.code',
      'sidelight.process.signal',
      DETAIL,
      'sidelight.process.lifetime',
    ],
  },
  'sidelight.process.stderr': {
    levels: ['info'],
    description:
      "What a stdio server wrote to its standard error. Never exported: it is the server's own text.",
    attributes: [UPSTREAM, 'process.pid', 'sidelight.process.text'],
    local: true,
  },
  'sidelight.process.unguarded': {
    levels: ['warn'],
    description: 'There is no /bin/sh to end servers when Sidelight is killed.',
    attributes: [DETAIL],
  },
  'sidelight.catalogue.drift': {
    levels: ['warn'],
    description: 'A tool came, went or changed its definition, or is not as it is pinned.',
    attributes: [
      UPSTREAM,
      'gen_ai.tool.name',
      'sidelight.drift.kind',
      'sidelight.drift.members',
      'sidelight.drift.pinned',
    ],
  },
  'sidelight.catalogue.unread': {
    levels: ['warn'],
    description: 'A list of tools could not be read: it was too long, or no such list.',
    attributes: [UPSTREAM],
  },
  'sidelight.pins.reloaded': {
    levels: ['info'],
    description: 'A pin file has changed and was read again.',
    attributes: [UPSTREAM, 'file.path'],
  },
  'sidelight.pins.unreadable': {
    levels: ['warn'],
    description: 'A pin file cannot be read, or is malformed; what it said last stays in use.',
    attributes: [UPSTREAM, 'file.path', DETAIL],
  },
  ...INSIGHT_EVENTS,
  'sidelight.secret.unreadable': {
    levels: ['warn'],
    description: 'A file with the value of a header cannot be read; the last value stays in use.',
    attributes: ['file.path', DETAIL],
  },
  'sidelight.config.reloaded': {
    levels: ['info', 'warn', 'error'],
    description:
      'The configuration was read while Sidelight runs, and this became of it; problems name places, never values.',
    attributes: [
      'sidelight.config.reload.outcome',
      'sidelight.config.upstreams_added',
      'sidelight.config.upstreams_removed',
      'sidelight.config.upstreams_changed',
      'sidelight.config.keys_changed',
      'sidelight.config.keys_need_restart',
      DETAIL,
    ],
  },
  'sidelight.audit.checkpoint': {
    levels: ['info'],
    description:
      'The audit log was signed so far: the note (C2SP checkpoint) to be kept where nobody can change it, and how many records it counts.',
    attributes: ['sidelight.audit.size', 'sidelight.audit.note'],
  },
  'sidelight.audit.recovered': {
    levels: ['warn', 'error'],
    description:
      'The audit log did not end as it should, as was found at the start: an error when records are missing or damaged.',
    attributes: [
      'sidelight.audit.segment',
      'sidelight.audit.end',
      'sidelight.audit.torn_bytes',
      'sidelight.audit.missing',
    ],
  },
  'sidelight.audit.failing': {
    levels: ['error'],
    description: 'Nothing can be written to the audit log.',
    attributes: [DETAIL],
  },
  'sidelight.audit.working': {
    levels: ['warn'],
    description: 'The audit log can be written to again; so many records were lost meanwhile.',
    attributes: ['sidelight.audit.lost'],
  },
  'sidelight.telemetry.settings': {
    levels: ['warn'],
    description: 'A value of an `OTEL_*` variable means nothing; its default is used.',
    attributes: [],
  },
  'sidelight.telemetry.export_failed': {
    levels: ['warn'],
    description:
      'Telemetry could not be exported; once a minute for each kind of complaint. Never exported itself.',
    attributes: [DETAIL],
    local: true,
  },
  'sidelight.log.suppressed': {
    levels: ['warn'],
    description: 'So many records of one event were left out because they came too fast.',
    attributes: ['sidelight.log.event', 'sidelight.log.count'],
  },
} as const satisfies Readonly<Record<string, EventDefinition>>

export type EventName = keyof typeof EVENTS

/** The levels at which an event may be written. */
export type LevelOf<N extends EventName> = (typeof EVENTS)[N]['levels'][number]

/** The attributes that an event may carry. */
export type AttributeOf<N extends EventName> = (typeof EVENTS)[N]['attributes'][number]
