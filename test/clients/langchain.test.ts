/** LangChain's adapters: tools for its agents, on the official SDK v1. */

import { MultiServerMCPClient, type Connection } from '@langchain/mcp-adapters'
import { testEveryRoute, textOf, type Driver } from './conversation.ts'

testEveryRoute({
  name: 'LangChain',
  era: 'legacy',
  http: (url) => connect({ transport: 'http', url }),
  stdio: (program) => connect({ transport: 'stdio', stderr: 'ignore', ...program }),
  failure: {
    text: "MCP tool 'fail' on server 'main' returned an error: it failed",
    failed: 'ToolException',
  },
})

async function connect(connection: Connection): Promise<Driver> {
  const client = new MultiServerMCPClient({ main: connection })
  const tools = await client.getTools()
  return {
    tools: async () => tools.map(({ name }) => name),
    call: async (name, args = {}) => {
      const tool = tools.find((one) => one.name === name)
      if (tool === undefined) throw new Error(`no tool ${name}`)
      try {
        return { text: textOf(await tool.invoke(args)) }
      } catch (error) {
        if (!(error instanceof Error)) throw error
        return { text: error.message, failed: error.name }
      }
    },
    close: () => client.close(),
  }
}
