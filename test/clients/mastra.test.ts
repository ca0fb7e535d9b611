/** Mastra: tools for its agents, on an early release of the official SDK v2. */

import { randomUUID } from 'node:crypto'
import { noopLogger } from '@mastra/core/logger'
import { noopObserve } from '@mastra/core/tools'
import { MCPClient, type MastraMCPServerDefinition } from '@mastra/mcp'
import { showResult, testEveryRoute, type Driver } from './conversation.ts'

testEveryRoute({
  name: 'Mastra',
  era: 'auto',
  http: (url) => connect({ url: new URL(url) }),
  stdio: (program) => connect({ stderr: 'ignore', ...program }),
  failure: { text: 'it failed', failed: 'MCP_CLIENT_TOOL_EXECUTION_FAILED' },
  toolName: (tool) => `main_${tool}`,
})

async function connect(server: MastraMCPServerDefinition): Promise<Driver> {
  const client = new MCPClient({ id: randomUUID(), servers: { main: server } })
  // It logs every error of a tool to the console.
  client.__setLogger(noopLogger)
  const tools = await client.listTools()
  return {
    tools: async () => Object.keys(tools),
    call: async (name, args = {}) => {
      const tool = tools[`main_${name}`]
      if (tool?.execute === undefined) throw new Error(`no tool ${name}`)
      try {
        const result: unknown = await tool.execute(args, { observe: noopObserve })
        return showResult(typeof result === 'object' && result !== null ? result : {})
      } catch (error) {
        if (!(error instanceof Error) || !('id' in error)) throw error
        return { text: error.message, failed: String(error.id) }
      }
    },
    close: () => client.disconnect(),
  }
}
