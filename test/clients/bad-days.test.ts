/** What a model sees of a bad upstream through the AI SDK and LangChain: the same text as elsewhere. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMCPClient } from '@ai-sdk/mcp'
import { MultiServerMCPClient } from '@langchain/mcp-adapters'
import { BAD_DAYS } from '../faults/bad-days.ts'
import { startFaultProxy } from '../faults/start-fault-proxy.ts'
import { closeAfterTest } from '../support/scope.ts'
import { startTestSidecar } from '../support/test-sidecar.ts'
import { showResult, textOf } from './conversation.ts'
import { HTTP } from './routes.ts'

interface Adapter {
  readonly name: string
  readonly server: keyof typeof HTTP
  /** Resolves to a call of the tool `echo` that ends in what the model is shown. */
  readonly connect: (url: string) => Promise<() => Promise<string>>
  /** What the adapter itself puts before the text. */
  readonly prefix: string
}

const ADAPTERS: readonly Adapter[] = [
  {
    name: 'the AI SDK',
    server: 'v2',
    connect: async (url) => {
      const client = await createMCPClient({ transport: { type: 'http', url } })
      closeAfterTest(() => client.close())
      const echo = (await client.tools())['echo']
      if (echo === undefined) throw new Error('there is no tool echo')
      return async () => {
        const options = { toolCallId: 'call', messages: [], context: {} }
        const result: unknown = await echo.execute({ text: 'hello' }, options)
        const { text, failed } = showResult(
          typeof result === 'object' && result !== null ? result : {},
        )
        assert.equal(failed, 'isError')
        return text
      }
    },
    prefix: '',
  },
  {
    name: 'LangChain',
    server: 'v1',
    connect: async (url) => {
      const client = new MultiServerMCPClient({ main: { transport: 'http', url } })
      closeAfterTest(() => client.close())
      const echo = (await client.getTools()).find(({ name }) => name === 'echo')
      if (echo === undefined) throw new Error('there is no tool echo')
      return async () => {
        try {
          return textOf(await echo.invoke({ text: 'hello' }))
        } catch (error) {
          if (!(error instanceof Error)) throw error
          assert.equal(error.name, 'ToolException')
          return error.message
        }
      }
    },
    prefix: "MCP tool 'echo' on server 'main' returned an error: ",
  },
]

for (const { name, server, connect, prefix } of ADAPTERS) {
  describe(name, () => {
    for (const { what, faults, callsBefore, text } of BAD_DAYS) {
      it(`gives the model a text about an upstream that ${what}`, async () => {
        const { url } = await HTTP[server]()
        const proxy = await startFaultProxy({ url })
        const sidecar = await startTestSidecar({
          upstreams: { main: { url: proxy.url, breaker: { openTime: '1m' } } },
        })
        const echo = await connect(sidecar.url('main'))
        await proxy.set(...faults)
        for (let i = 0; i < callsBefore; i += 1) await echo().catch(() => {})
        const said = await echo()
        assert.equal(said.slice(0, prefix.length), prefix)
        assert.match(said.slice(prefix.length), text)
      })
    }
  })
}
