/**
 * Four MCP servers that answer every call after a while, each behind a proxy that breaks what it is
 * told to break. It says on which ports they are, and at any time how many requests have reached them.
 */

import { createServer } from 'node:http'
import { FaultProxy } from '../../test/faults/fault-proxy.ts'
import { flapping } from '../../test/faults/schedule.ts'
import { isMessage, type FaultOrder, type Reached } from '../fault-messages.ts'

const UPSTREAMS = 4

/** What a quick tool takes. */
const WORK_MS = 5

const FLAPS_MAX = 1_000

async function start(seed: number): Promise<FaultProxy> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = answerTo(Buffer.concat(chunks).toString())
      setTimeout(() => {
        response.writeHead(body === '' ? 202 : 200, { 'Content-Type': 'application/json' })
        response.end(body)
      }, WORK_MS)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return FaultProxy.open({ url: `http://127.0.0.1:${port}/mcp`, seed })
}

/** A result for whatever has an id. */
function answerTo(text: string): string {
  const id = /"id":(\d+|"[^"]*")/.exec(text)?.[1]
  if (id === undefined) return ''
  const result = text.includes('"method":"tools/call"')
    ? '{"content":[{"type":"text","text":"done"}]}'
    : '{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"tools":[]}'
  return `{"jsonrpc":"2.0","id":${id},"result":${result}}`
}

const proxies = await Promise.all(Array.from({ length: UPSTREAMS }, (_, i) => start(i + 1)))

function tell(): void {
  const reached: Reached = {
    kind: 'reached',
    ports: proxies.map(({ port }) => port),
    requests: proxies.map(({ counts }) => counts.requests),
  }
  process.send?.(reached)
}

async function obey({ index, faults, flapMs }: FaultOrder): Promise<void> {
  const proxy = proxies[index]
  proxy?.play(
    flapMs === undefined
      ? []
      : flapping({ faults, downMs: flapMs, upMs: flapMs, times: FLAPS_MAX }),
  )
  if (flapMs === undefined) await proxy?.set(...faults)
}

process.on('message', (message: unknown) => {
  if (isMessage(message, 'faults')) void obey(message)
  else tell()
})
// The channel closes when the run ends, however it ends: nothing is left behind.
process.on('disconnect', () => process.exit())
tell()
