/** The official SDK v1, for the revisions before 2026-07-28, as a client of an MCP server behind Sidelight. */

import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { trace } from '@opentelemetry/api'
import { startTelemetry } from './telemetry.ts'

const SIDELIGHT = process.env['SIDELIGHT_URL'] ?? 'http://127.0.0.1:8420'
const ADMIN = process.env['SIDELIGHT_ADMIN_URL'] ?? 'http://127.0.0.1:9464'

const telemetry = startTelemetry('sdk-v1')
const client = new Client({ name: 'sdk-v1', version: '1.0.0' })
const transport = new StreamableHTTPClientTransport(new URL(`${SIDELIGHT}/mcp`))

await trace.getTracer('sdk-v1').startActiveSpan('add two numbers', async (span) => {
  await client.connect(transport)
  const params = { name: 'get-sum', arguments: { a: 17, b: 25 } }
  const { content } = CallToolResultSchema.parse(await client.callTool(params))
  // The SDK leaves the session open when it closes.
  await transport.terminateSession()
  span.end()
  const { traceId } = span.spanContext()
  console.log(content.map((block) => (block.type === 'text' ? block.text : block.type)).join('\n'))
  console.log(`trace ${traceId}`)
  console.log(`  on the status page: ${ADMIN}/`)
  console.log(`  as JSON:            ${ADMIN}/api/v1/calls/${traceId}`)
})

await client.close()
await telemetry.stop()
