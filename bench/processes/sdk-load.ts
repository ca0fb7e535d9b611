/**
 * A load of official SDK clients: as many as the order has connections, each with one call under way.
 * They cost many times what a proxy costs, so calls a second say nothing of the target here; its CPU
 * per call and the time that a call takes do.
 */

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { createHistogram } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { isLoadOrder, type LoadMessage, type LoadOrder } from '../messages.ts'

const CALL = { name: 'search', arguments: { query: 'weather in Vienna', limit: 10 } }

async function connectOne(order: LoadOrder): Promise<Client> {
  const client = new Client({ name: 'bench', version: '1.0.0' })
  const url = new URL(`http://127.0.0.1:${order.port}${order.path}`)
  const headers = Object.fromEntries(order.headers)
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }))
  return client
}

async function carryOut(order: LoadOrder): Promise<void> {
  const errors = { status: 0, content: 0, connection: 0, unanswered: 0 }
  const latency = createHistogram({ figures: 3 })
  const now: { phase: 'lead' | 'measured' | 'over' } = { phase: 'lead' }
  let calls = 0
  let callsInAll = 0
  const clients = await Promise.all(
    Array.from({ length: order.connections }, () => connectOne(order)),
  )
  const keepCalling = async (client: Client): Promise<void> => {
    while (now.phase !== 'over' && calls < order.callsMax) {
      const before = performance.now()
      try {
        const { content } = await client.callTool(CALL)
        if (!Array.isArray(content) || content.length !== 1) errors.content += 1
        callsInAll += 1
      } catch {
        errors.connection += 1
        continue
      }
      if (now.phase !== 'measured') continue
      calls += 1
      latency.record(Math.max(1, Math.round((performance.now() - before) * 1_000)))
    }
  }
  const calling = clients.map(keepCalling)
  await sleep(order.leadMs)
  now.phase = 'measured'
  const begunAt = performance.now()
  tell({ kind: 'begun' })
  await sleep(order.windowMs)
  now.phase = 'over'
  const elapsedMs = performance.now() - begunAt
  tell({ kind: 'ended' })
  await Promise.all(calling)
  await Promise.all(clients.map((client) => client.close()))
  tell({
    kind: 'result',
    calls,
    elapsedMs,
    callsInAll,
    errors,
    p50Us: latency.percentile(50),
    p99Us: latency.percentile(99),
    p999Us: latency.percentile(99.9),
  })
}

function tell(message: LoadMessage): void {
  process.send?.(message)
}

process.on('message', (message: unknown) => {
  if (isLoadOrder(message)) void carryOut(message)
})
process.on('disconnect', () => process.exit())
