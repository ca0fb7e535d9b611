/**
 * The official SDK v2 as a client of an MCP server behind Sidelight. It finds out itself whether the
 * server speaks 2026-07-28 or an older revision.
 */

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { trace } from '@opentelemetry/api'
import { startTelemetry } from './telemetry.ts'

const SIDELIGHT = process.env['SIDELIGHT_URL'] ?? 'http://127.0.0.1:8420'
const ADMIN = process.env['SIDELIGHT_ADMIN_URL'] ?? 'http://127.0.0.1:9464'

const telemetry = startTelemetry('sdk-v2')
const client = new Client(
  { name: 'sdk-v2', version: '1.0.0' },
  { versionNegotiation: { mode: 'auto' } },
)

await trace.getTracer('sdk-v2').startActiveSpan('add two numbers', async (span) => {
  await client.connect(new StreamableHTTPClientTransport(new URL(`${SIDELIGHT}/mcp`)))
  const { content } = await client.callTool({ name: 'get-sum', arguments: { a: 17, b: 25 } })
  span.end()
  const { traceId } = span.spanContext()
  console.log(content.map((block) => (block.type === 'text' ? block.text : block.type)).join('\n'))
  console.log(`trace ${traceId}`)
  console.log(`  on the status page: ${ADMIN}/`)
  console.log(`  as JSON:            ${ADMIN}/api/v1/calls/${traceId}`)
})

await client.close()
await telemetry.stop()
