/**
 * A small MCP server of revision 2026-07-28 on the official SDK: a town library.
 *
 * Its tools fail, dawdle and report progress as tools in the wild do.
 */

import { createServer, type IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import {
  localhostHostValidation,
  localhostOriginValidation,
  toNodeHandler,
} from '@modelcontextprotocol/node'
import {
  createMcpHandler,
  fromJsonSchema,
  McpServer,
  type CallToolResult,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { endWithParent, onOrder, reportReady } from './parent.ts'
import { between, createRandom } from './random.ts'

const SEED = 1605

const BOOKS: readonly { readonly id: string; readonly title: string; readonly author: string }[] = [
  { id: 'b1', title: 'The Sea, the Sea', author: 'Iris Murdoch' },
  { id: 'b2', title: 'Moby-Dick', author: 'Herman Melville' },
  { id: 'b3', title: 'The Sea Around Us', author: 'Rachel Carson' },
  { id: 'b4', title: 'Don Quixote', author: 'Miguel de Cervantes' },
  { id: 'b5', title: 'The Name of the Rose', author: 'Umberto Eco' },
  { id: 'b6', title: 'A Room of One’s Own', author: 'Virginia Woolf' },
]

const byId = fromJsonSchema<{ id: string }>({
  type: 'object',
  properties: { id: { type: 'string', description: 'A book id, such as b1' } },
  required: ['id'],
})

const byQuery = fromJsonSchema<{ query: string }>({
  type: 'object',
  properties: { query: { type: 'string', description: 'Words of the title or the author' } },
  required: ['query'],
})

endWithParent()
onOrder((order) => {
  if (order.kind === 'stop') process.exit(0)
})

const random = createRandom(SEED)

function text(value: string): CallToolResult {
  return { content: [{ type: 'text', text: value }] }
}

function toolError(value: string): CallToolResult {
  return { ...text(value), isError: true }
}

function createLibrary(): McpServer {
  const server = new McpServer({ name: 'library', version: '1.0.0' })
  server.registerTool(
    'search_books',
    { description: 'Find books by title or author', inputSchema: byQuery },
    async ({ query }) => {
      await delay(between(random, 5, 60))
      const word = query.toLowerCase()
      const found = BOOKS.filter(({ title, author }) =>
        `${title} ${author}`.toLowerCase().includes(word),
      )
      return text(JSON.stringify(found))
    },
  )
  server.registerTool(
    'get_book',
    { description: 'One book by its id', inputSchema: byId },
    async ({ id }) => {
      await delay(between(random, 2, 15))
      const book = BOOKS.find((one) => one.id === id)
      return book === undefined ? toolError(`No book ${id}`) : text(JSON.stringify(book))
    },
  )
  server.registerTool(
    'reserve_book',
    { description: 'Reserve a book; fails when every copy is on loan', inputSchema: byId },
    async ({ id }) => {
      await delay(between(random, 20, 120))
      return random() < 0.5
        ? toolError(`Every copy of ${id} is on loan`)
        : text(`${id} is yours until Friday`)
    },
  )
  server.registerTool(
    'search_archive',
    { description: 'Search the cellar archive; takes seconds', inputSchema: byQuery },
    async ({ query }, context) => searchArchive(query, context),
  )
  server.registerResource(
    'opening-hours',
    'library://opening-hours',
    { mimeType: 'text/plain' },
    async (uri) => ({ contents: [{ uri: uri.href, text: 'Monday to Friday, 10 to 18' }] }),
  )
  server.registerPrompt('recommend_book', { description: 'Ask for a recommendation' }, () => ({
    messages: [{ role: 'user', content: { type: 'text', text: 'Recommend one of our books.' } }],
  }))
  return server
}

const ARCHIVE_STEPS = 5

async function searchArchive(query: string, { mcpReq }: ServerContext): Promise<CallToolResult> {
  const stepMs = between(random, 200, 600)
  const progressToken = mcpReq._meta?.progressToken
  for (let progress = 1; progress <= ARCHIVE_STEPS; progress += 1) {
    await delay(stepMs, undefined, { signal: mcpReq.signal })
    if (progressToken === undefined) continue
    await mcpReq.notify({
      method: 'notifications/progress',
      params: { progressToken, progress, total: ARCHIVE_STEPS },
    })
  }
  return text(`The archive holds ${between(random, 0, 9)} entries on ${query}`)
}

const handle = toNodeHandler(createMcpHandler(createLibrary))
const hostIsLocal = localhostHostValidation()
const originIsLocal = localhostOriginValidation()

const server = createServer((request, response) => {
  if (!hostIsLocal(request, response) || !originIsLocal(request, response)) return
  if (isWhole(request)) void handle(request, response)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  reportReady(typeof address === 'object' && address !== null ? address.port : undefined)
})

/** True of every request that a server gets; Node's type is that of a client's replies too. */
function isWhole(
  request: IncomingMessage,
): request is IncomingMessage & { method: string; url: string } {
  return request.method !== undefined && request.url !== undefined
}
