/** What a model sees of a bad upstream, through the official SDKs, as text. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as HttpV2,
} from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { startV1Server } from '../support/mcp-server-v1.ts'
import { startV2Server } from '../support/mcp-server-v2.ts'
import { closeAfterTest } from '../support/scope.ts'
import { startTestSidecar } from '../support/test-sidecar.ts'
import { BAD_DAYS } from './bad-days.ts'
import type { FaultProxy } from './fault-proxy.ts'
import { startFaultProxy } from './start-fault-proxy.ts'

interface Agent {
  echo(): Promise<object>
  list(): Promise<object>
}

interface Sdk {
  readonly name: string
  readonly server: () => Promise<{ readonly url: string }>
  readonly connect: (url: string) => Promise<Agent>
}

const ECHO = { name: 'echo', arguments: { text: 'hello' } }

const SDKS: readonly Sdk[] = [
  {
    name: 'the official SDK v1',
    server: startV1Server,
    connect: async (url) => {
      const client = new ClientV1({ name: 'faults', version: '1.0.0' })
      await client.connect(new HttpV1(new URL(url)))
      closeAfterTest(() => client.close())
      return { echo: () => client.callTool(ECHO), list: () => client.listTools() }
    },
  },
  ...(['auto', 'modern'] as const).map((era): Sdk => ({
    name: `the official SDK v2 (${era})`,
    server: () => startV2Server(),
    connect: async (url) => {
      const mode = era === 'auto' ? 'auto' : { pin: '2026-07-28' }
      const client = new ClientV2(
        { name: 'faults', version: '2.0.0' },
        { versionNegotiation: { mode } },
      )
      await client.connect(new HttpV2(new URL(url)))
      closeAfterTest(() => client.close())
      return { echo: () => client.callTool(ECHO), list: () => client.listTools() }
    },
  })),
]

async function startAgent(
  sdk: Sdk,
): Promise<{ readonly agent: Agent; readonly proxy: FaultProxy; readonly url: string }> {
  const server = await sdk.server()
  const proxy = await startFaultProxy({ url: server.url })
  const sidecar = await startTestSidecar({
    upstreams: { main: { url: proxy.url, breaker: { openTime: '1m' } } },
  })
  const url = sidecar.url('main')
  return { agent: await sdk.connect(url), proxy, url }
}

for (const sdk of SDKS) {
  for (const { what, faults, callsBefore, text } of BAD_DAYS) {
    test(`${sdk.name} gives the model a text about an upstream that ${what}`, async () => {
      const { agent, proxy } = await startAgent(sdk)
      await agent.echo()
      await proxy.set(...faults)
      for (let i = 0; i < callsBefore; i += 1) await agent.echo().catch(() => {})
      const { isError, said } = readResult(await agent.echo())
      assert.match(said, text)
      assert.equal(isError, true)
    })
  }

  test(`${sdk.name} says in its error why a list was refused, and goes on when the upstream does`, async () => {
    const { agent, proxy } = await startAgent(sdk)
    await proxy.set({ kind: 'refuse' })
    await assert.rejects(agent.list(), { message: /The MCP server "main" cannot be reached\./ })
    await proxy.clear()
    assert.ok('tools' in (await agent.list()))
    assert.deepEqual(readResult(await agent.echo()), { isError: false, said: 'hello' })
  })

  test(`${sdk.name} is not told that a dead upstream is an older one`, async () => {
    const { proxy, url } = await startAgent(sdk)
    await proxy.set({ kind: 'refuse' })
    await assert.rejects(sdk.connect(url))
    await proxy.clear()
    const again = await sdk.connect(url)
    assert.deepEqual(readResult(await again.echo()), { isError: false, said: 'hello' })
  })
}

function readResult(result: object): { readonly isError: boolean; readonly said: string } {
  const content = 'content' in result && Array.isArray(result.content) ? result.content : []
  return {
    isError: 'isError' in result && result.isError === true,
    said: content.map((each: { text?: string }) => each.text ?? '').join(''),
  }
}
