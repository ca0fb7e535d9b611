/**
 * An agent on OpenAI's Agents SDK that starts its MCP server itself, wrapped by Sidelight. Over pipes
 * there are no headers, so the trace context travels in `_meta` of each call (SEP-414).
 */

import { Agent, MCPServerStdio, run, setTracingDisabled } from '@openai/agents'
import { context, propagation, trace } from '@opentelemetry/api'
import { createModel } from './model.ts'
import { startTelemetry } from './telemetry.ts'

const telemetry = startTelemetry('sums-agent')
// What OpenAI's own tracing does needs a key.
setTracingDisabled(true)

const server = new MCPServerStdio({
  command: 'sidelight',
  args: ['wrap', '--', 'npx', '-y', '@modelcontextprotocol/server-everything'],
  // The first time, npx fetches the server; the usual 5 s can be too short for that.
  clientSessionTimeoutSeconds: 60,
  // The variables of OpenTelemetry are Sidelight's too.
  env: definedOnly(process.env),
  toolMetaResolver: () => {
    const meta: Record<string, string> = {}
    propagation.inject(context.active(), meta)
    return meta
  },
})

await trace.getTracer('sums-agent').startActiveSpan('ask the agent', async (span) => {
  await server.connect()
  const agent = new Agent({ name: 'sums', model: createModel(), mcpServers: [server] })
  const { finalOutput } = await run(agent, 'What is 17 plus 25?')
  await server.close()
  span.end()
  console.log(finalOutput)
  console.log(`trace ${span.spanContext().traceId}`)
})

await telemetry.stop()

function definedOnly(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}
