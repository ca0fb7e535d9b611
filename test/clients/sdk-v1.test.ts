/** The official SDK v1: the client in most hosts of the older revisions. */

import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { CallToolResultSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { driveSdk, FORM, testEveryRoute, type Driver } from './conversation.ts'

testEveryRoute({
  name: 'the official SDK v1',
  era: 'legacy',
  http: (url) => connect(new StreamableHTTPClientTransport(new URL(url))),
  stdio: (program) => connect(new StdioClientTransport({ ...program, stderr: 'ignore' })),
  more: true,
  failure: { text: 'it failed', failed: 'isError' },
})

async function connect(transport: Parameters<Client['connect']>[0]): Promise<Driver> {
  const client = new Client(
    { name: 'sdk-v1', version: '1.0.0' },
    { capabilities: { elicitation: {} } },
  )
  client.setRequestHandler(ElicitRequestSchema, () => FORM)
  await client.connect(transport)
  return driveSdk(client, (name, options) =>
    client.callTool({ name, arguments: {} }, CallToolResultSchema, options),
  )
}
