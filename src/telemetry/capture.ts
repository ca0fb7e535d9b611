/** Whose arguments and results are shown on spans: those that the operator named, redacted. */

import type { Call } from '../core/exchange.ts'
import { compileLinearPattern } from '../core/linear-pattern.ts'
import { DENIED_KEYS, plainName, redactJson, type RedactionRules } from './redact.ts'

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
    rules.find((one) => matches(one.upstream, upstream) && matches(one.tool, tool))?.rule
}

function toRule(entry: CaptureEntry): CaptureRule {
  return {
    arguments: entry.arguments,
    resultBytesMax: entry.results ? entry.bytesMax : 0,
    redaction: {
      denyKeys: [...DENIED_KEYS, ...entry.denyKeys.map(plainName)],
      patterns: entry.patterns.flatMap((source) => compileLinearPattern(source) ?? []),
      bytesMax: entry.bytesMax,
    },
  }
}

/** The pieces between the stars in their order; no backtracking is needed. */
function matches(glob: string, name: string): boolean {
  const [first = '', ...others] = glob.split('*')
  if (others.length === 0) return glob === name
  if (!name.startsWith(first)) return false
  const last = others.pop() ?? ''
  let at = first.length
  for (const piece of others) {
    const found = name.indexOf(piece, at)
    if (found < 0) return false
    at = found + piece.length
  }
  return name.length - last.length >= at && name.endsWith(last)
}

export function capturedArguments(call: Call, rule: CaptureRule): string | undefined {
  const { args } = call.message
  if (!rule.arguments || args === undefined) return undefined
  return redactJson(call.exchange.body.subarray(args.start, args.end), rule.redaction)
}
