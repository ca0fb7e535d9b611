/** The status page: what it cannot know by itself. */

import * as z from 'zod/mini'
import { about, text } from './scalars.ts'

const EXAMPLE = 'a'.repeat(32)

function isTraceUrl(value: string): boolean {
  if (!value.includes('{traceId}')) return false
  const filled = value.replaceAll('{traceId}', EXAMPLE)
  if (!URL.canParse(filled)) return false
  const { protocol, host, username, password } = new URL(filled)
  // An id chooses the trace, never the server; and a page shows no credentials.
  const web = protocol === 'http:' || protocol === 'https:'
  return web && username === '' && password === '' && !host.includes(EXAMPLE)
}

export const ui = z.strictObject({
  traceUrl: z.optional(
    about(
      text(
        'an http:// or https:// address with {traceId} in its path, query or fragment, such as https://traces.example/trace/{traceId}',
        isTraceUrl,
      ),
      'Where a trace can be seen, for links of the status page and the API; `{traceId}` becomes its id.',
    ),
  ),
})
