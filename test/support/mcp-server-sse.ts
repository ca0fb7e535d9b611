/** A real server of 2024-11-05: the official SDK v1 over HTTP+SSE, with a few tools. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { CreateMessageResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'
import { closeAfterTest } from './scope.ts'
import { pause } from './stdio-tools.ts'
import { signal, type Signal } from './wait-for.ts'

export interface SseServer {
  /** The address of the stream. */
  readonly url: string
  /** Open streams. */
  readonly sessions: number
  /** Lets the tool `wait` go on. */
  readonly release: Signal
  /** `Authorization` of each message, in order. */
  readonly credentials: readonly (string | undefined)[]
  announceTools(): void
  close(): Promise<void>
}

export async function startSseServer(): Promise<SseServer> {
  const sessions = new Map<string, { transport: SSEServerTransport; server: McpServer }>()
  const credentials: (string | undefined)[] = []
  const release = signal()
  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    if (request.method === 'GET' && url.pathname === '/old/sse') {
      // oxlint-disable-next-line typescript/no-deprecated -- the old transport is what is tested
      const transport = new SSEServerTransport('/old/messages', response)
      const server = createToolServer(release)
      sessions.set(transport.sessionId, { transport, server })
      response.on('close', () => sessions.delete(transport.sessionId))
      return server.connect(transport)
    }
    const session = sessions.get(url.searchParams.get('sessionId') ?? '')
    if (url.pathname !== '/old/messages' || session === undefined) {
      return void response.writeHead(404).end('no such session')
    }
    credentials.push(request.headers.authorization)
    await session.transport.handlePostMessage(request, response)
  }
  const server = createServer((request, response) => void receive(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const close = async (): Promise<void> => {
    release.resolve()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  closeAfterTest(close)
  return {
    url: `http://127.0.0.1:${port}/old/sse`,
    get sessions() {
      return sessions.size
    },
    release,
    credentials,
    announceTools: () => {
      for (const session of sessions.values()) session.server.sendToolListChanged()
    },
    close,
  }
}

function createToolServer(release: Signal): McpServer {
  const server = new McpServer(
    { name: 'sse', version: '1.0.0' },
    { capabilities: { tools: { listChanged: true } } },
  )
  const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] })
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
  server.registerTool('sample', {}, async (extra) => {
    const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: '?' } }]
    const reply = await extra.sendRequest(
      { method: 'sampling/createMessage', params: { maxTokens: 5, messages } },
      CreateMessageResultSchema,
    )
    return text(`sampled ${JSON.stringify(reply.content)}`)
  })
  server.registerTool('wait', {}, async () => {
    await release.promise
    return text('waited')
  })
  return server
}
