/**
 * Conditions of rules, in CEL (https://cel.dev): what may be asked is small enough that no call can
 * make it slow. Variables: `principal`, `args`, `upstream`, `kind`, `name`.
 */

import { Environment, type ASTNode } from '@marcbachmann/cel-js'
import { compileLinearPattern } from '../core/linear-pattern.ts'

/** What a condition is asked about. Without `args`, whatever asks for them fails. */
export interface ConditionContext {
  readonly principal: Readonly<Record<string, unknown>>
  readonly upstream: string
  readonly kind: string
  readonly name: string
  readonly args?: Readonly<Record<string, unknown>>
}

export interface Condition {
  readonly text: string
  /** The value, or why there is none, for people. Never throws. */
  holds(context: ConditionContext): boolean | { readonly error: string }
}

const CHARS_MAX = 2_048

const ENVIRONMENT = (): Environment =>
  new Environment({
    homogeneousAggregateLiterals: false,
    limits: {
      maxAstNodes: 500,
      maxDepth: 40,
      maxListElements: 500,
      maxMapEntries: 50,
      maxCallArguments: 8,
    },
  })
    .registerVariable('principal', 'map')
    .registerVariable('args', 'map')
    .registerVariable('upstream', 'string')
    .registerVariable('kind', 'string')
    .registerVariable('name', 'string')

/** Compiles a condition, or says what is wrong with it. */
export function compileCondition(text: string): Condition | string {
  if (text.length > CHARS_MAX) return `a condition has at most ${CHARS_MAX} characters`
  try {
    const parsed = ENVIRONMENT().parse(text)
    const { valid, type, error } = parsed.check()
    if (!valid) return `not a valid condition: ${firstLine(error)}`
    if (type !== 'bool' && type !== 'dyn')
      return `a condition is true or false; this is of type ${type}`
    const costly = findCostly(parsed.ast, false)
    if (costly !== undefined) return costly
    return {
      text,
      holds: (context) => {
        try {
          const value: unknown = parsed({ ...context })
          return typeof value === 'boolean' ? value : { error: 'it is neither true nor false' }
        } catch (failure) {
          return { error: firstLine(failure) }
        }
      },
    }
  } catch (failure) {
    return `not a valid condition: ${firstLine(failure)}`
  }
}

function firstLine(failure: unknown): string {
  const text = failure instanceof Error ? failure.message : String(failure)
  return text.split('\n', 1)[0] ?? ''
}

/** Macros that walk over a list: one in another would take the square of its length. */
const WALKS: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'map', 'filter'])

/** What may take much longer than a call may wait; undefined when there is nothing. */
function findCostly(node: ASTNode, inWalk: boolean): string | undefined {
  const walks = isWalk(node)
  if (walks && inWalk) return 'a walk over a list must not stand in another; it would take too long'
  const problem = checkCall(node) ?? (inWalk ? checkSearch(node) : undefined)
  if (problem !== undefined) return problem
  // What is walked over is no part of the walk.
  const walked = walks ? node.args[1] : undefined
  for (const child of childrenOf(node)) {
    const costly = findCostly(child, inWalk || (walks && child !== walked))
    if (costly !== undefined) return costly
  }
  return undefined
}

function isWalk(node: ASTNode): node is Extract<ASTNode, { op: 'rcall' }> {
  return node.op === 'rcall' && WALKS.has(node.args[0])
}

function checkCall(node: ASTNode): string | undefined {
  const name = node.op === 'rcall' || node.op === 'call' ? node.args[0] : undefined
  if (name === 'bind') return 'bind is not available in conditions'
  return name === 'matches' ? checkPattern(node) : undefined
}

/** `in` looks through a list too, and a list in the arguments is as long as its sender likes. */
function checkSearch(node: ASTNode): string | undefined {
  return node.op === 'in' && !isOurs(node.args[1])
    ? 'in must not look through arguments within a walk over a list; it would take too long'
    : undefined
}

/** Whether a list stands in the condition itself or in the principal. */
function isOurs(node: ASTNode): boolean {
  if (node.op === 'id') return node.args === 'principal'
  return node.op === 'value' || childrenOf(node).every((child) => isOurs(child))
}

function checkPattern(node: ASTNode): string | undefined {
  const args: readonly ASTNode[] =
    node.op === 'rcall' ? node.args[2] : node.op === 'call' ? node.args[1] : []
  const pattern = args.at(-1)
  const source = pattern?.op === 'value' ? pattern.args : undefined
  const inner = typeof source === 'string' ? /^\^(.+?)\$?$/s.exec(source)?.[1] : undefined
  return inner !== undefined && compileLinearPattern(inner) !== undefined
    ? undefined
    : 'matches takes a pattern in quotes that begins with ^, of characters, escapes and [classes] with at most one of * + ? {m,n} and no groups'
}

function childrenOf(node: ASTNode): readonly ASTNode[] {
  const children: ASTNode[] = []
  const collect = (value: unknown): void => {
    if (Array.isArray(value)) for (const one of value) collect(one)
    else if (isNode(value)) children.push(value)
  }
  collect(node.args)
  return children
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value
}
