/**
 * The server of a soak: what it does is in the name of the tool that is called. It makes sessions, and
 * answers each GET with a stream on which nothing comes.
 *
 * `list_hang` never answers, `list_fail` says that it failed, `list_stream_N` answers with a stream of N
 * megabytes as events of 64 KB, as fast as they are read, and everything else answers at once.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { serve } from './serve.ts'

const BODY_BYTES_MAX = 1024 * 1024
const EVENT_BYTES = 65_536

interface Request {
  readonly id?: number | string
  readonly method: string
  readonly params?: { readonly name?: string; readonly protocolVersion?: string }
}

let sessions = 0

function resultOf({ method, params }: Request): unknown {
  if (method === 'initialize') {
    return {
      protocolVersion: params?.protocolVersion ?? '2025-06-18',
      capabilities: { tools: {} },
      serverInfo: { name: 'soak', version: '1' },
    }
  }
  if (method === 'tools/list') {
    return { tools: [{ name: 'search', inputSchema: { type: 'object' } }] }
  }
  if (method !== 'tools/call') return {}
  const text = { type: 'text', text: 'x'.repeat(100) }
  return { content: [text], isError: params?.name === 'list_fail' }
}

function answer(request: Request, response: ServerResponse): void {
  if (request.id === undefined) {
    response.writeHead(202).end()
    return
  }
  const name = request.params?.name ?? ''
  if (name === 'list_hang') return
  const message = JSON.stringify({ jsonrpc: '2.0', id: request.id, result: resultOf(request) })
  const megabytes = /^list_stream_(\d+)$/.exec(name)?.[1]
  if (megabytes !== undefined) return stream(response, Number(megabytes), message)
  if (request.method === 'initialize') {
    sessions += 1
    response.setHeader('Mcp-Session-Id', `soak-${sessions}-${process.pid}`)
  }
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(message)
}

/** Progress of a long call, and its result as the last event. */
function stream(response: ServerResponse, megabytes: number, result: string): void {
  const start =
    '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1,"message":"'
  const event = `event: message\ndata: ${start}${'x'.repeat(EVENT_BYTES)}"}}\n\n`
  let left = Math.ceil((megabytes * 1_048_576) / EVENT_BYTES)
  const write = (): void => {
    while (left > 0) {
      left -= 1
      if (!response.write(event)) {
        response.once('drain', write)
        return
      }
    }
    response.end(`event: message\ndata: ${result}\n\n`)
  }
  response.writeHead(200, { 'Content-Type': 'text/event-stream' })
  write()
}

function take(incoming: IncomingMessage, response: ServerResponse): void {
  if (incoming.method === 'GET') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(': \n\n')
    return
  }
  if (incoming.method === 'DELETE') {
    response.writeHead(200).end()
    return
  }
  let text = ''
  incoming.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    if (text.length > BODY_BYTES_MAX) incoming.destroy()
  })
  incoming.on('end', () => answer(JSON.parse(text), response))
}

serve(createServer({ keepAliveTimeout: 60_000 }, take))
