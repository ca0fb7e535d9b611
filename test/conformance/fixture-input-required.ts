/**
 * Tools and a prompt of 2026-07-28 that need input from the client and say so in their result
 * (`input_required`, SEP-2322): the client answers by sending the same request again.
 */

import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  inputRequired,
  inputResponse,
  type InputRequest,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { z } from 'zod'
import { text } from './fixture-results.ts'

/** Seals what a tool must know when the client comes back. */
export type MintState = (step: string) => Promise<string>

const NAME = z.object({ name: z.string() })
const COLOR = z.object({ color: z.string() })
const OK = z.object({ ok: z.boolean() })
const CONTEXT = z.object({ context: z.string() })

const elicit = (message: string, requestedSchema: typeof NAME | typeof COLOR | typeof OK) =>
  inputRequired.elicit({ message, requestedSchema })

const sample = (question: string, maxTokens: number): InputRequest =>
  inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: question } }],
    maxTokens,
  })

export function registerInputRequired(server: McpServer, mint: MintState): void {
  registerSingleRequests(server)
  registerStatefulRequests(server, mint)
  registerCapabilityCheck(server)
  server.registerPrompt(
    'test_input_required_result_prompt',
    { description: 'Needs to know what it is for' },
    ({ mcpReq }) => {
      const answer = acceptedContent(mcpReq.inputResponses, 'user_context', CONTEXT)
      if (answer !== undefined) {
        return {
          messages: [{ role: 'user', content: { type: 'text', text: `About ${answer.context}` } }],
        }
      }
      return inputRequired({
        inputRequests: {
          user_context: inputRequired.elicit({
            message: 'What context should the prompt use?',
            requestedSchema: CONTEXT,
          }),
        },
      })
    },
  )
}

function registerSingleRequests(server: McpServer): void {
  server.registerTool(
    'test_input_required_result_elicitation',
    { description: "Needs the user's name" },
    ({ mcpReq }) => {
      const answer = acceptedContent(mcpReq.inputResponses, 'user_name', NAME)
      if (answer !== undefined) return text(`Hello, ${answer.name}!`)
      return inputRequired({
        inputRequests: { user_name: elicit('What is your name?', NAME) },
      })
    },
  )
  server.registerTool(
    'test_input_required_result_sampling',
    { description: "Needs the client's model" },
    ({ mcpReq }) => {
      const answer = inputResponse(mcpReq.inputResponses, 'capital_question')
      if (answer.kind === 'sampling') return text(JSON.stringify(answer.result.content))
      return inputRequired({
        inputRequests: { capital_question: sample('What is the capital of France?', 100) },
      })
    },
  )
  server.registerTool(
    'test_input_required_result_list_roots',
    { description: "Needs the client's roots" },
    ({ mcpReq }) => {
      const answer = inputResponse(mcpReq.inputResponses, 'client_roots')
      if (answer.kind === 'roots') {
        return text(`Roots: ${answer.roots.map(({ uri }) => uri).join(', ')}`)
      }
      return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } })
    },
  )
}

function registerStatefulRequests(server: McpServer, mint: MintState): void {
  for (const name of [
    'test_input_required_result_request_state',
    'test_input_required_result_tampered_state',
  ]) {
    server.registerTool(
      name,
      { description: 'Needs a confirmation and its own state back' },
      async ({ mcpReq }) => {
        const answer = acceptedContent(mcpReq.inputResponses, 'confirm', OK)
        if (answer !== undefined && mcpReq.requestState<string>() === name) return text('state-ok')
        return inputRequired({
          inputRequests: { confirm: elicit('Please confirm', OK) },
          requestState: await mint(name),
        })
      },
    )
  }
  server.registerTool(
    'test_input_required_result_multiple_inputs',
    { description: 'Needs three things at once' },
    async ({ mcpReq }) => {
      const name = acceptedContent(mcpReq.inputResponses, 'user_name', NAME)
      const greeting = inputResponse(mcpReq.inputResponses, 'greeting')
      const roots = inputResponse(mcpReq.inputResponses, 'client_roots')
      if (name !== undefined && greeting.kind === 'sampling' && roots.kind === 'roots') {
        return text(`${JSON.stringify(greeting.result.content)} ${name.name}`)
      }
      return inputRequired({
        inputRequests: {
          user_name: elicit('What is your name?', NAME),
          greeting: sample('Generate a greeting', 50),
          client_roots: inputRequired.listRoots(),
        },
        requestState: await mint('three'),
      })
    },
  )
  server.registerTool(
    'test_input_required_result_multi_round',
    { description: 'Needs two things, one after the other' },
    ({ mcpReq }) => nextRound(mcpReq, mint),
  )
}

async function nextRound(mcpReq: ServerContext['mcpReq'], mint: MintState) {
  const step = mcpReq.requestState<string>()
  const name = acceptedContent(mcpReq.inputResponses, 'step1', NAME)
  const color = acceptedContent(mcpReq.inputResponses, 'step2', COLOR)
  if (step === 'two' && color !== undefined) return text(`The color is ${color.color}`)
  return step === 'one' && name !== undefined
    ? inputRequired({
        inputRequests: { step2: elicit('Step 2: What is your favorite color?', COLOR) },
        requestState: await mint('two'),
      })
    : inputRequired({
        inputRequests: { step1: elicit('Step 1: What is your name?', NAME) },
        requestState: await mint('one'),
      })
}

const CAPABILITIES = z.object({
  sampling: z.looseObject({}).optional(),
  elicitation: z.looseObject({}).optional(),
})

/** Asks for as much as the client says that it can do, and for nothing else. */
function registerCapabilityCheck(server: McpServer): void {
  server.registerTool(
    'test_input_required_result_capabilities',
    { description: 'Needs whatever the client can do' },
    ({ mcpReq }) => {
      const envelope: Readonly<Record<string, unknown>> = mcpReq.envelope ?? {}
      const can = CAPABILITIES.parse(envelope[CLIENT_CAPABILITIES_META_KEY])
      return inputRequired({
        inputRequests: {
          ...(can.sampling === undefined ? {} : { sample: sample('Are you there?', 10) }),
          ...(can.elicitation === undefined ? {} : { ask: elicit('Are you there?', OK) }),
        },
      })
    },
  )
}
