/** What the client does in each client scenario of the official conformance suite. */

import type { Client, ClientOptions } from '@modelcontextprotocol/client'
import { providerFor, type ScenarioContext } from './oauth.ts'
import { Session, type SessionOptions } from './session.ts'

export interface ScenarioRun {
  /** The suite's name of the scenario. */
  readonly scenario: string
  readonly server: URL
  readonly revision: string
  readonly context: ScenarioContext
}

/** Does what the scenario is about; the suite's server judges it. Throws when it cannot be done. */
export async function runScenario(run: ScenarioRun): Promise<void> {
  const { scenario, context } = run
  if (scenario.startsWith('auth/')) return signIn(run)
  const play = PLAYS.get(scenario)
  if (play === undefined) throw new Error(`There is no play for the scenario ${scenario}`)
  const session = await Session.open({
    server: run.server,
    revision: run.revision,
    ...play.options,
  })
  if (play.listens === true) await session.listening
  await play.act?.(session.client, context)
  await session.close()
}

/** Signs in as the server wants it, then does what needs a token. */
async function signIn({ scenario, server, revision, context }: ScenarioRun): Promise<void> {
  const provider = await providerFor(scenario, context)
  const session = await Session.open({ server, revision, provider })
  await session.run((client) => client.listTools())
  await session.run((client) => client.callTool({ name: 'test-tool', arguments: {} }))
  await session.close()
}

interface Play {
  readonly options?: Pick<SessionOptions, 'capabilities' | 'prepare'>
  /** True when the server asks on the GET stream, which has to be open by then. */
  readonly listens?: true
  /** What follows the connection; nothing when that is all there is to judge. */
  readonly act?: (client: Client, context: ScenarioContext) => Promise<unknown>
}

const FORMS: ClientOptions['capabilities'] = { elicitation: { form: { applyDefaults: true } } }

const PLAYS: ReadonlyMap<string, Play> = new Map<string, Play>([
  ['initialize', {}],
  ['json-schema-ref-no-deref', { act: (client) => client.listTools() }],
  ['request-metadata', { options: { capabilities: { ...FORMS, roots: {}, sampling: {} } } }],
  ['tools_call', { act: (client) => listAndCall(client, 'add_numbers', { a: 5, b: 3 }) }],
  ['sse-retry', { listens: true, act: (client) => listAndCall(client, 'test_reconnection', {}) }],
  [
    'elicitation-sep1034-client-defaults',
    {
      options: { capabilities: FORMS, prepare: (client) => answerForms(client, {}) },
      listens: true,
      act: (client) => listAndCall(client, 'test_client_elicitation_defaults', {}),
    },
  ],
  [
    'sep-2322-client-request-state',
    {
      options: {
        capabilities: FORMS,
        prepare: (client) => answerForms(client, { confirmed: true }),
      },
      act: callAllAtOnce,
    },
  ],
  ['http-standard-headers', { act: useEverything }],
  ['http-custom-headers', { act: callAsTold }],
  ['http-invalid-tool-headers', { act: callWhatIsListed }],
  ['json-schema-2020-12-preservation', { act: echoSchema }],
])

/** The user agrees and leaves the rest to the form's defaults. */
function answerForms(client: Client, content: Record<string, boolean>): void {
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content }))
}

async function listAndCall(
  client: Client,
  name: string,
  args: Record<string, unknown>,
): Promise<void> {
  await client.listTools()
  await client.callTool({ name, arguments: args })
}

/** Every tool, all at a time: what belongs to one call must not show up in another. */
async function callAllAtOnce(client: Client): Promise<void> {
  const { tools } = await client.listTools()
  const calls = tools.map(({ name }) => client.callTool({ name, arguments: {} }))
  // One of the results is refused by the SDK; the others are to be complete before that counts.
  await Promise.allSettled(calls)
  await Promise.all(calls)
}

/** Every tool that the client has found to be sound. */
async function callWhatIsListed(client: Client): Promise<void> {
  const { tools } = await client.listTools()
  for (const { name } of tools) await client.callTool({ name, arguments: { region: 'us-west1' } })
}

async function useEverything(client: Client): Promise<void> {
  const { tools } = await client.listTools()
  for (const { name } of tools) await client.callTool({ name, arguments: {} })
  const { resources } = await client.listResources()
  for (const { uri } of resources) await client.readResource({ uri })
  const { prompts } = await client.listPrompts()
  for (const { name } of prompts) await client.getPrompt({ name })
}

async function callAsTold(client: Client, context: ScenarioContext): Promise<void> {
  await client.listTools()
  for (const call of toolCallsOf(context)) await client.callTool(call)
}

interface ToolCall {
  readonly name: string
  readonly arguments: Record<string, unknown>
}

function toolCallsOf(context: ScenarioContext): readonly ToolCall[] {
  const calls: unknown = context['toolCalls']
  if (!Array.isArray(calls)) throw new Error("The scenario's context has no toolCalls")
  return calls as readonly ToolCall[]
}

/** Shows the server a schema of its own as it arrived. */
async function echoSchema(client: Client): Promise<void> {
  const { tools } = await client.listTools()
  const schema = tools.find(({ name }) => name === 'json_schema_2020_12_tool')?.inputSchema
  await client.callTool({ name: 'json_schema_echo', arguments: { schema } })
}
