/**
 * A real server of the 2025-11-25 line: the official SDK v1 with sessions, an event store, and a
 * tool for everything that a server can do to its client in the middle of a call.
 */

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js'
import {
  StreamableHTTPServerTransport,
  type EventStore,
} from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import {
  CreateMessageResultSchema,
  ElicitResultSchema,
  isInitializeRequest,
  type JSONRPCMessage,
} from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'
import { parseJson } from './json.ts'
import { closeAfterTest } from './scope.ts'
import { signal, type Signal } from './wait-for.ts'

export interface V1Server {
  readonly url: string
  /** How often each tool ran. */
  readonly runs: ReadonlyMap<string, number>
  /** The texts that `echo` was called with. */
  readonly echoed: readonly string[]
  /** Calls of `wait` that were cancelled. */
  readonly cancelled: readonly string[]
  /** Lets the tools `wait` and `suspend` go on. */
  readonly release: Signal
  /** Tells every session that the list of tools has changed. */
  announceTools(): void
  readonly sessions: number
  close(): Promise<void>
}

/** Keeps every event, so that a client that comes back gets what it missed. */
class MemoryEventStore implements EventStore {
  readonly #events = new Map<
    string,
    { readonly stream: string; readonly message: JSONRPCMessage }
  >()
  #next = 0

  async storeEvent(stream: string, message: JSONRPCMessage): Promise<string> {
    this.#next += 1
    const id = `${stream}_${this.#next}`
    this.#events.set(id, { stream, message })
    return id
  }

  async getStreamIdForEventId(id: string): Promise<string | undefined> {
    return this.#events.get(id)?.stream
  }

  async replayEventsAfter(
    lastEventId: string,
    { send }: { send: (id: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string> {
    const stream = this.#events.get(lastEventId)?.stream ?? ''
    let found = false
    for (const [id, event] of this.#events) {
      if (found && event.stream === stream && 'jsonrpc' in event.message) {
        await send(id, event.message)
      }
      if (id === lastEventId) found = true
    }
    return stream
  }
}

interface Session {
  readonly server: McpServer
  readonly transport: StreamableHTTPServerTransport
}

export interface V1ServerOptions {
  readonly json?: boolean
  /** How long `echo` takes. */
  readonly echoMs?: number
}

export async function startV1Server(options: V1ServerOptions = {}): Promise<V1Server> {
  const sessions = new Map<string, Session>()
  const runs = new Map<string, number>()
  const cancelled: string[] = []
  const echoed: string[] = []
  const release = signal()

  const open = async (): Promise<Session> => {
    const server = createToolServer({
      runs,
      cancelled,
      echoed,
      echoMs: options.echoMs ?? 0,
      release,
    })
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      enableJsonResponse: options.json ?? false,
      onsessioninitialized: (id) => void sessions.set(id, session),
      onsessionclosed: (id) => void sessions.delete(id),
      ...(options.json === true ? {} : { eventStore: new MemoryEventStore(), retryInterval: 20 }),
    })
    const session: Session = { server, transport }
    await server.connect(transport)
    return session
  }

  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const id = request.headers['mcp-session-id']
    const known = typeof id === 'string' ? sessions.get(id) : undefined
    if (known !== undefined) return known.transport.handleRequest(request, response)
    const body = request.method === 'POST' ? await readJson(request) : undefined
    if (id === undefined && isInitializeRequest(body)) {
      const { transport } = await open()
      return transport.handleRequest(request, response, body)
    }
    const missing = id === undefined
    response.writeHead(missing ? 400 : 404, { 'Content-Type': 'application/json' })
    response.end(
      JSON.stringify({
        jsonrpc: '2.0',
        id: null,
        error: missing
          ? { code: -32000, message: 'Bad Request: Mcp-Session-Id header is required' }
          : { code: -32001, message: 'Session not found' },
      }),
    )
  }

  const server = createServer((request, response) => void receive(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const close = async (): Promise<void> => {
    release.resolve()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    for (const session of sessions.values()) await session.server.close()
  }
  closeAfterTest(close)
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    runs,
    echoed,
    cancelled,
    release,
    announceTools: () => {
      for (const session of sessions.values()) session.server.sendToolListChanged()
    },
    get sessions() {
      return sessions.size
    },
    close,
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = []
  request.on('data', (chunk: Buffer) => pieces.push(chunk))
  await once(request, 'end')
  return parseJson(Buffer.concat(pieces))
}

interface ToolParts {
  readonly runs: Map<string, number>
  readonly cancelled: string[]
  readonly echoed: string[]
  readonly echoMs: number
  readonly release: Signal
}

function createToolServer({ runs, cancelled, echoed, echoMs, release }: ToolParts): McpServer {
  const server = new McpServer(
    { name: 'v1', version: '1.0.0' },
    { capabilities: { logging: {}, tools: { listChanged: true } } },
  )
  const ran = (name: string): void => void runs.set(name, (runs.get(name) ?? 0) + 1)
  const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] })

  server.registerTool('echo', { inputSchema: { text: z.string() } }, async (args) => {
    ran('echo')
    echoed.push(args.text)
    if (echoMs > 0) await sleep(echoMs)
    return text(args.text)
  })
  server.registerTool('fail', {}, () => {
    ran('fail')
    return { ...text('it failed'), isError: true }
  })
  server.registerTool('progress', {}, async (extra) => {
    const token = extra._meta?.progressToken
    if (token === undefined) return text('nobody asked for progress')
    for (let progress = 1; progress <= 3; progress += 1) {
      await extra.sendNotification({
        method: 'notifications/progress',
        params: { progressToken: token, progress, total: 3 },
      })
    }
    return text('progressed')
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
  server.registerTool('elicit', {}, async (extra) => {
    const reply = await extra.sendRequest(
      {
        method: 'elicitation/create',
        params: {
          mode: 'form',
          message: 'name?',
          requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
        },
      },
      ElicitResultSchema,
    )
    return text(`elicited ${JSON.stringify(reply.content)}`)
  })
  server.registerTool('wait', {}, async (extra) => {
    ran('wait')
    const aborted = new Promise<void>((resolve) =>
      extra.signal.addEventListener('abort', () => resolve()),
    )
    await Promise.race([release.promise, aborted])
    if (extra.signal.aborted) cancelled.push(String(extra.requestId))
    return text('waited')
  })
  server.registerTool('suspend', {}, async (extra) => {
    ran('suspend')
    extra.closeSSEStream?.()
    await release.promise
    return text('resumed')
  })
  server.registerResource('fixed', 'test://fixed', { mimeType: 'text/plain' }, (uri) => ({
    contents: [{ uri: uri.href, text: 'fixed text' }],
  }))
  server.registerResource(
    'templated',
    new ResourceTemplate('test://item/{id}', { list: undefined }),
    {},
    (uri, { id }) => ({ contents: [{ uri: uri.href, text: `item ${String(id)}` }] }),
  )
  server.registerPrompt('greet', { argsSchema: { name: z.string() } }, ({ name }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Hello ${name}` } }],
  }))
  return server
}
