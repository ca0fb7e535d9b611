/**
 * The text of a rule: which operations of which upstreams it is about.
 *
 * `*` is everything. `weather:*` is everything at one upstream. `weather:forecast` and
 * `weather:tool/forecast` are a tool; `prompt/`, `resource/`, `method/` and `path/` name the other kinds.
 */

import { compileGlob, matchesGlob } from '../core/glob.ts'
import { nearest } from '../core/nearest.ts'
import { OPERATION_KINDS, type Operation, type OperationKind } from '../core/operation.ts'

export interface RuleText {
  readonly text: string
  /** A glob of names of upstreams. */
  readonly upstream: string
  readonly kind: OperationKind | 'any'
  /** A glob of names of that kind. */
  readonly target: string
  /** Whether a name is one of those. */
  readonly names: (name: string) => boolean
  /** The same for names that are folded. */
  readonly foldedNames: (name: string) => boolean
}

const RULE_CHARS_MAX = 512

/** What tools, prompts and resources have rules of their own for. */
const NAMED_METHODS: Readonly<Record<string, string>> = {
  'tools/call': 'tool/…',
  'prompts/get': 'prompt/…',
  'resources/read': 'resource/…',
  'resources/subscribe': 'resource/…',
  'resources/unsubscribe': 'resource/…',
  'completion/complete': 'prompt/… or resource/…',
}

/** Reads a rule, or says what is wrong with it. */
export function parseRule(text: string, upstreams: readonly string[]): RuleText | string {
  if (text.length > RULE_CHARS_MAX) return `a rule has at most ${RULE_CHARS_MAX} characters`
  if (text === '*') return toRule(text, '*', EVERYTHING)
  const colon = text.indexOf(':')
  if (colon < 0) return 'expected "*", or upstream:tool such as weather:forecast'
  const upstream = text.slice(0, colon)
  const problem = checkUpstream(upstream, upstreams)
  if (problem !== undefined) return problem
  const target = parseTarget(text.slice(colon + 1))
  return typeof target === 'string' ? target : toRule(text, upstream, target)
}

type Target = Pick<RuleText, 'kind' | 'target'>

const EVERYTHING: Target = { kind: 'any', target: '*' }

function toRule(text: string, upstream: string, { kind, target }: Target): RuleText {
  const names = compileGlob(target)
  return { text, upstream, kind, target, names, foldedNames: compileGlob(fold(target)) }
}

function parseTarget(text: string): Target | string {
  if (text === '*') return EVERYTHING
  const [, prefix = '', name = ''] = /^([a-z]+)\/(.*)$/s.exec(text) ?? []
  const kind = OPERATION_KINDS.find((one) => one === prefix)
  const target = kind === undefined ? text : name
  if (target === '') return 'expected a name after the colon, such as forecast, list_* or prompt/*'
  const plural = OPERATION_KINDS.find((one) => `${one}s` === prefix)
  if (plural !== undefined) {
    return `did you mean "${plural}/…"? A tool whose name begins so is written tool/${plural}s/…`
  }
  const problem = kind === 'method' ? ownRuleFor(target) : undefined
  return problem ?? { kind: kind ?? 'tool', target }
}

function checkUpstream(upstream: string, upstreams: readonly string[]): string | undefined {
  if (!/^[a-z0-9*_-]+$/.test(upstream)) {
    return 'expected the name of an upstream before the colon, with * for any characters'
  }
  if (upstreams.some((name) => matchesGlob(upstream, name))) return undefined
  const near = nearest(upstream, upstreams)
  const hint =
    near === undefined ? `configured: ${upstreams.join(', ')}` : `did you mean "${near}"?`
  return `there is no upstream "${upstream}"; ${hint}`
}

/** A rule that could never speak would look like one that does. */
function ownRuleFor(target: string): string | undefined {
  if (target === '*') return undefined
  const method = Object.keys(NAMED_METHODS).find((name) => matchesGlob(target, name))
  return method === undefined
    ? undefined
    : `${method} is decided by what it names: write ${NAMED_METHODS[method]} in place of method/…`
}

/** Whether a rule that allows is about this operation: names must be equal to the letter. */
export function allows(rule: RuleText, { kind, name }: Operation): boolean {
  if (!isKind(rule, kind)) return false
  if (rule.target === '*') return true
  return name !== undefined && rule.names(name) && !isOdd(kind, name)
}

/**
 * Whether a rule that denies is about this operation. Servers may take names for equal that differ in
 * case, in compatibility forms or in characters that are not seen, so a denial does too; and one of
 * resources or paths holds for every name that could mean another one.
 */
export function denies(rule: RuleText, { kind, name }: Operation): boolean {
  if (!isKind(rule, kind)) return false
  if (name === undefined || rule.target === '*' || isOdd(kind, name)) return true
  const decoded = decode(kind, name)
  return rule.foldedNames(fold(name)) || (decoded !== name && rule.foldedNames(fold(decoded)))
}

function isKind(rule: RuleText, kind: OperationKind): boolean {
  return rule.kind === 'any' || rule.kind === kind
}

function fold(name: string): string {
  if (PLAIN.test(name)) return name
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/gu, '')
}

/** What folding leaves as it is. */
const PLAIN = /^[!-@[-~]*$/

function decode(kind: OperationKind, name: string): string {
  if (kind !== 'resource' || !name.includes('%')) return name
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

const DOT_SEGMENT = /(?:^|[^\w.-])\.{1,2}(?:[^\w.-]|$)/
const ENCODED = /%(?:2e|2f|5c|25|00)/i
// oxlint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u0020\u007f\\]/

/** Whether a URI or a path could lead elsewhere than it seems to, once a server has resolved it. */
function isOdd(kind: OperationKind, name: string): boolean {
  if (kind === 'path') return name.includes('%') || DOT_SEGMENT.test(name) || name.includes('\\')
  if (kind !== 'resource') return false
  return DOT_SEGMENT.test(name) || ENCODED.test(name) || UNPRINTABLE.test(name)
}
