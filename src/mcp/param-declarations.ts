/**
 * Which arguments of which tools are repeated in `Mcp-Param-*` request headers: what `tools/list` says
 * with `x-mcp-header` (2026-07-28 Streamable HTTP, SEP-2243).
 */

import { member, parseJson } from './json-member.ts'

/** One argument that a header repeats. */
export interface ParamDeclaration {
  /** What follows `Mcp-Param-` in the header's name. */
  readonly header: string
  /** Keys that lead to it within `arguments`. */
  readonly path: readonly string[]
}

/** By tool. */
export type ToolDeclarations = ReadonlyMap<string, readonly ParamDeclaration[]>

/** An argument that a call has and a header must repeat. */
export interface ParamValue {
  /** The header's whole name. */
  readonly name: string
  readonly path: readonly string[]
  readonly value: string | number | boolean
}

const NESTING_MAX = 16

/** Reads one page of an answer to `tools/list`. */
export function readToolDeclarations(answer: Buffer): {
  readonly tools: ToolDeclarations
  readonly nextCursor: string | undefined
} {
  const result = member(parseJson(answer), 'result')
  const found = new Map<string, readonly ParamDeclaration[]>()
  const tools = member(result, 'tools')
  for (const tool of Array.isArray(tools) ? tools : []) {
    const name = member(tool, 'name')
    if (typeof name === 'string') found.set(name, declarationsOf(member(tool, 'inputSchema'), []))
  }
  const next = member(result, 'nextCursor')
  return { tools: found, nextCursor: typeof next === 'string' ? next : undefined }
}

/** The declared arguments that a call of the tool has; null and absent ones are not repeated. */
export function paramValues(
  call: Buffer,
  declarations: readonly ParamDeclaration[],
): readonly ParamValue[] {
  const args = member(member(parseJson(call), 'params'), 'arguments')
  const values: ParamValue[] = []
  for (const { header, path } of declarations) {
    let value = args
    for (const key of path) value = member(value, key)
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      values.push({ name: `Mcp-Param-${header}`, path, value })
    }
  }
  return values
}

/** Only properties that plain `properties` lead to can be declared. */
function declarationsOf(schema: unknown, path: readonly string[]): readonly ParamDeclaration[] {
  const own = member(schema, 'x-mcp-header')
  const found: ParamDeclaration[] = typeof own === 'string' ? [{ header: own, path }] : []
  const properties = member(schema, 'properties')
  if (typeof properties !== 'object' || properties === null || path.length >= NESTING_MAX) {
    return found
  }
  for (const [key, child] of Object.entries(properties)) {
    found.push(...declarationsOf(child, [...path, key]))
  }
  return found
}
