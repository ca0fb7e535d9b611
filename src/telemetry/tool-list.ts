/**
 * Reads the result of a `tools/list` or `prompts/list` (MCP 2025-11-25 and 2026-07-28, "Listing").
 *
 * Of a tool only its name, digests and sizes are kept; its texts are not.
 */

import { hash } from 'node:crypto'
import { canonicalJson } from '../core/canonical-json.ts'

/** The members of a tool that its digest covers. */
export const TOOL_MEMBERS = [
  'name',
  'title',
  'description',
  'inputSchema',
  'outputSchema',
  'annotations',
] as const

export type ToolMember = (typeof TOOL_MEMBERS)[number]

export interface ToolDefinition {
  readonly name: string
  /** `sha256:` and 64 hex digits: SHA-256 of the canonical JSON (RFC 8785) of `TOOL_MEMBERS`. */
  readonly digest: string
  /** The digest of each member that it has. */
  readonly members: ReadonlyMap<ToolMember, string>
  /** Bytes of the whole definition as compact JSON. */
  readonly bytes: number
  /** What the server says of the tool's behaviour; hints, not to be trusted without a reason. */
  readonly hints: ToolHints
}

export interface ToolHints {
  readonly readOnly: boolean
  readonly idempotent: boolean
}

/** One page of a list. */
export interface ListPage {
  readonly tools: readonly ToolDefinition[]
  readonly nextCursor: string | undefined
  /** True when some entries were left out: too many, or their names were too long. */
  readonly cut: boolean
}

/** Most tools of one list, all its pages together. */
export const TOOLS_MAX = 512

/** Longest name of a tool that is kept. */
export const TOOL_NAME_CHARS_MAX = 256

/** Undefined when the text is no such list. */
export function readToolPage(text: string): ListPage | undefined {
  const list = readList(text, 'tools')
  if (list === undefined) return undefined
  const tools: ToolDefinition[] = []
  let cut = list.items.length > TOOLS_MAX
  for (const item of list.items.slice(0, TOOLS_MAX)) {
    const tool = readTool(item)
    if (tool === undefined) cut = true
    else tools.push(tool)
  }
  return { tools, nextCursor: list.nextCursor, cut }
}

/** The names in a list of prompts; undefined when the text is no such list. */
export function readPromptNames(text: string): readonly string[] | undefined {
  const list = readList(text, 'prompts')
  return list?.items.slice(0, TOOLS_MAX).flatMap((item) => {
    const name = memberOf(item, 'name')
    return typeof name === 'string' ? [name] : []
  })
}

interface List {
  readonly items: readonly unknown[]
  readonly nextCursor: string | undefined
}

function readList(text: string, member: 'tools' | 'prompts'): List | undefined {
  const result = parse(text)
  const items = memberOf(result, member)
  if (!Array.isArray(items)) return undefined
  const nextCursor = memberOf(result, 'nextCursor')
  return { items, nextCursor: typeof nextCursor === 'string' ? nextCursor : undefined }
}

function readTool(value: unknown): ToolDefinition | undefined {
  const name = memberOf(value, 'name')
  if (typeof name !== 'string' || name.length > TOOL_NAME_CHARS_MAX) return undefined
  const members = new Map<ToolMember, string>()
  const covered: Record<string, unknown> = {}
  for (const member of TOOL_MEMBERS) {
    const found = memberOf(value, member)
    if (found === undefined) continue
    const digest = digestOf(found)
    if (digest === undefined) return undefined
    members.set(member, digest)
    covered[member] = found
  }
  const digest = digestOf(covered)
  const whole = canonicalJson(value)
  if (digest === undefined || whole === undefined) return undefined
  const annotations = memberOf(value, 'annotations')
  return {
    name,
    digest: `sha256:${digest}`,
    members,
    bytes: Buffer.byteLength(whole),
    hints: {
      readOnly: memberOf(annotations, 'readOnlyHint') === true,
      idempotent: memberOf(annotations, 'idempotentHint') === true,
    },
  }
}

function digestOf(value: unknown): string | undefined {
  const text = canonicalJson(value)
  return text === undefined ? undefined : hash('sha256', text, 'hex')
}

/** An object's own member: `__proto__` and the like are names as any other. */
function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return Object.getOwnPropertyDescriptor(value, name)?.value
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
