/**
 * The conformance fixtures over Streamable HTTP, for both eras on one endpoint: sessions with an
 * event store for the 2025 revisions, the stateless handler of the official SDK v2 for 2026-07-28.
 *
 * Listens on 127.0.0.1 at `PORT` (0 for any) and prints `{"port":…}` as one line.
 */

import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import {
  localhostHostValidation,
  localhostOriginValidation,
  NodeStreamableHTTPServerTransport,
  toNodeHandler,
  toWebRequest,
  type NodeIncomingMessageLike,
} from '@modelcontextprotocol/node'
import {
  createMcpHandler,
  isInitializeRequest,
  isLegacyRequest,
} from '@modelcontextprotocol/server'
import { MemoryEventStore } from './event-store.ts'
import { createFixtureServer } from './fixture-server.ts'

/** When a client whose stream was closed shall come back. */
const RETRY_MS = 100

const sessions = new Map<string, NodeStreamableHTTPServerTransport>()
const hostAllowed = localhostHostValidation()
const originAllowed = localhostOriginValidation()
const modern = createMcpHandler(
  () =>
    createFixtureServer({
      tools: () => modern.notify.toolsChanged(),
      prompts: () => modern.notify.promptsChanged(),
    }),
  { legacy: 'reject' },
)
const modernListener = toNodeHandler(modern)

const server = createServer((request, response) => {
  receive(request, response).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    response.destroy()
  })
})

server.listen(Number(process.env['PORT'] ?? '0'), '127.0.0.1', () => {
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  process.stdout.write(`${JSON.stringify({ port })}\n`)
})

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!hostAllowed(request, response) || !originAllowed(request, response)) return
  const body = request.method === 'POST' ? parse(await buffer(request)) : undefined
  if (request.method === 'POST' && body === undefined) {
    return refuse(response, 400, -32700, 'Parse error')
  }
  // The SDK's own types disagree under exactOptionalPropertyTypes.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Node's request is what it wants
  const like = request as unknown as NodeIncomingMessageLike
  if (!(await isLegacyRequest(await toWebRequest(like, body)))) {
    return modernListener(like, response, body)
  }
  const id = request.headers['mcp-session-id']
  const known = typeof id === 'string' ? sessions.get(id) : undefined
  if (known !== undefined) return known.handleRequest(request, response, body)
  if (id !== undefined) return refuse(response, 404, -32001, 'Session not found')
  if (!isInitializeRequest(body)) {
    return refuse(response, 400, -32000, 'Bad Request: Mcp-Session-Id header is required')
  }
  await (await openSession()).handleRequest(request, response, body)
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

function refuse(response: ServerResponse, status: number, code: number, message: string): void {
  response.writeHead(status, { 'Content-Type': 'application/json' })
  response.end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code, message } }))
}

async function openSession(): Promise<NodeStreamableHTTPServerTransport> {
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    onsessioninitialized: (id) => void sessions.set(id, transport),
    onsessionclosed: (id) => void sessions.delete(id),
    eventStore: new MemoryEventStore(),
    retryInterval: RETRY_MS,
  })
  await createFixtureServer().connect(transport)
  return transport
}
