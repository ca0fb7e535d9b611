/**
 * A process that answers like an MCP server, as cheaply as it can.
 *
 * `/json/BYTES/1` answers a call with a JSON-RPC result of that length, `/sse/BYTES/EVENTS` with the
 * same as the last of so many server-sent events, each written by itself. The request's id is echoed.
 * It is a server with sessions that also takes calls without one; a GET holds a silent stream open.
 */

import { createServer, type Socket } from 'node:net'
import { MessageReader } from '../framing.ts'
import { EVENT_CLOSE, EVENT_OPEN, progressEvents } from '../reply.ts'
import { serve } from './serve.ts'

/** What comes before the id and after it; each text is written by itself. */
interface Template {
  readonly first: readonly string[]
  readonly before: string
  readonly after: string
}

const BYTES_MAX = 8 * 1024 * 1024
const EVENTS_MAX = 1_000
const TEMPLATES_MAX = 64

/** The id and the method of a request stand in its first bytes, however long it is. */
const HEAD_BYTES = 512

const NOT_FOUND = 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'
const ACCEPTED = 'HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n'
const ENDED = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
const STREAM =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n' +
  'Transfer-Encoding: chunked\r\n\r\n4\r\n: \n\n\r\n'

const RESULTS: Readonly<Record<string, string>> = {
  initialize:
    '"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1"}}',
  'tools/list':
    '"result":{"tools":[{"name":"search","inputSchema":{"type":"object","properties":{"query":{"type":"string"},"limit":{"type":"integer"}}}}]}',
  ping: '"result":{}',
}
const UNKNOWN = '"error":{"code":-32601,"message":"there is no such method"}'

// By path and length of the id, because the id counts in the length of the answer.
const templates = new Map<string, Template>()
let sessions = 0

function answer(socket: Socket, head: string, body: Buffer): void {
  // mcp-remote looks for metadata of an authorization server, of which there is none.
  if (head.startsWith('GET '))
    return write(socket, head.includes('/.well-known/') ? NOT_FOUND : STREAM)
  if (head.startsWith('DELETE ')) return write(socket, ENDED)
  const text = body.toString('latin1', 0, HEAD_BYTES)
  const id = /"id":(\d+|"[^"]*")/.exec(text)?.[1]
  if (id === undefined) return write(socket, ACCEPTED)
  if (!text.includes('"tools/call"')) return write(socket, answerOther(text, id))
  const path = head.slice(head.indexOf(' ') + 1, head.indexOf(' HTTP/'))
  const template = findTemplate(path, id.length)
  if (template === undefined) return write(socket, NOT_FOUND)
  for (const event of template.first) write(socket, event)
  write(socket, template.before + id + template.after)
}

function write(socket: Socket, text: string): void {
  socket.write(text, 'latin1')
}

function answerOther(text: string, id: string): string {
  const method = /"method":"([^"]+)"/.exec(text)?.[1] ?? ''
  const message = `{"jsonrpc":"2.0","id":${id},${RESULTS[method] ?? UNKNOWN}}`
  let session = ''
  if (method === 'initialize') {
    sessions += 1
    session = `Mcp-Session-Id: ${String(sessions).padStart(12, '0')}-bench-session-of-36-c\r\n`
  }
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${session}Content-Length: ${message.length}\r\n\r\n${message}`
}

function findTemplate(path: string, idLength: number): Template | undefined {
  const key = `${path} ${idLength}`
  const known = templates.get(key)
  if (known !== undefined) return known
  const [, form, size, count] = /^\/(json|sse)\/(\d+)\/(\d+)$/.exec(path) ?? []
  const bytes = Number(size)
  const events = Number(count)
  if (form === undefined || bytes > BYTES_MAX || events > EVENTS_MAX) return undefined
  if (templates.size >= TEMPLATES_MAX) return undefined
  const { before, after } = createMessage(bytes, idLength)
  const template =
    form === 'json' ? asJson(before, after, bytes) : asEvents(before, after, bytes, events)
  templates.set(key, template)
  return template
}

function createMessage(bytes: number, idLength: number): { before: string; after: string } {
  const before = '{"jsonrpc":"2.0","id":'
  const open = ',"result":{"content":[{"type":"text","text":"'
  const close = '"}],"isError":false}}'
  const text = 'x'.repeat(
    Math.max(0, bytes - before.length - idLength - open.length - close.length),
  )
  return { before, after: open + text + close }
}

function asJson(before: string, after: string, bytes: number): Template {
  const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n`
  return { first: [], before: head + before, after }
}

function asEvents(before: string, after: string, bytes: number, events: number): Template {
  const head =
    'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n' +
    'Transfer-Encoding: chunked\r\n\r\n'
  const first = progressEvents(events).map(
    (event, at) => `${at === 0 ? head : ''}${event.length.toString(16)}\r\n${event}\r\n`,
  )
  const chunk = (EVENT_OPEN.length + bytes + EVENT_CLOSE.length).toString(16)
  return {
    first,
    before: `${first.length === 0 ? head : ''}${chunk}\r\n${EVENT_OPEN}${before}`,
    after: `${after}${EVENT_CLOSE}\r\n0\r\n\r\n`,
  }
}

function accept(socket: Socket): void {
  const reader = new MessageReader((head, body) => answer(socket, head, body))
  socket.on('data', (bytes: Buffer) => {
    try {
      reader.push(bytes)
    } catch {
      socket.destroy()
    }
  })
  // The proxy may close its connections as it likes.
  socket.on('error', () => socket.destroy())
}

serve(createServer({ noDelay: true }, accept))
