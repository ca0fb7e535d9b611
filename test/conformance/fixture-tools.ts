/** Tools that answer by themselves: content of every kind, progress, logs, streams and schemas. */

import { setTimeout as sleep } from 'node:timers/promises'
import {
  fromJsonSchema,
  inputRequired,
  type CallToolResult,
  type McpServer,
} from '@modelcontextprotocol/server'
import { PNG, text, WAV } from './fixture-results.ts'

/** Tells whoever listens that a list has changed; how depends on the transport. */
export interface ListChanges {
  tools(): void
  prompts(): void
}

/** Between two steps of a tool that reports them: long enough to be two writes. */
const STEP_MS = 50

/** How long `test_reconnection` goes on after it has closed its stream. */
const AWAY_MS = 100

/** Registered first is `test_simple_text`: the suite calls the first listed tool without arguments. */
export function registerTools(server: McpServer, changes: ListChanges): void {
  registerContentTools(server)
  registerReportingTools(server)
  registerSchemaTools(server)
  registerDiagnosticTools(server, changes)
}

const MIXED: CallToolResult = {
  content: [
    { type: 'text', text: 'Multiple content types test:' },
    { type: 'image', data: PNG, mimeType: 'image/png' },
    {
      type: 'resource',
      resource: {
        uri: 'test://mixed-content-resource',
        mimeType: 'application/json',
        text: '{"test":"data","value":123}',
      },
    },
  ],
}

function registerContentTools(server: McpServer): void {
  server.registerTool('test_simple_text', { description: 'Answers with text' }, () =>
    text('This is a simple text response for testing.'),
  )
  server.registerTool('test_image_content', { description: 'Answers with an image' }, () => ({
    content: [{ type: 'image', data: PNG, mimeType: 'image/png' }],
  }))
  server.registerTool('test_audio_content', { description: 'Answers with audio' }, () => ({
    content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }],
  }))
  server.registerTool('test_embedded_resource', { description: 'Answers with a resource' }, () => ({
    content: [
      {
        type: 'resource',
        resource: {
          uri: 'test://embedded-resource',
          mimeType: 'text/plain',
          text: 'This is an embedded resource content.',
        },
      },
    ],
  }))
  server.registerTool(
    'test_multiple_content_types',
    { description: 'Answers with text, an image and a resource' },
    () => MIXED,
  )
  server.registerTool('test_error_handling', { description: 'Always fails' }, () => {
    throw new Error('This tool intentionally returns an error for testing')
  })
}

function registerReportingTools(server: McpServer): void {
  server.registerTool(
    'test_tool_with_logging',
    { description: 'Logs three times on its way' },
    async ({ mcpReq }) => {
      await mcpReq.log('info', 'Tool execution started')
      await sleep(STEP_MS)
      await mcpReq.log('info', 'Tool processing data')
      await sleep(STEP_MS)
      await mcpReq.log('info', 'Tool execution completed')
      return text('Logged three times')
    },
  )
  server.registerTool(
    'test_tool_with_progress',
    { description: 'Reports progress three times when asked to' },
    async ({ mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken
      for (const progress of [0, 50, 100]) {
        if (progress > 0) await sleep(STEP_MS)
        if (progressToken === undefined) continue
        await mcpReq.notify({
          method: 'notifications/progress',
          params: { progressToken, progress, total: 100 },
        })
      }
      return text(`Progress was reported to ${JSON.stringify(progressToken ?? null)}`)
    },
  )
  server.registerTool(
    'test_reconnection',
    { description: 'Closes its stream in the middle; the answer is fetched later (SEP-1699)' },
    async ({ http }) => {
      http?.closeSSE?.()
      await sleep(AWAY_MS)
      return text('The stream was closed before this answer')
    },
  )
}

/** SEP-1613 and SEP-2106: the schema must come back as it stands here. */
const SCHEMA_2020_12 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: {
      $anchor: 'addressDef',
      type: 'object',
      properties: { street: { type: 'string' }, city: { type: 'string' } },
    },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
}

/** SEP-2243: arguments that are repeated in `Mcp-Param-Region` and `Mcp-Param-Priority`. */
const MIRRORED = {
  type: 'object',
  properties: {
    region: { type: 'string', 'x-mcp-header': 'Region' },
    priority: { type: 'integer', 'x-mcp-header': 'Priority' },
    query: { type: 'string' },
  },
  required: ['region'],
}

function registerSchemaTools(server: McpServer): void {
  server.registerTool(
    'json_schema_2020_12_tool',
    {
      description: 'Has an input schema with keywords of JSON Schema 2020-12',
      inputSchema: fromJsonSchema(SCHEMA_2020_12),
    },
    (args) => text(JSON.stringify(args)),
  )
  server.registerTool(
    'test_x_mcp_header',
    {
      description: 'Wants two of its arguments mirrored in headers (SEP-2243)',
      inputSchema: fromJsonSchema(MIRRORED),
    },
    (args) => text(JSON.stringify(args)),
  )
}

/** What the scenario `server-stateless` calls to look at a server's behaviour. */
function registerDiagnosticTools(server: McpServer, changes: ListChanges): void {
  const sampling = inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: 'Are you there?' } }],
    maxTokens: 10,
  })
  server.registerTool(
    'test_missing_capability',
    { description: 'Needs sampling, whether the client can do it or not' },
    () => inputRequired({ inputRequests: { sample: sampling } }),
  )
  server.registerTool(
    'test_streaming_elicitation',
    { description: 'Reports progress where asked to, then needs input' },
    async ({ mcpReq }) => {
      await mcpReq.log('info', 'About to ask')
      return inputRequired({
        inputRequests: {
          confirm: inputRequired.elicit({
            message: 'Go on?',
            requestedSchema: { type: 'object', properties: { ok: { type: 'boolean' } } },
          }),
        },
      })
    },
  )
  server.registerTool(
    'test_logging_tool',
    { description: 'Logs; the client sees it only where it has set a level' },
    async ({ mcpReq }) => {
      await mcpReq.log('info', 'Seen only by those who asked for it')
      return text('Logged once')
    },
  )
  server.registerTool(
    'test_trigger_tool_change',
    { description: 'Announces that the list of tools has changed' },
    () => {
      changes.tools()
      return text('Announced')
    },
  )
  server.registerTool(
    'test_trigger_prompt_change',
    { description: 'Announces that the list of prompts has changed' },
    () => {
      changes.prompts()
      return text('Announced')
    },
  )
}
