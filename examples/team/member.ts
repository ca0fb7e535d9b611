/** What a member of the team sees and may do, by the token in TOKEN. */

import {
  Client,
  StreamableHTTPClientTransport,
  type CallToolResult,
} from '@modelcontextprotocol/client'

const SIDELIGHT = process.env['SIDELIGHT_URL'] ?? 'http://127.0.0.1:8420'
const headers = { authorization: `Bearer ${process.env['TOKEN']}` }

async function connect(upstream: string): Promise<Client> {
  const client = new Client(
    { name: 'member', version: '1.0.0' },
    { versionNegotiation: { mode: 'auto' } },
  )
  const url = new URL(`${SIDELIGHT}/${upstream}/mcp`)
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }))
  return client
}

function show({ content, isError }: CallToolResult): string {
  const text = content.map((block) => (block.type === 'text' ? block.text : block.type)).join('\n')
  return isError === true ? `refused. ${text}` : text
}

for (const upstream of ['docs', 'everything']) {
  try {
    const client = await connect(upstream)
    const { tools } = await client.listTools()
    console.log(`${upstream}: ${tools.map(({ name }) => name).join(', ')}`)
    await client.close()
  } catch {
    console.log(`${upstream}: nothing`)
  }
}

const docs = await connect('docs')
const found = await docs.callTool({ name: 'search_pages', arguments: { words: 'drafts' } })
console.log(`search_pages: ${show(found)}`)
for (const page of ['handbook', 'drafts/plans']) {
  const removed = await docs.callTool({ name: 'remove_page', arguments: { page } })
  console.log(`remove_page ${page}: ${show(removed)}`)
}
await docs.close()
