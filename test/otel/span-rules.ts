/** Rules for single spans: names, kinds, status, error codes. */

import { SCHEMA_URL_EMITTED } from './emitted.ts'
import { OTLP } from '../support/otlp-types.ts'
import { showSpan, type Exports, type PlainValue, type SpanRecord } from './exports.ts'
import { findings, type Rule } from './rule.ts'

/** Codes that are the caller's mistake, so no error of the server that reports them. */
const CALLER_CODES = ['-32700', '-32600', '-32601', '-32602', '-32002']

/** What the codes and the error type of one side of a call say together, or what is wrong with it. */
export function wrongCode(
  side: 'server' | 'client',
  errorType: PlainValue,
  code: PlainValue,
): string | undefined {
  if (code === undefined) {
    return /^-\d+$/.test(String(errorType)) ? 'error.type is a code that no answer had' : undefined
  }
  if (side === 'server' && CALLER_CODES.includes(String(code))) {
    return errorType === undefined ? undefined : 'a mistake of the caller is no error of the server'
  }
  // Beyond the codes that become labels nobody can tell whose mistake it was.
  if (side === 'server' && code === '_OTHER' && errorType === undefined) return undefined
  return errorType === code ? undefined : 'error.type is not the code of the answer'
}

export function sideOf({ span }: SpanRecord): 'server' | 'client' {
  return span.kind === OTLP.server ? 'server' : 'client'
}

function each(wrong: (one: SpanRecord) => string | false | undefined): Rule {
  return ({ exports }) => findings(exports.spans, showSpan, wrong)
}

function targetOf({ values }: SpanRecord): PlainValue {
  return values['gen_ai.tool.name'] ?? values['gen_ai.prompt.name']
}

function scoped(exports: Exports) {
  return [...exports.spans, ...exports.metrics.flat(), ...exports.logs]
}

export const SPAN_RULES = {
  'scope and schema are named': ({ exports }) => {
    const wrong = scoped(exports).filter(
      ({ scope, schemaUrl }) =>
        scope.name !== 'sidelight' || scope.version === '' || schemaUrl !== SCHEMA_URL_EMITTED,
    )
    return wrong.length === 0
      ? []
      : [`${wrong.length} records have another scope or schema: ${JSON.stringify(wrong[0]?.scope)}`]
  },
  'the resource names the service': ({ exports: { resource } }) =>
    ['service.name', 'service.version', 'service.instance.id']
      .filter((key) => typeof resource[key] !== 'string' || resource[key] === '')
      .map((key) => `${key} is missing`),
  'spans are SERVER or CLIENT': each(
    ({ span }) => span.kind !== OTLP.server && span.kind !== OTLP.client && 'another kind',
  ),
  'spans are named by method and target': each((one) => {
    const method = String(one.values['mcp.method.name'])
    const target = targetOf(one)
    const name = target === undefined ? method : `${method} ${String(target)}`
    return one.span.name !== name && `the name should be ${JSON.stringify(name)}`
  }),
  'spans have ids': each(
    ({ span }) =>
      !(/^[0-9a-f]{32}$/.test(span.traceId) && /^[0-9a-f]{16}$/.test(span.spanId)) &&
      'ids are malformed',
  ),
  'spans end after they start': each(
    ({ span }) =>
      BigInt(span.endTimeUnixNano) < BigInt(span.startTimeUnixNano) && 'it ends before its start',
  ),
  'events of spans are known, and happen during them': ({ exports, registry }) =>
    findings(
      exports.spans,
      showSpan,
      ({ span }) =>
        span.events.some(
          ({ name, timeUnixNano }) =>
            !registry.events.has(name) ||
            BigInt(timeUnixNano) < BigInt(span.startTimeUnixNano) ||
            BigInt(timeUnixNano) > BigInt(span.endTimeUnixNano),
        ) && 'an event is not in the registry, or at another time',
    ),
  'links lead elsewhere': each(
    ({ span }) =>
      span.links.some(
        (link) =>
          !/^[0-9a-f]{32}$/.test(link.traceId) ||
          (link.traceId === span.traceId && link.spanId === span.parentSpanId),
      ) && 'a link is malformed, or is the parent',
  ),
  'status is never OK': each(({ span }) => span.status.code === OTLP.ok && 'status OK'),
  'only an error has a description, and that is the message of an answer': each(
    ({ span, values }) =>
      span.status.message !== '' &&
      (span.status.code !== OTLP.error || values['sidelight.outcome'] !== 'rpc_error') &&
      'a description',
  ),
  'error codes follow the side': each((one) =>
    wrongCode(sideOf(one), one.values['error.type'], one.values['rpc.response.status_code']),
  ),
  'tool_error is the error of failed tools and of nothing else': each(({ values }) => {
    const failed = values['sidelight.outcome'] === 'tool_error'
    return failed !== (values['error.type'] === 'tool_error') && 'tool_error and outcome disagree'
  }),
} satisfies Readonly<Record<string, Rule>>
