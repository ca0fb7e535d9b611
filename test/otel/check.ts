/** Holds exports against all rules. There is no list of exceptions. */

import assert from 'node:assert/strict'
import { readRegistry } from '../../scripts/registry.ts'
import type { Received } from '../support/otlp-collector.ts'
import { ATTRIBUTE_RULES } from './attribute-rules.ts'
import { carriersOf, exportsByProcess } from './exports.ts'
import { LOG_RULES, RAW_RULES } from './log-rules.ts'
import { METRIC_RULES } from './metric-rules.ts'
import type { Rule, RawRule } from './rule.ts'
import { SPAN_RULES } from './span-rules.ts'
import { TREE_RULES } from './tree-rules.ts'

export const RULES: Readonly<Record<string, Rule>> = {
  ...ATTRIBUTE_RULES,
  ...SPAN_RULES,
  ...TREE_RULES,
  ...METRIC_RULES,
  ...LOG_RULES,
}

export const BYTE_RULES: Readonly<Record<string, RawRule>> = RAW_RULES

export interface Finding {
  readonly rule: string
  readonly what: string
}

export interface CheckOptions {
  /** Attributes of level opt-in may be there. */
  readonly optIn?: boolean
  /** Counters and histograms were asked for as differences. */
  readonly delta?: boolean
}

const registry = readRegistry()

/** Everything that is wrong with what a collector received. */
export function findingsOf(
  received: readonly Received[],
  { optIn = false, delta = false }: CheckOptions = {},
): readonly Finding[] {
  const raw = Object.entries(BYTE_RULES).flatMap(([rule, check]) =>
    check(received).map((what) => ({ rule, what })),
  )
  const decoded = exportsByProcess(received).flatMap((exports) => {
    const input = { exports, carriers: carriersOf(exports, registry), registry, optIn, delta }
    return Object.entries(RULES).flatMap(([rule, check]) =>
      check(input).map((what) => ({ rule, what })),
    )
  })
  return [...raw, ...decoded]
}

/** Most findings that a failed test shows. */
const SHOWN_MAX = 20

export function checkExports(received: readonly Received[], options: CheckOptions = {}): void {
  const found = findingsOf(received, options)
  assert.equal(
    found.length,
    0,
    `what was exported breaks ${found.length} rules:\n${found
      .slice(0, SHOWN_MAX)
      .map(({ rule, what }) => `- ${rule}: ${what}`)
      .join('\n')}`,
  )
}
