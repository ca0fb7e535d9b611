/** An MCP server on the official SDK, without sessions, whose tools take their time and fail now and then. */

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { parseJson } from './json.ts'
import { closeAfterTest } from './scope.ts'

export interface ServedTool {
  readonly name: string
  readonly description: string
  /** How long it takes, in milliseconds. */
  readonly ms: number
  /** Every so manieth call reports a failure; never without. */
  readonly failsEvery?: number
}

export interface ToolServer {
  readonly url: string
  /** Shows and runs these from now on. */
  use(tools: readonly ServedTool[]): void
  close(): Promise<void>
}

export async function startToolServer(tools: readonly ServedTool[]): Promise<ToolServer> {
  let served = tools
  let calls = 0
  const open = (): Server => {
    const server = new Server({ name: 'tools', version: '1.0.0' }, { capabilities: { tools: {} } })
    server.setRequestHandler(ListToolsRequestSchema, () => ({
      tools: served.map(({ name, description }) => ({
        name,
        description,
        inputSchema: { type: 'object', properties: { id: { type: 'string' } } },
      })),
    }))
    server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
      const tool = served.find(({ name }) => name === params.name)
      calls += 1
      await sleep((tool?.ms ?? 0) * (0.6 + ((calls * 37) % 80) / 100))
      const isError = tool?.failsEvery !== undefined && calls % tool.failsEvery === 0
      return { content: [{ type: 'text', text: isError ? 'it failed' : 'x'.repeat(400) }], isError }
    })
    return server
  }
  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const server = open()
    // Without an id it keeps no session.
    const transport = new StreamableHTTPServerTransport({})
    response.on('close', () => void server.close())
    await server.connect(transport)
    await transport.handleRequest(request, response, await readBody(request))
  }
  const listener = createServer((request, response) => {
    receive(request, response).catch(() => response.destroy())
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const close = async (): Promise<void> => {
    if (!listener.listening) return
    listener.closeAllConnections()
    await new Promise((resolve) => listener.close(resolve))
  }
  closeAfterTest(close)
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    use: (next) => {
      served = next
    },
    close,
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  if (request.method !== 'POST') return undefined
  const pieces: Buffer[] = []
  request.on('data', (chunk: Buffer) => pieces.push(chunk))
  await once(request, 'end')
  return parseJson(Buffer.concat(pieces))
}
