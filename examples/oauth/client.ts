/**
 * A client on the official SDK v2 that is sent away for a token, comes back with it, and is sent away
 * again when a tool needs a scope that the token does not have.
 */

import {
  Client,
  StreamableHTTPClientTransport,
  UnauthorizedError,
  type CallToolResult,
} from '@modelcontextprotocol/client'
import { Person } from './person.ts'

const SIDELIGHT = process.env['SIDELIGHT_URL'] ?? 'http://127.0.0.1:8420'
const { person, close } = await Person.listen()

/** Does the work; when it is refused for want of a token or a scope, once more with what was asked for. */
async function asPerson(work: (client: Client) => Promise<void>): Promise<void> {
  const transport = newTransport()
  const client = newClient()
  try {
    await client.connect(transport)
    await work(client)
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error
    console.log('sent to the authorization server')
    await transport.finishAuth(await person.back())
    const again = newClient()
    await again.connect(newTransport())
    await work(again)
    await again.close()
  } finally {
    await client.close()
  }
}

function newClient(): Client {
  return new Client({ name: 'notes-client', version: '1.0.0' })
}

function newTransport(): StreamableHTTPClientTransport {
  const url = new URL(`${SIDELIGHT}/notes/mcp`)
  return new StreamableHTTPClientTransport(url, { authProvider: person })
}

function textOf({ content }: CallToolResult): string {
  return content.map((block) => (block.type === 'text' ? block.text : block.type)).join('\n')
}

await asPerson(async (client) => {
  const { tools } = await client.listTools()
  console.log(`tools: ${tools.map(({ name }) => name).join(', ')}`)
  console.log(`read_notes: ${textOf(await client.callTool({ name: 'read_notes', arguments: {} }))}`)
})

await asPerson(async (client) => {
  const params = { name: 'add_note', arguments: { note: 'call Bob' } }
  console.log(`add_note: ${textOf(await client.callTool(params))}`)
  console.log(`scopes: ${person.tokens()?.scope}`)
})

close()
