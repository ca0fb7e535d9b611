/**
 * A model with fixed answers, so that no key is needed: it calls a tool, and then says what the tool
 * said. Yours goes in its place, as `model: 'openai/gpt-5'` for example.
 */

import { MockLanguageModelV4 } from 'ai/test'

type Result = Awaited<ReturnType<MockLanguageModelV4['doGenerate']>>

const USAGE: Result['usage'] = {
  inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 1, text: 1, reasoning: undefined },
}

export function createModel(): MockLanguageModelV4 {
  return new MockLanguageModelV4({
    doGenerate: async ({ prompt }) => {
      const last = prompt.at(-1)
      if (last?.role !== 'tool') {
        return answer('tool-calls', {
          type: 'tool-call',
          toolCallId: 'call-1',
          toolName: 'get-sum',
          input: JSON.stringify({ a: 17, b: 25 }),
        })
      }
      return answer('stop', { type: 'text', text: textOf(last.content) })
    },
  })
}

function answer(unified: 'tool-calls' | 'stop', content: Result['content'][number]): Result {
  return {
    content: [content],
    finishReason: { unified, raw: undefined },
    usage: USAGE,
    warnings: [],
  }
}

/** The texts in the results of tools. */
function textOf(parts: readonly object[]): string {
  return [...JSON.stringify(parts).matchAll(/"text":"([^"]*)"/g)].map(([, text]) => text).join(' ')
}
