#!/usr/bin/env node
/**
 * A server of the 2025-11-25 line that speaks over standard input and output: the official SDK v1,
 * with a tool for everything that such a process can do to whoever started it. It is a program of
 * its own: start it with `node test/support/stdio-server-v1.ts`.
 *
 * Like every server on this SDK it does not end when its input does while something keeps it busy,
 * such as a call of `wait`.
 */

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { CreateMessageResultSchema, ElicitResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'
import {
  CRASH_CODE,
  environmentNames,
  makeNoise,
  pause,
  text,
  untilAborted,
  writeErrors,
} from './stdio-tools.ts'

const server = new McpServer(
  { name: 'stdio-v1', version: '1.0.0' },
  { capabilities: { logging: {}, tools: { listChanged: true } } },
)
registerCallTools()
registerClientTools()
registerProcessTools()
registerTexts()
await server.connect(new StdioServerTransport())

/** Tools that answer, fail, take their time or tell how far they are; `wait` says that it has begun. */
function registerCallTools(): void {
  let cancelled = 0
  server.registerTool('echo', { inputSchema: { text: z.string() } }, (args) => text(args.text))
  server.registerTool('fail', {}, () => ({ ...text('it failed'), isError: true }))
  server.registerTool('progress', {}, async (extra) => {
    const token = extra._meta?.progressToken
    if (token === undefined) return text('nobody asked for progress')
    for (let progress = 1; progress <= 3; progress += 1) {
      await extra.sendNotification({
        method: 'notifications/progress',
        params: { progressToken: token, progress, total: 3 },
      })
      await pause()
    }
    return text('progressed')
  })
  server.registerTool('wait', {}, async (extra) => {
    const token = extra._meta?.progressToken
    if (token !== undefined) {
      const params = { progressToken: token, progress: 0, message: 'waiting' }
      await extra.sendNotification({ method: 'notifications/progress', params })
    }
    await untilAborted(extra.signal, () => (cancelled += 1))
    return text('waited')
  })
  server.registerTool('cancelled', {}, () => text(String(cancelled)))
  server.registerTool('large', { inputSchema: { bytes: z.number().int() } }, ({ bytes }) =>
    text('x'.repeat(bytes)),
  )
}

/** Tools that turn to their client in the middle of a call. */
function registerClientTools(): void {
  server.registerTool('ask', {}, async (extra) => {
    const reply = await extra.sendRequest(
      {
        method: 'elicitation/create',
        params: {
          mode: 'form',
          message: 'who?',
          requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
        },
      },
      ElicitResultSchema,
    )
    return text(`asked ${String(reply.content?.['name'])}`)
  })
  server.registerTool('sample', {}, async (extra) => {
    const reply = await extra.sendRequest(
      {
        method: 'sampling/createMessage',
        params: {
          maxTokens: 5,
          messages: [{ role: 'user', content: { type: 'text', text: '?' } }],
        },
      },
      CreateMessageResultSchema,
    )
    return text(`sampled ${JSON.stringify(reply.content)}`)
  })
  server.registerTool('log', {}, async (extra) => {
    await extra.sendNotification({
      method: 'notifications/message',
      params: { level: 'warning', logger: 'stdio-v1', data: 'logged by the server' },
    })
    return text('logged')
  })
}

/** Tools that concern the process: its end, its streams, its memory and its environment. */
function registerProcessTools(): void {
  let count = 0
  server.registerTool('crash', {}, () => process.exit(CRASH_CODE))
  server.registerTool('noise', {}, async () => {
    await makeNoise()
    return text('made noise')
  })
  server.registerTool('stderr', { inputSchema: { bytes: z.number().int() } }, async ({ bytes }) => {
    await writeErrors(bytes)
    return text(`wrote ${bytes} bytes`)
  })
  server.registerTool('pid', {}, () => text(String(process.pid)))
  server.registerTool('count', {}, () => text(String((count += 1))))
  server.registerTool('env', {}, () => text(JSON.stringify(environmentNames())))
}

function registerTexts(): void {
  server.registerResource('fixed', 'test://fixed', { mimeType: 'text/plain' }, (uri) => ({
    contents: [{ uri: uri.href, text: 'fixed text' }],
  }))
  server.registerPrompt('greet', { argsSchema: { name: z.string() } }, ({ name }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Hello ${name}` } }],
  }))
}
