/** Whose arguments and results are shown on spans: those that the operator named, redacted. */

import { matchesGlob } from '../core/glob.ts'
import type { Call } from '../core/exchange.ts'
import { compileLinearPattern } from '../core/linear-pattern.ts'
import {
  assignmentsTo,
  DENIED_KEYS,
  plainName,
  redactJson,
  type RedactionRules,
} from '../core/redact.ts'

export interface CaptureEntry {
  /** Names, with `*` for any number of characters. */
  readonly upstream: string
  readonly tool: string
  readonly arguments: boolean
  readonly results: boolean
  readonly bytesMax: number
  /** Besides the usual ones. */
  readonly denyKeys: readonly string[]
  readonly patterns: readonly string[]
}

export interface CaptureRule {
  readonly arguments: boolean
  /** 0 when results are not wanted. */
  readonly resultBytesMax: number
  readonly redaction: RedactionRules
}

/** The rule for calls of a tool; undefined when nothing of them is shown. The first entry counts. */
export type FindCapture = (upstream: string, tool: string) => CaptureRule | undefined

export function createCapture(entries: readonly CaptureEntry[]): FindCapture | undefined {
  if (entries.length === 0) return undefined
  const rules = entries.map((entry) => ({
    upstream: entry.upstream,
    tool: entry.tool,
    rule: toRule(entry),
  }))
  return (upstream, tool) =>
    rules.find((one) => matchesGlob(one.upstream, upstream) && matchesGlob(one.tool, tool))?.rule
}

function toRule(entry: CaptureEntry): CaptureRule {
  const denyKeys = [...DENIED_KEYS, ...entry.denyKeys.map(plainName)]
  return {
    arguments: entry.arguments,
    resultBytesMax: entry.results ? entry.bytesMax : 0,
    redaction: {
      denyKeys,
      assignments: assignmentsTo(denyKeys),
      patterns: entry.patterns.flatMap((source) => compileLinearPattern(source) ?? []),
      bytesMax: entry.bytesMax,
    },
  }
}

export function capturedArguments(call: Call, rule: CaptureRule): string | undefined {
  const { args } = call.message
  if (!rule.arguments || args === undefined) return undefined
  return redactJson(call.exchange.body.subarray(args.start, args.end), rule.redaction)
}
