/**
 * A server of revision 2025-11-25 with as many sessions as one likes: it does nothing but keep them
 * apart, so that a thousand of them cost little. Started by `session-server.ts`.
 *
 * Every answer and every notification says whose it is: the session's id, and the token that the
 * client has sent.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Broadcast } from './session-server.ts'

interface Call {
  readonly id?: number
  readonly method: string
  readonly params?: { readonly name?: string; readonly arguments?: { readonly token?: string } }
}

/** Sessions that are open, with the stream on which each is spoken to. */
const sessions = new Map<string, ServerResponse | undefined>()
let begun = 0

const JSON_TYPE = { 'Content-Type': 'application/json' }
const EVENTS_TYPE = { 'Content-Type': 'text/event-stream' }

/** 50 MiB and a little, in one result. */
const LARGE_PIECE = Buffer.alloc(64 * 1024, 'x')
const LARGE_PIECES = 800

let piecesTaken = 0

function message(method: string, data: string): string {
  return JSON.stringify({ jsonrpc: '2.0', method, params: { level: 'info', data } })
}

function push(session: string, token: string): void {
  sessions
    .get(session)
    ?.write(`data: ${message('notifications/message', `${session} ${token}`)}\n\n`)
}

const server = createServer((request, response) => {
  const session = String(request.headers['mcp-session-id'])
  if (request.method === 'POST')
    void readCall(request).then((call) => take(call, session, response))
  else if (!sessions.has(session)) response.writeHead(404).end()
  else if (request.method === 'GET') listen(session, response)
  else {
    sessions.get(session)?.end()
    sessions.delete(session)
    response.writeHead(200).end()
  }
})

async function readCall(request: IncomingMessage): Promise<Call> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only our own clients are answered
  return JSON.parse(text) as Call
}

function listen(session: string, response: ServerResponse): void {
  sessions.set(session, response)
  response.on('close', () => {
    if (sessions.get(session) === response) sessions.set(session, undefined)
  })
  response.writeHead(200, EVENTS_TYPE).flushHeaders()
}

function take(call: Call, session: string, response: ServerResponse): void {
  const { id, method, params } = call
  if (id === undefined) return void response.writeHead(202).end()
  if (method === 'initialize') return begin(id, response)
  if (!sessions.has(session)) return void response.writeHead(404).end()
  if (params?.name === 'large') return large(id, response)
  const token = params?.arguments?.token ?? ''
  const content = [{ type: 'text', text: `${session} ${token}` }]
  const answer = JSON.stringify({ jsonrpc: '2.0', id, result: { content } })
  push(session, token)
  // Both forms that an answer may have.
  if (id % 2 === 0) response.writeHead(200, JSON_TYPE).end(answer)
  else response.writeHead(200, EVENTS_TYPE).end(`data: ${answer}\n\n`)
}

function begin(id: number, response: ServerResponse): void {
  begun += 1
  const session = `session-${begun}`
  sessions.set(session, undefined)
  const result = {
    protocolVersion: '2025-11-25',
    capabilities: { tools: {}, logging: {} },
    serverInfo: { name: 'scale', version: '1.0.0' },
  }
  response
    .writeHead(200, { ...JSON_TYPE, 'Mcp-Session-Id': session })
    .end(JSON.stringify({ jsonrpc: '2.0', id, result }))
}

/** Writes only as fast as it is read. */
function large(id: number, response: ServerResponse): void {
  piecesTaken = 0
  response.writeHead(200, JSON_TYPE)
  response.write(`{"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","text":"`)
  const more = (): void => {
    while (piecesTaken < LARGE_PIECES) {
      piecesTaken += 1
      if (!response.write(LARGE_PIECE)) return void response.once('drain', more)
    }
    response.end('"}]}}')
  }
  more()
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our parent sends nothing else
process.on('message', (order: Broadcast | 'count') => {
  if (order === 'count') return void process.send?.({ sessions: sessions.size, piecesTaken })
  for (const session of sessions.keys()) push(session, order.broadcast)
})
process.on('disconnect', () => process.exit())

server.listen(0, '127.0.0.1', 4_096, () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') process.send?.({ port: address.port })
})
