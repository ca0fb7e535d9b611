/**
 * A model with fixed answers, so that no key is needed: it calls a tool, and then says what the tool
 * said. Yours goes in its place, as `model: 'gpt-5'` for example.
 */

import {
  assistantMessage,
  functionCall,
  modelResponder,
  ScriptedModel,
} from '@openai/agents/testing'

export function createModel(): ScriptedModel {
  return new ScriptedModel([
    // The Agents SDK writes names of tools so, whatever the server calls them.
    [functionCall('get_sum', { a: 17, b: 25 }, { callId: 'call-1' })],
    modelResponder(({ request }) => [assistantMessage(textOf(request.input))]),
  ])
}

/** The texts in the results of tools. */
function textOf(input: unknown): string {
  const results = JSON.stringify(input)
  return [...results.matchAll(/"text":"([^"]*)"/g)].map(([, text]) => text).join(' ')
}
