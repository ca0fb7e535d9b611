/** The conformance client as the suite's runner starts it: what to do is in the environment. */

import { parseJson } from '../../support/json.ts'
import type { ScenarioContext } from './oauth.ts'
import { routeFetch } from './route.ts'
import { runScenario } from './scenarios.ts'

/** The runner ends the shell around a client that takes too long, not the client. */
export const DEADLINE_MS = 120_000

/** The runner appends the URL of the scenario's server to the command. */
export function serverUrl(): URL {
  return new URL(process.argv.at(-1) ?? '')
}

/** Plays the scenario, by way of the sidecar if one is given; resolves with the exit code. */
export async function runClient(server: URL, sidecarPort?: string): Promise<0 | 1> {
  const { env } = process
  setTimeout(() => process.exit(1), DEADLINE_MS).unref()
  routeFetch(server, sidecarPort)
  try {
    await runScenario({
      scenario: env['MCP_CONFORMANCE_SCENARIO'] ?? '',
      server,
      revision: env['MCP_CONFORMANCE_PROTOCOL_VERSION'] ?? '',
      context: parseJson<ScenarioContext>(env['MCP_CONFORMANCE_CONTEXT'] ?? '{}'),
    })
    return 0
  } catch (error) {
    // Some scenarios want the client to give up; the suite knows which.
    console.error(error)
    return 1
  }
}
