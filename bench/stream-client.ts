/** Reads one large reply, with pauses in which the sidecar has to hold the upstream back. */

import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Caller } from './caller.ts'

/** A pause of this length after so much. */
const PAUSE = { ms: 200, everyBytes: 64 * 1_048_576 }

/** Resolves to the megabytes that came. */
export async function readThrough(url: string, caller: Caller, tool: string): Promise<number> {
  const params = { name: tool, arguments: {} }
  const call = request(url, {
    method: 'POST',
    headers: {
      ...Object.fromEntries(caller.headers),
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2025-06-18',
    },
  })
  call.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }))
  const reply = await new Promise<AsyncIterable<Buffer>>((resolve, reject) => {
    call.once('response', resolve)
    call.once('error', reject)
  })
  let bytes = 0
  let pausedAt = 0
  for await (const chunk of reply) {
    bytes += chunk.length
    if (bytes - pausedAt < PAUSE.everyBytes) continue
    pausedAt = bytes
    await sleep(PAUSE.ms)
  }
  return bytes / 1_048_576
}
