/** The official SDK v2, in each of the ways it may find out what the server speaks. */

import {
  Client,
  StreamableHTTPClientTransport,
  type Transport,
  type VersionNegotiationOptions,
} from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import {
  driveSdk,
  FORM,
  testEveryRoute,
  type ClientUnderTest,
  type Driver,
} from './conversation.ts'

type Mode = NonNullable<VersionNegotiationOptions['mode']>

const MODES: readonly (readonly [string, ClientUnderTest['era'], Mode])[] = [
  ['the official SDK v2 as a legacy client', 'legacy', 'legacy'],
  ['the official SDK v2 that finds out the era', 'auto', 'auto'],
  ['the official SDK v2 pinned to 2026-07-28', 'modern', { pin: '2026-07-28' }],
]

for (const [name, era, mode] of MODES) {
  testEveryRoute({
    name,
    era,
    http: (url) => connect(new StreamableHTTPClientTransport(new URL(url)), mode),
    stdio: (program) => connect(new StdioClientTransport({ ...program, stderr: 'ignore' }), mode),
    more: true,
    failure: { text: 'it failed', failed: 'isError' },
  })
}

async function connect(transport: Transport, mode: Mode): Promise<Driver> {
  const client = new Client(
    { name: 'sdk-v2', version: '2.0.0' },
    { capabilities: { elicitation: { form: {} } }, versionNegotiation: { mode } },
  )
  client.setRequestHandler('elicitation/create', () => FORM)
  await client.connect(transport)
  return driveSdk(client, (name, options) => client.callTool({ name, arguments: {} }, options))
}
