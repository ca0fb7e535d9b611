/** mcp-remote: what hosts that only start programs use to reach a server over HTTP. */

import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { driveSdk, testEveryRoute, type Driver } from './conversation.ts'
import { makeHome } from './program.ts'
import { HTTP, throughWrap, type Program, type Route } from './routes.ts'

const PROXY = fileURLToPath(new URL('node_modules/mcp-remote/dist/proxy.js', import.meta.url))
const OPTIONS = ['--transport', 'http-only']

const FAILURE = { text: 'it failed', failed: 'isError' }

testEveryRoute({
  name: 'a host behind mcp-remote',
  era: 'legacy',
  http: async (url) =>
    connect({
      command: process.execPath,
      args: [PROXY, url, ...OPTIONS],
      env: { PATH: process.env['PATH'] ?? '', HOME: await makeHome() },
    }),
  failure: FAILURE,
})

testEveryRoute(
  { name: 'a host whose mcp-remote is wrapped', era: 'legacy', stdio: connect, failure: FAILURE },
  (['v1', 'v2'] as const).map((server): Route => ({
    name: `over stdio to an HTTP server on SDK ${server}`,
    from: 'stdio',
    server,
    process: false,
    open: async () => {
      const { url } = await HTTP[server]()
      return throughWrap('--', process.execPath, PROXY, url, ...OPTIONS)
    },
  })),
)

/** The host: it knows of no HTTP. */
async function connect(program: Program): Promise<Driver> {
  const client = new Client({ name: 'host', version: '1.0.0' })
  await client.connect(new StdioClientTransport({ ...program, stderr: 'ignore' }))
  return driveSdk(client, (name, options) =>
    client.callTool({ name, arguments: {} }, CallToolResultSchema, options),
  )
}
