/** One tool of Sidelight's own MCP endpoint: what it takes, what it answers, in data and in words. */

import type { McpServer, StandardSchemaWithJSON } from '@modelcontextprotocol/server'
import * as z from 'zod/mini'
import type { AdminPermission } from '../admin-gate.ts'
import { apiDescriptions } from '../api/describe.ts'
import type { ApiViews, Shown } from '../api/views.ts'

/** An answer: `text` says for a model what `value` says for programs. */
export interface ToolAnswer<T> {
  readonly kind: 'answer'
  readonly text: string
  readonly value: Shown<T>
}

/** Why there is no answer, with what to do instead. */
export interface ToolRefusal {
  readonly kind: 'refused'
  readonly text: string
}

export interface McpTool {
  readonly name: string
  readonly permission: AdminPermission
  /** Makes it known to a server. `actor` is who asks. */
  register(server: McpServer, views: ApiViews, actor: string): void
}

interface Given<I extends z.ZodMiniObject, O extends z.ZodMiniObject> {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly permission?: AdminPermission
  readonly input: I
  readonly output: O
  handle(views: ApiViews, input: z.output<I>, actor: string): ToolAnswer<z.output<O>> | ToolRefusal
}

/** Checks at compile time that a tool answers what its schema says, and when it is called, what it takes. */
export function tool<I extends z.ZodMiniObject, O extends z.ZodMiniObject>(
  given: Given<I, O>,
): McpTool {
  const { name, title, description, permission = 'read' } = given
  const reads = permission === 'read'
  const config = {
    title,
    description,
    inputSchema: withJsonSchema(given.input, 'input'),
    outputSchema: withJsonSchema(given.output, 'output'),
    annotations: { readOnlyHint: reads, destructiveHint: !reads, openWorldHint: false },
  }
  return {
    name,
    permission,
    register: (server, views, actor) => {
      server.registerTool(name, config, (input) => {
        const answer = given.handle(views, given.input.parse(input), actor)
        const content = [{ type: 'text' as const, text: answer.text }]
        return answer.kind === 'refused'
          ? { content, isError: true }
          : { content, structuredContent: plain(answer.value) }
      })
    },
  }
}

/** A value as it is sent: without members that are undefined. */
function plain(value: object): Record<string, unknown> {
  const sent: Record<string, unknown> = JSON.parse(JSON.stringify(value))
  return sent
}

function withJsonSchema<T extends z.ZodMiniObject>(
  schema: T,
  io: 'input' | 'output',
): StandardSchemaWithJSON<z.input<T>, z.output<T>> {
  const json = z.toJSONSchema(schema, { io, metadata: apiDescriptions, reused: 'inline' })
  const { version, vendor, validate } = schema['~standard']
  return {
    '~standard': {
      version,
      vendor,
      validate,
      jsonSchema: { input: () => ({ ...json }), output: () => ({ ...json }) },
    },
  }
}
