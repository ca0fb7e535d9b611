#!/usr/bin/env node
/**
 * A server of the 2026-07-28 line that speaks over standard input and output: the official SDK v2,
 * which also answers older clients; the first message decides for as long as the process lives. It is
 * a program of its own: start it with `node test/support/stdio-server-v2.ts`, and with
 * `--modern-only` to make it refuse older clients. Its tools are those of `stdio-server-v1.ts`.
 */

import { acceptedContent, inputRequired, McpServer } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
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

const NAME = z.object({ name: z.string() })
const BYTES = z.object({ bytes: z.number().int() })

/** Full of what careless code would change. */
const STATE = `{"n":1.0,"s":"\\u00e9 \u{1f600}"}`

/** In the memory of the process, whichever instance answers. */
const counts = { cancelled: 0, calls: 0 }

serveStdio(createServer, { legacy: process.argv.includes('--modern-only') ? 'reject' : 'serve' })

function createServer(): McpServer {
  const server = new McpServer(
    { name: 'stdio-v2', version: '2.0.0' },
    { capabilities: { logging: {}, tools: { listChanged: true } } },
  )
  registerCallTools(server)
  registerClientTools(server)
  registerProcessTools(server)
  registerTexts(server)
  return server
}

/** Tools that answer, fail, take their time or tell how far they are; `wait` says that it has begun. */
function registerCallTools(server: McpServer): void {
  const ECHO = z.object({ text: z.string() })
  server.registerTool('echo', { inputSchema: ECHO }, (args) => text(args.text))
  server.registerTool('fail', {}, () => ({ ...text('it failed'), isError: true }))
  server.registerTool('progress', {}, async (context) => {
    const progressToken = context.mcpReq._meta?.progressToken
    if (progressToken === undefined) return text('nobody asked for progress')
    for (let progress = 1; progress <= 3; progress += 1) {
      await context.mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken, progress, total: 3 },
      })
      await pause()
    }
    return text('progressed')
  })
  server.registerTool('wait', {}, async (context) => {
    const progressToken = context.mcpReq._meta?.progressToken
    if (progressToken !== undefined) {
      const params = { progressToken, progress: 0, message: 'waiting' }
      await context.mcpReq.notify({ method: 'notifications/progress', params })
    }
    await untilAborted(context.mcpReq.signal, () => (counts.cancelled += 1))
    return text('waited')
  })
  server.registerTool('cancelled', {}, () => text(String(counts.cancelled)))
  server.registerTool('large', { inputSchema: BYTES }, ({ bytes }) => text('x'.repeat(bytes)))
}

/** Tools that turn to their client in the middle of a call. */
function registerClientTools(server: McpServer): void {
  server.registerTool('ask', {}, (context) => {
    const answer = acceptedContent(context.mcpReq.inputResponses, 'who', NAME)
    if (answer !== undefined) return text(`asked ${answer.name}`)
    return inputRequired({
      inputRequests: { who: inputRequired.elicit({ message: 'who?', requestedSchema: NAME }) },
      requestState: STATE,
    })
  })
  server.registerTool('sample', {}, (context) => {
    const answer = context.mcpReq.inputResponses?.['sample']
    if (answer !== undefined) return text(`sampled ${JSON.stringify(answer)}`)
    const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: '?' } }]
    return inputRequired({
      inputRequests: { sample: inputRequired.createMessage({ maxTokens: 5, messages }) },
      requestState: STATE,
    })
  })
  // A modern client gets it only when it has named a level in the call's `_meta`.
  server.registerTool('log', {}, async (context) => {
    await context.mcpReq.log('warning', 'logged by the server', 'stdio-v2')
    return text('logged')
  })
}

/** Tools that concern the process: its end, its streams, its memory and its environment. */
function registerProcessTools(server: McpServer): void {
  server.registerTool('crash', {}, () => process.exit(CRASH_CODE))
  server.registerTool('noise', {}, async () => {
    await makeNoise()
    return text('made noise')
  })
  server.registerTool('stderr', { inputSchema: BYTES }, async ({ bytes }) => {
    await writeErrors(bytes)
    return text(`wrote ${bytes} bytes`)
  })
  server.registerTool('pid', {}, () => text(String(process.pid)))
  server.registerTool('count', {}, () => text(String((counts.calls += 1))))
  server.registerTool('env', {}, () => text(JSON.stringify(environmentNames())))
}

function registerTexts(server: McpServer): void {
  server.registerResource('fixed', 'test://fixed', { mimeType: 'text/plain' }, (uri) => ({
    contents: [{ uri: uri.href, text: 'fixed text' }],
  }))
  server.registerPrompt('greet', { argsSchema: NAME }, ({ name }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Hello ${name}` } }],
  }))
}
