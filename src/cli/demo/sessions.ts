/** One client session with each of the two servers, on the official SDKs of both eras. */

import {
  Client as ModernClient,
  ProtocolError,
  StreamableHTTPClientTransport as ModernTransport,
} from '@modelcontextprotocol/client'
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpError } from '@modelcontextprotocol/sdk/types.js'
import type { Action } from './scenario.ts'

export interface Session {
  run(action: Action, signal: AbortSignal): Promise<void>
  /** True when an error is the server's answer, so that the session is as good as before. */
  isAnswer(error: unknown): boolean
  /** Ends the session in good order. */
  end(): Promise<void>
  /** Leaves at once: the calls under way are given up with their connections. */
  leave(): Promise<void>
}

const CLIENT_INFO = { name: 'sidelight-demo', version: '1.0.0' }
const TIMEOUT_MS = 15_000

/** A session of revision 2025-11-25 and before, which begins with a handshake. */
export async function openLegacySession(url: string): Promise<Session> {
  const transport = new LegacyTransport(new URL(url))
  const client = new LegacyClient(CLIENT_INFO)
  await client.connect(transport, { timeout: TIMEOUT_MS })
  const run = async (action: Action, signal: AbortSignal): Promise<void> => {
    const options = { signal, timeout: TIMEOUT_MS }
    switch (action.kind) {
      case 'tool':
        await client.callTool({ name: action.name, arguments: action.args }, undefined, {
          ...options,
          onprogress: () => {},
        })
        break
      case 'list_tools':
        await client.listTools(undefined, options)
        break
      case 'prompt':
        await client.getPrompt({ name: action.name }, options)
        break
      case 'resource':
        await client.readResource({ uri: action.uri }, options)
        break
    }
  }
  return {
    run,
    isAnswer: (error) => error instanceof McpError,
    end: async () => {
      await transport.terminateSession()
      await client.close()
    },
    leave: () => client.close(),
  }
}

/** A client of revision 2026-07-28, in which every request stands alone. */
export async function openModernSession(url: string): Promise<Session> {
  const client = new ModernClient(CLIENT_INFO, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new ModernTransport(new URL(url)), { timeout: TIMEOUT_MS })
  const run = async (action: Action, signal: AbortSignal): Promise<void> => {
    // Answers from the client's own cache would be no calls.
    const options = { signal, timeout: TIMEOUT_MS, cacheMode: 'refresh' } as const
    switch (action.kind) {
      case 'tool':
        await client.callTool(
          { name: action.name, arguments: action.args },
          { signal, timeout: TIMEOUT_MS, onprogress: () => {} },
        )
        break
      case 'list_tools':
        await client.listTools(undefined, options)
        break
      case 'prompt':
        await client.getPrompt({ name: action.name }, options)
        break
      case 'resource':
        await client.readResource({ uri: action.uri }, options)
        break
    }
  }
  return {
    run,
    isAnswer: (error) => ProtocolError.isInstance(error),
    end: () => client.close(),
    leave: () => client.close(),
  }
}
