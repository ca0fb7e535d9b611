/** Records in the words of others: OCSF's events, and OTLP's log records. */

import type { AuditRecord } from './record.ts'

/** The version of the Open Cybersecurity Schema Framework whose names are used. */
const OCSF_VERSION = '1.9.0-dev'

const API_ACTIVITY = 6003
const AUTHENTICATION = 3002
const AUTHORIZE_SESSION = 3003
const APPLICATION_LIFECYCLE = 6002

const SUCCESS = 1
const FAILURE = 2

const OTHER_ACTIVITY = 99
const LOGON = 1

function classOf(type: string): { readonly uid: number; readonly activity: number } {
  if (type.startsWith('auth.')) return { uid: AUTHENTICATION, activity: LOGON }
  if (type.startsWith('authz.')) return { uid: AUTHORIZE_SESSION, activity: OTHER_ACTIVITY }
  const isCall = /^(?:call|exchange|admin)\.|^audit\.read$/.test(type)
  return { uid: isCall ? API_ACTIVITY : APPLICATION_LIFECYCLE, activity: OTHER_ACTIVITY }
}

const FAILED_TYPES: ReadonlySet<string> = new Set(['auth.failed', 'authz.denied', 'call.refused'])

/** One OCSF event; what OCSF has no name for stands under `unmapped`. */
export function toOcsf(record: AuditRecord): object {
  const { type, seq, time, who, upstream, method, call, trace } = record
  const { uid, activity } = classOf(type)
  const failed = FAILED_TYPES.has(type) || record.errorType !== undefined
  return {
    class_uid: uid,
    category_uid: Math.floor(uid / 1_000),
    activity_id: activity,
    activity_name: type,
    type_uid: uid * 100 + activity,
    time: Date.parse(time),
    severity_id: failed ? 2 : 1,
    status_id: failed ? FAILURE : SUCCESS,
    status_detail: record.reason ?? record.errorType,
    duration: record.durationMs === undefined ? undefined : Math.round(record.durationMs),
    metadata: {
      version: OCSF_VERSION,
      product: { name: 'Sidelight', vendor_name: 'Sidelight' },
      uid: String(seq),
      sequence: seq,
      correlation_uid: call,
      trace_uid: trace?.traceId,
    },
    actor: actorOf(who ?? {}),
    src_endpoint: { ip: who?.address },
    api: method === undefined ? undefined : { operation: method, service: { name: upstream } },
    resources: resourcesOf(record),
    unmapped: { sidelight: record },
  }
}

function actorOf(who: NonNullable<AuditRecord['who']>): object {
  const { subject, issuer, organization, session } = who
  return {
    user: {
      uid: subject,
      domain: issuer,
      org: organization === undefined ? undefined : { uid: organization },
    },
    session: session === undefined ? undefined : { uid: session },
  }
}

function resourcesOf({ tool, prompt, resource }: AuditRecord): object[] | undefined {
  const named: readonly (readonly [string, string | undefined])[] = [
    ['tool', tool],
    ['prompt', prompt],
    ['resource', resource],
  ]
  const found = named.flatMap(([type, name]) => (name === undefined ? [] : [{ type, name }]))
  return found.length === 0 ? undefined : found
}

const INFO = 9
const WARN = 13

/** A line of OTLP/JSON logs, as collectors read them from files (`otlpjsonfile`). */
export function toOtlp(records: readonly AuditRecord[], version: string): object {
  const attribute = (key: string, value: string): object => ({ key, value: { stringValue: value } })
  return {
    resourceLogs: [
      {
        resource: { attributes: [attribute('service.name', 'sidelight')] },
        scopeLogs: [
          {
            scope: { name: 'sidelight.audit', version },
            logRecords: records.map((record) => toLogRecord(record, attribute)),
          },
        ],
      },
    ],
  }
}

function toLogRecord(
  record: AuditRecord,
  attribute: (key: string, value: string) => object,
): object {
  const failed = FAILED_TYPES.has(record.type)
  const named: readonly (readonly [string, string | undefined])[] = [
    ['sidelight.audit.type', record.type],
    ['sidelight.upstream.name', record.upstream],
    ['mcp.method.name', record.method],
    ['gen_ai.tool.name', record.tool],
    ['sidelight.outcome', record.outcome],
    ['sidelight.outcome.reason', record.reason],
    ['error.type', record.errorType],
    ['enduser.pseudo.id', record.who?.subject],
  ]
  return {
    timeUnixNano: `${Date.parse(record.time)}000000`,
    severityNumber: failed ? WARN : INFO,
    severityText: failed ? 'WARN' : 'INFO',
    eventName: 'sidelight.audit.record',
    body: { stringValue: JSON.stringify(record) },
    attributes: named.flatMap(([key, value]) =>
      value === undefined ? [] : [attribute(key, value)],
    ),
    ...(record.trace === undefined ? {} : record.trace),
  }
}
