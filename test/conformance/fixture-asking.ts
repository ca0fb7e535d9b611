/**
 * Tools of the 2025 revisions that ask their client in the middle of a call: sampling and
 * elicitation, by requests of the server's own.
 */

import type { ElicitRequestFormParams, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { text } from './fixture-results.ts'

type FormSchema = ElicitRequestFormParams['requestedSchema']

export function registerAskingTools(server: McpServer): void {
  server.registerTool(
    'test_sampling',
    {
      description: "Has the client's model answer a prompt",
      inputSchema: z.object({ prompt: z.string() }),
    },
    async ({ prompt }, { mcpReq }) => {
      const { content } = await mcpReq.requestSampling({
        messages: [{ role: 'user', content: { type: 'text', text: prompt } }],
        maxTokens: 100,
      })
      return text(`LLM response: ${JSON.stringify(content)}`)
    },
  )
  server.registerTool(
    'test_elicitation',
    {
      description: 'Asks the user for a name and an address',
      inputSchema: z.object({ message: z.string() }),
    },
    async ({ message }, { mcpReq }) => {
      const answer = await mcpReq.elicitInput({ message, requestedSchema: CONTACT })
      return text(`User response: action=${answer.action}, content=${show(answer.content)}`)
    },
  )
  registerForm(server, 'test_elicitation_sep1034_defaults', 'Asks with defaults', DEFAULTS)
  registerForm(server, 'test_elicitation_sep1330_enums', 'Asks with all kinds of enums', ENUMS)
}

function registerForm(
  server: McpServer,
  name: string,
  description: string,
  requestedSchema: FormSchema,
): void {
  server.registerTool(name, { description }, async ({ mcpReq }) => {
    const answer = await mcpReq.elicitInput({ message: 'Please fill this in', requestedSchema })
    return text(`Elicitation completed: action=${answer.action}, content=${show(answer.content)}`)
  })
}

const show = (content: unknown): string => JSON.stringify(content ?? {})

const CONTACT: FormSchema = {
  type: 'object',
  properties: {
    username: { type: 'string', description: "User's response" },
    email: { type: 'string', description: "User's email address" },
  },
  required: ['username', 'email'],
}

/** SEP-1034: a default for each primitive type. */
const DEFAULTS: FormSchema = {
  type: 'object',
  properties: {
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true },
  },
  required: [],
}

/** SEP-1330: single and multiple choice, with titles and without, and the older way with titles. */
const ENUMS: FormSchema = {
  type: 'object',
  properties: {
    untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
    titledSingle: {
      type: 'string',
      oneOf: [
        { const: 'value1', title: 'First Option' },
        { const: 'value2', title: 'Second Option' },
        { const: 'value3', title: 'Third Option' },
      ],
    },
    legacyEnum: {
      type: 'string',
      enum: ['opt1', 'opt2', 'opt3'],
      enumNames: ['Option One', 'Option Two', 'Option Three'],
    },
    untitledMulti: {
      type: 'array',
      items: { type: 'string', enum: ['option1', 'option2', 'option3'] },
    },
    titledMulti: {
      type: 'array',
      items: {
        anyOf: [
          { const: 'value1', title: 'First Choice' },
          { const: 'value2', title: 'Second Choice' },
          { const: 'value3', title: 'Third Choice' },
        ],
      },
    },
  },
  required: [],
}
