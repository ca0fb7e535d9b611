/** An MCP server that keeps notes and knows nothing of OAuth. It says which requests brought a token. */

import { createServer } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'

const notes = ['water the plants']

function createNotesServer(): McpServer {
  const server = new McpServer({ name: 'notes', version: '1.0.0' })
  server.registerTool('read_notes', { description: 'All notes' }, () => text(notes.join('\n')))
  const add = { description: 'Add a note', inputSchema: z.object({ note: z.string() }) }
  server.registerTool('add_note', add, ({ note }) => text(`${notes.push(note)} notes`))
  return server
}

function text(value: string): { content: { type: 'text'; text: string }[] } {
  return { content: [{ type: 'text', text: value }] }
}

const handler = toNodeHandler(createMcpHandler(createNotesServer))
const http = createServer((request, response) => {
  console.log(request.headers.authorization === undefined ? 'no token came' : 'a token came')
  void handler(request, response)
})

http.listen(Number(process.env['PORT'] ?? 3001), '127.0.0.1', () => {
  const address = http.address()
  const port = typeof address === 'object' ? address?.port : address
  console.log(`notes server at http://127.0.0.1:${port}/mcp`)
})
