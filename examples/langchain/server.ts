/**
 * An MCP server with one tool, on the official SDK v2. It reads the trace context that Sidelight
 * writes into `_meta` of a call (SEP-414), so its own span ends the trace that the agent began.
 */

import { createServer } from 'node:http'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { context, propagation, SpanKind, trace } from '@opentelemetry/api'
import { z } from 'zod'
import { startTelemetry } from './telemetry.ts'

const telemetry = startTelemetry('weather-server')
const tracer = trace.getTracer('weather-server')

const DEGREES = new Map([
  ['Oslo', -3],
  ['Lisbon', 17],
])

function createWeatherServer(): McpServer {
  const server = new McpServer({ name: 'weather', version: '1.0.0' })
  const inputSchema = z.object({ city: z.string() })
  const description = 'The temperature in a city'
  server.registerTool('get_weather', { description, inputSchema }, ({ city }, { mcpReq }) => {
    const caller = propagation.extract(context.active(), mcpReq._meta ?? {})
    const span = tracer.startSpan('look up weather', { kind: SpanKind.SERVER }, caller)
    const degrees = DEGREES.get(city)
    span.end()
    return degrees === undefined
      ? { content: [{ type: 'text', text: `There is no city ${city}` }], isError: true }
      : { content: [{ type: 'text', text: `It is ${degrees} °C in ${city}` }] }
  })
  return server
}

const handler = toNodeHandler(createMcpHandler(createWeatherServer))
const http = createServer((request, response) => void handler(request, response))

http.listen(Number(process.env['PORT'] ?? 3001), '127.0.0.1', () => {
  const address = http.address()
  const port = typeof address === 'object' ? address?.port : address
  console.log(`weather server at http://127.0.0.1:${port}/mcp`)
})

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    http.close()
    http.closeAllConnections()
    void telemetry.stop()
  })
}
