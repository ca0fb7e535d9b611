/** An agent on the AI SDK whose tools are those of an MCP server behind Sidelight. */

import { createMCPClient } from '@ai-sdk/mcp'
import { trace } from '@opentelemetry/api'
import { generateText, isStepCount } from 'ai'
import { createModel } from './model.ts'
import { startTelemetry } from './telemetry.ts'

const SIDELIGHT = process.env['SIDELIGHT_URL'] ?? 'http://127.0.0.1:8420'
const ADMIN = process.env['SIDELIGHT_ADMIN_URL'] ?? 'http://127.0.0.1:9464'

const telemetry = startTelemetry('sums-agent')

await trace.getTracer('sums-agent').startActiveSpan('ask the agent', async (span) => {
  const mcp = await createMCPClient({ transport: { type: 'http', url: `${SIDELIGHT}/mcp` } })
  const { text } = await generateText({
    model: createModel(),
    tools: await mcp.tools(),
    prompt: 'What is 17 plus 25?',
    stopWhen: isStepCount(5),
  })
  await mcp.close()
  span.end()
  const { traceId } = span.spanContext()
  console.log(text)
  console.log(`trace ${traceId}`)
  console.log(`  on the status page: ${ADMIN}/`)
  console.log(`  as JSON:            ${ADMIN}/api/v1/calls/${traceId}`)
})

await telemetry.stop()
