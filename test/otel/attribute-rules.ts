/** Rules for attributes, wherever they are: spans, metrics, events. */

import type { RegistryAttribute } from '../../scripts/registry.ts'
import type { OtlpAttribute, OtlpValue } from '../support/otlp-types.ts'
import type { Carrier } from './exports.ts'
import { CONDITIONS } from './conditions.ts'
import type { Rule } from './rule.ts'

/** `wrong` is asked about every attribute that the registry knows for its carrier. */
function eachKnown(
  carriers: readonly Carrier[],
  wrong: (
    attribute: OtlpAttribute,
    definition: RegistryAttribute,
    carrier: Carrier,
  ) => string | undefined,
): string[] {
  return carriers.flatMap((carrier) =>
    carrier.attributes.flatMap((attribute) => {
      const use = carrier.uses?.get(attribute.key)
      const what = use === undefined ? undefined : wrong(attribute, use.attribute, carrier)
      return what === undefined ? [] : [`${attribute.key} ${what}: ${carrier.where}`]
    }),
  )
}

const MEMBER_OF_TYPE: Readonly<Record<string, keyof OtlpValue>> = {
  string: 'stringValue',
  int: 'intValue',
  double: 'doubleValue',
  boolean: 'boolValue',
}

function hasType(value: OtlpValue, type: string): boolean {
  const [, element] = /^(\w+)\[\]$/.exec(type) ?? []
  if (element !== undefined) {
    return value.arrayValue?.values.every((one) => hasType(one, element)) === true
  }
  // OpenTelemetry's serialisers for JavaScript write a double without a fraction as an integer.
  if (type === 'double' && value.intValue !== undefined) return true
  const member = MEMBER_OF_TYPE[type]
  return type === 'any' || (member !== undefined && value[member] !== undefined)
}

function isAllowed(
  { members, pattern, openOnSpans }: RegistryAttribute,
  { stringValue }: OtlpValue,
  on: Carrier['on'],
): boolean {
  if (stringValue === undefined || (members === undefined && pattern === undefined)) return true
  if (openOnSpans && on !== 'metric') return true
  return members?.has(stringValue) === true || pattern?.test(stringValue) === true
}

/** What would make a series per session, request, client, user or resource. */
const NEVER_ON_METRICS =
  /^(mcp\.session\.id|jsonrpc\.request\.id|mcp\.resource\.uri|client\..*|user\..*|enduser\..*|trace.*|span.*|gen_ai\.tool\.call\..*|.*\.uri|url\..*)$/

export const ATTRIBUTE_RULES = {
  'attributes are known': ({ carriers }) =>
    carriers.flatMap(({ attributes, uses, where }) =>
      attributes
        .filter(({ key }) => uses !== undefined && !uses.has(key))
        .map(({ key }) => `${key} is not in the registry for this: ${where}`),
    ),
  'attributes are there once': ({ carriers }) =>
    carriers.flatMap(({ attributes, where }) => {
      const keys = attributes.map(({ key }) => key)
      return keys
        .filter((key, index) => keys.indexOf(key) !== index)
        .map((key) => `${key} is there twice: ${where}`)
    }),
  'required attributes are there': ({ carriers }) =>
    carriers.flatMap(({ values, uses, where }) =>
      [...(uses?.values() ?? [])]
        .filter(
          ({ level, attribute }) => level === 'required' && values[attribute.key] === undefined,
        )
        .map(({ attribute }) => `${attribute.key} is missing: ${where}`),
    ),
  'conditional attributes are there when their condition holds, and only then': ({ carriers }) =>
    carriers.flatMap((carrier) =>
      [...(carrier.uses?.keys() ?? [])].flatMap((key) => {
        const wanted = CONDITIONS[key]?.(carrier) ?? 'free'
        const found = carrier.values[key] !== undefined
        if (wanted === 'there' && !found) return [`${key} is missing: ${carrier.where}`]
        return wanted === 'absent' && found ? [`${key} must not be there: ${carrier.where}`] : []
      }),
    ),
  'opt-in attributes are absent': ({ carriers, optIn }) =>
    optIn
      ? []
      : carriers.flatMap(({ values, uses, where }) =>
          [...(uses?.values() ?? [])]
            .filter(
              ({ level, attribute }) => level === 'opt_in' && values[attribute.key] !== undefined,
            )
            .map(({ attribute }) => `${attribute.key} is there unasked: ${where}`),
        ),
  'values have their types': ({ carriers }) =>
    eachKnown(carriers, ({ value }, { type }) =>
      hasType(value, type) ? undefined : `is no ${type}`,
    ),
  'values of enums are members': ({ carriers }) =>
    eachKnown(carriers, ({ value }, definition, { on }) =>
      isAllowed(definition, value, on) ? undefined : `has an unknown value`,
    ),
  'texts are not empty': ({ carriers }) =>
    // But an id may be: "" is one of the ids that JSON-RPC allows.
    eachKnown(carriers, ({ key, value }) =>
      value.stringValue === '' && key !== 'jsonrpc.request.id' ? 'is empty' : undefined,
    ),
  'nothing unbounded is on a metric': ({ carriers }) =>
    carriers
      .filter(({ on }) => on === 'metric')
      .flatMap(({ attributes, where }) =>
        attributes
          .filter(({ key }) => NEVER_ON_METRICS.test(key))
          .map(({ key }) => `${key} is on a metric: ${where}`),
      ),
} satisfies Readonly<Record<string, Rule>>
