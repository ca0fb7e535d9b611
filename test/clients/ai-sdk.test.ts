/** Vercel's AI SDK: a client of its own, on neither official SDK. */

import { createMCPClient, type MCPClientConfig } from '@ai-sdk/mcp'
import { StdioMCPTransport } from '@ai-sdk/mcp/mcp-stdio'
import { showResult, testEveryRoute, type Driver } from './conversation.ts'

const FAILURE = { text: 'it failed', failed: 'isError' }

testEveryRoute({
  name: 'the AI SDK over HTTP',
  era: 'auto',
  http: (url) => connect({ type: 'http', url }),
  failure: FAILURE,
})

// A program that takes longer than a second for its first answer is taken for an older one.
testEveryRoute({
  name: 'the AI SDK over stdio',
  era: 'either',
  stdio: (program) => connect(new StdioMCPTransport({ ...program, stderr: 'ignore' })),
  failure: FAILURE,
})

const OPTIONS = { toolCallId: 'call', messages: [], context: {} }

async function connect(transport: MCPClientConfig['transport']): Promise<Driver> {
  const client = await createMCPClient({ transport })
  return {
    tools: async () => Object.keys(await client.tools()),
    call: async (name, args = {}) => {
      const tool = (await client.tools())[name]
      if (tool === undefined) throw new Error(`no tool ${name}`)
      const result: unknown = await tool.execute(args, OPTIONS)
      return showResult(typeof result === 'object' && result !== null ? result : {})
    },
    close: () => client.close(),
  }
}
