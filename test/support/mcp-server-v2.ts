/**
 * A real server of the 2026-07-28 line: the official SDK v2, stateless, which also answers older
 * clients unless it is told to be modern only.
 */

import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { toNodeHandler, type NodeIncomingMessageLike } from '@modelcontextprotocol/node'
import {
  acceptedContent,
  createMcpHandler,
  inputRequired,
  McpServer,
} from '@modelcontextprotocol/server'
import { z } from 'zod'
import { closeAfterTest } from './scope.ts'
import { signal, type Signal } from './wait-for.ts'

export interface V2Server {
  readonly url: string
  readonly runs: ReadonlyMap<string, number>
  /** The texts that `echo` was called with. */
  readonly echoed: readonly string[]
  /** Lets the tool `wait` go on. */
  readonly release: Signal
  /** Resolves when a call of `wait` was aborted. */
  readonly aborted: Signal
  /** Tells every subscription that the list of tools has changed. */
  announceTools(): void
  close(): Promise<void>
}

const NAME = z.object({ name: z.string() })

export interface V2ServerOptions {
  readonly modernOnly?: boolean
  /** How long `echo` takes. */
  readonly echoMs?: number
}

export async function startV2Server(options: V2ServerOptions = {}): Promise<V2Server> {
  const runs = new Map<string, number>()
  const echoed: string[] = []
  const { echoMs = 0 } = options
  const release = signal()
  const aborted = signal()
  const handler = createMcpHandler(
    () => createToolServer({ runs, echoed, echoMs, release, aborted }),
    {
      legacy: options.modernOnly === true ? 'reject' : 'stateless',
    },
  )
  const listener = toNodeHandler(handler)
  const server = createServer((request, response) => {
    // The SDK's own types disagree under exactOptionalPropertyTypes.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Node's request is what it wants
    void listener(request as unknown as NodeIncomingMessageLike, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const close = async (): Promise<void> => {
    release.resolve()
    await handler.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  closeAfterTest(close)
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    runs,
    echoed,
    release,
    aborted,
    announceTools: () => handler.notify.toolsChanged(),
    close,
  }
}

interface ToolParts {
  readonly runs: Map<string, number>
  readonly echoed: string[]
  readonly echoMs: number
  readonly release: Signal
  readonly aborted: Signal
}

function createToolServer({ runs, echoed, echoMs, release, aborted }: ToolParts): McpServer {
  const server = new McpServer(
    { name: 'v2', version: '2.0.0' },
    { capabilities: { tools: { listChanged: true } } },
  )
  const ran = (name: string): void => void runs.set(name, (runs.get(name) ?? 0) + 1)
  const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] })

  server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, async (args) => {
    ran('echo')
    echoed.push(args.text)
    if (echoMs > 0) await sleep(echoMs)
    return text(args.text)
  })
  server.registerTool('fail', {}, () => ({ ...text('it failed'), isError: true }))
  server.registerTool('progress', {}, async (context) => {
    const progressToken = context.mcpReq._meta?.progressToken
    if (progressToken === undefined) return text('nobody asked for progress')
    for (let progress = 1; progress <= 3; progress += 1) {
      await context.mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken, progress, total: 3 },
      })
    }
    return text('progressed')
  })
  server.registerTool('ask', {}, (context) => {
    ran('ask')
    const answer = acceptedContent(context.mcpReq.inputResponses, 'who', NAME)
    if (answer !== undefined) return text(`asked ${answer.name}`)
    return inputRequired({
      inputRequests: { who: inputRequired.elicit({ message: 'who?', requestedSchema: NAME }) },
      requestState: STATE,
    })
  })
  server.registerTool('wait', {}, async (context) => {
    ran('wait')
    const gone = new Promise<void>((resolve) =>
      context.mcpReq.signal.addEventListener('abort', () => resolve()),
    )
    await Promise.race([release.promise, gone])
    if (context.mcpReq.signal.aborted) aborted.resolve()
    return text('waited')
  })
  server.registerResource('fixed', 'test://fixed', { mimeType: 'text/plain' }, (uri) => ({
    contents: [{ uri: uri.href, text: 'fixed text' }],
  }))
  server.registerPrompt('greet', { argsSchema: NAME }, ({ name }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Hello ${name}` } }],
  }))
  return server
}

/** Large and full of what careless code would change. */
const STATE = `{"n":1.0,"s":"\\u00e9 \u{1f600}"}${'x'.repeat(64 * 1024)}`
