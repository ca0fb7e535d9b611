/** OpenAI's Agents SDK: MCP servers for its agents, on the official SDK v2. */

import { MCPServerStdio, MCPServerStreamableHttp } from '@openai/agents'
import { showResult, testEveryRoute, type Driver } from './conversation.ts'

/** In place of 5 s, which a busy machine needs to start two programs. */
const clientSessionTimeoutSeconds = 30

testEveryRoute({
  name: "OpenAI's Agents SDK",
  era: 'auto',
  http: (url) => connect(new MCPServerStreamableHttp({ url, clientSessionTimeoutSeconds })),
  stdio: (program) => connect(new MCPServerStdio({ ...program, clientSessionTimeoutSeconds })),
  failure: { text: 'it failed', failed: 'isError' },
})

/** What its servers for either transport have in common. */
interface AgentServer {
  connect(): Promise<void>
  listTools(): Promise<readonly { readonly name: string }[]>
  callToolResult(name: string, args: Record<string, unknown>): Promise<object>
  close(): Promise<void>
}

async function connect(server: AgentServer): Promise<Driver> {
  await server.connect()
  return {
    tools: async () => (await server.listTools()).map(({ name }) => name),
    call: async (name, args = {}) => showResult(await server.callToolResult(name, args)),
    close: () => server.close(),
  }
}
