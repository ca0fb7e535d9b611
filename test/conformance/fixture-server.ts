/**
 * The server that the official conformance suite wants to meet: one `McpServer` with every tool,
 * prompt and resource that the suite's scenarios name, for both eras of the protocol.
 *
 * The names and the texts of the fixtures are the suite's; it looks for them.
 */

import {
  createRequestStateCodec,
  McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { registerAskingTools } from './fixture-asking.ts'
import { registerContent } from './fixture-content.ts'
import { registerInputRequired, type MintState } from './fixture-input-required.ts'
import { registerTools, type ListChanges } from './fixture-tools.ts'

/**
 * A constant, so that a retry may reach another process than the one that minted the state, as a
 * stateless server must allow. It guards nothing but fixtures.
 */
const STATE_KEY = 'conformance fixtures: thirty-two bytes and more'

/**
 * A new server with all fixtures. Without `changes` its own notifications are sent, which is right
 * for sessions and for stdio; over HTTP in the 2026-07-28 revision only the handler knows who
 * listens.
 */
export function createFixtureServer(changes?: ListChanges): McpServer {
  const codec = createRequestStateCodec<string>({ key: STATE_KEY })
  const server = new McpServer(
    { name: 'sidelight-conformance-fixtures', version: '1.0.0' },
    {
      capabilities: {
        tools: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        prompts: { listChanged: true },
        logging: {},
        completions: {},
      },
      requestState: {
        verify: (state: string, context: ServerContext) => codec.verify(state, context),
      },
    },
  )
  const mint: MintState = (step) => codec.mint(step)
  registerTools(
    server,
    changes ?? {
      tools: () => server.sendToolListChanged(),
      prompts: () => server.sendPromptListChanged(),
    },
  )
  registerAskingTools(server)
  registerInputRequired(server, mint)
  registerContent(server)
  return server
}
