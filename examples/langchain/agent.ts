/** A LangChain agent whose tools are those of an MCP server behind Sidelight. */

import { AIMessage, ToolMessage } from '@langchain/core/messages'
import { fakeModel } from '@langchain/core/testing'
import { MultiServerMCPClient } from '@langchain/mcp-adapters'
import { trace } from '@opentelemetry/api'
import { createAgent } from 'langchain'
import { startTelemetry } from './telemetry.ts'

const SIDELIGHT = process.env['SIDELIGHT_URL'] ?? 'http://127.0.0.1:8420'
const ADMIN = process.env['SIDELIGHT_ADMIN_URL'] ?? 'http://127.0.0.1:9464'

// A model with fixed answers, so that no key is needed. Yours: model: 'openai:gpt-5', for example.
const model = fakeModel()
  .respondWithTools([{ name: 'get_weather', args: { city: 'Oslo' } }])
  .respondWithTools([{ name: 'get_weather', args: { city: 'Atlantis' } }])
  .respond(
    (messages) =>
      new AIMessage(
        messages
          .filter((message) => ToolMessage.isInstance(message))
          .map(({ text }) => text)
          .join('. '),
      ),
  )

const telemetry = startTelemetry('weather-agent')
const mcp = new MultiServerMCPClient({
  mcpServers: { weather: { transport: 'http', url: `${SIDELIGHT}/mcp` } },
})

await trace.getTracer('weather-agent').startActiveSpan('ask the agent', async (span) => {
  const agent = createAgent({ model, tools: await mcp.getTools() })
  const { messages } = await agent.invoke({
    messages: [{ role: 'user', content: 'How warm is it in Oslo, and in Atlantis?' }],
  })
  span.end()
  const { traceId } = span.spanContext()
  console.log(messages.at(-1)?.text)
  console.log(`trace ${traceId}`)
  console.log(`  on the status page: ${ADMIN}/`)
  console.log(`  as JSON:            ${ADMIN}/api/v1/calls/${traceId}`)
})

await mcp.close()
await telemetry.stop()
