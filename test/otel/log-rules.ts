/** Rules for events, and for bytes of any signal. */

import { findings, type RawRule, type Rule } from './rule.ts'

/** Severity numbers of OpenTelemetry: 1 to 24. */
const SEVERITY_MAX = 24

export const LOG_RULES = {
  'events are known': ({ exports, registry }) =>
    findings(
      exports.logs.filter(({ record }) => record.eventName !== ''),
      ({ record }) => record.eventName,
      ({ record }) => !registry.events.has(record.eventName) && 'it is not in the registry',
    ),
  'log records have a severity and times': ({ exports }) =>
    findings(
      exports.logs,
      ({ record }) => JSON.stringify(record).slice(0, 300),
      ({ record }) =>
        (record.severityNumber < 1 ||
          record.severityNumber > SEVERITY_MAX ||
          record.timeUnixNano === '0' ||
          record.observedTimeUnixNano === '0') &&
        'no severity or no time',
    ),
  'log records name a whole span or none': ({ exports }) =>
    findings(
      exports.logs,
      ({ record }) => JSON.stringify(record).slice(0, 300),
      ({ record: { traceId, spanId } }) =>
        !(traceId === '' && spanId === '') &&
        !(/^[0-9a-f]{32}$/.test(traceId) && /^[0-9a-f]{16}$/.test(spanId)) &&
        'ids are malformed',
    ),
} satisfies Readonly<Record<string, Rule>>

/** How the tests spell what must never be exported: in arguments, results, tokens, headers, queries. */
export const CANARY = /(?:private|secret|canary)-[\w-]*/g

export const RAW_RULES = {
  'no secret is anywhere': (received) =>
    received.flatMap(({ path, body }) =>
      [...new Set(body.toString('latin1').match(CANARY))].map((found) => `${found} in ${path}`),
    ),
} satisfies Readonly<Record<string, RawRule>>
