/** Agents on the official SDK that call tools until they are told to stop. */

import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { closeAfterTest } from './scope.ts'

export interface AgentPlan {
  readonly url: string
  /** Called in turn. */
  readonly tools: readonly string[]
  /** Between two calls. */
  readonly pauseMs: number
}

/** Lists the tools and calls them. Resolves to a function that ends it. */
export async function startAgent({ url, tools, pauseMs }: AgentPlan): Promise<() => Promise<void>> {
  const client = new Client({ name: 'agent', version: '1.0.0' })
  await client.connect(new StreamableHTTPClientTransport(new URL(url)))
  await client.listTools()
  const state = { ended: false }
  const work = async (): Promise<void> => {
    for (let i = 0; !state.ended; i += 1) {
      const name = tools[i % tools.length] ?? ''
      // What fails is what the page is to show.
      await client.callTool({ name, arguments: { id: String(i) } }).catch(() => undefined)
      await sleep(pauseMs)
    }
  }
  const working = work()
  const stop = async (): Promise<void> => {
    state.ended = true
    await working
    await client.close()
  }
  closeAfterTest(stop)
  return stop
}
