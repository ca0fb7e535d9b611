/**
 * A process that answers like an MCP server, as cheaply as it can.
 *
 * `/json/BYTES` answers with a JSON-RPC result of that length, `/sse/BYTES` with the same as one
 * server-sent event. The request's id is echoed; nothing else of the request is looked at.
 */

import { createServer, type Socket } from 'node:net'
import { MessageReader } from '../framing.ts'
import { serve } from './serve.ts'

interface Template {
  readonly before: string
  readonly after: string
}

const BYTES_MAX = 1024 * 1024
const TEMPLATES_MAX = 64
const NOT_FOUND = 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'

// By path and length of the id, because the id counts in the length of the answer.
const templates = new Map<string, Template>()

function answer(head: string, body: Buffer): string {
  const path = head.slice(head.indexOf(' ') + 1, head.indexOf(' HTTP/'))
  // The load generator writes the id first, so this is cheap however long the message is.
  const id = /"id":(\d+|"[^"]*")/.exec(body.toString('latin1', 0, 256))?.[1]
  if (id === undefined) return NOT_FOUND
  const template = findTemplate(path, id.length)
  return template === undefined ? NOT_FOUND : template.before + id + template.after
}

function findTemplate(path: string, idLength: number): Template | undefined {
  const key = `${path} ${idLength}`
  const known = templates.get(key)
  if (known !== undefined) return known
  const [, form, size] = /^\/(json|sse)\/(\d+)$/.exec(path) ?? []
  const bytes = Number(size)
  if (form === undefined || bytes > BYTES_MAX || templates.size >= TEMPLATES_MAX) return undefined
  const message = createMessage(bytes, idLength)
  const template = form === 'json' ? asJson(message, bytes) : asEvent(message, bytes)
  templates.set(key, template)
  return template
}

function createMessage(bytes: number, idLength: number): Template {
  const before = '{"jsonrpc":"2.0","id":'
  const open = ',"result":{"content":[{"type":"text","text":"'
  const close = '"}],"isError":false}}'
  const text = 'x'.repeat(
    Math.max(0, bytes - before.length - idLength - open.length - close.length),
  )
  return { before, after: open + text + close }
}

function asJson(message: Template, bytes: number): Template {
  const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n`
  return { before: head + message.before, after: message.after }
}

function asEvent(message: Template, bytes: number): Template {
  const open = 'event: message\ndata: '
  const close = '\n\n'
  const chunk = (open.length + bytes + close.length).toString(16)
  const head =
    'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n' +
    `Transfer-Encoding: chunked\r\n\r\n${chunk}\r\n`
  return {
    before: head + open + message.before,
    after: `${message.after}${close}\r\n0\r\n\r\n`,
  }
}

function accept(socket: Socket): void {
  const reader = new MessageReader((head, body) => {
    socket.write(answer(head, body), 'latin1')
  })
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
