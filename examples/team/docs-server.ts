/** An MCP server over a few pages. */

import { createServer } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'

const pages = new Set(['handbook', 'on-call', 'drafts/plans'])

function createDocsServer(): McpServer {
  const server = new McpServer({ name: 'docs', version: '1.0.0' })
  const search = { description: 'Pages by name', inputSchema: z.object({ words: z.string() }) }
  server.registerTool('search_pages', search, ({ words }) =>
    text([...pages].filter((page) => page.includes(words)).join(', ')),
  )
  const remove = { description: 'Remove a page', inputSchema: z.object({ page: z.string() }) }
  server.registerTool('remove_page', remove, ({ page }) =>
    text(pages.delete(page) ? `removed ${page}` : `there is no ${page}`),
  )
  return server
}

function text(value: string): { content: { type: 'text'; text: string }[] } {
  return { content: [{ type: 'text', text: value }] }
}

const handler = toNodeHandler(createMcpHandler(createDocsServer))
const http = createServer((request, response) => void handler(request, response))

http.listen(Number(process.env['PORT'] ?? 3001), '127.0.0.1', () => {
  const address = http.address()
  const port = typeof address === 'object' ? address?.port : address
  console.log(`docs server at http://127.0.0.1:${port}/mcp`)
})
