/** An upstream on Node's HTTP server, for tests that need streams with back-pressure. */

import type { RequestListener } from 'node:http'
import { startHttpServer } from './http-server.ts'

export interface HttpUpstream {
  readonly url: string
  close(): Promise<void>
}

export async function startHttpUpstream(listener: RequestListener): Promise<HttpUpstream> {
  const { origin, close } = await startHttpServer(listener)
  return { url: `${origin}/mcp`, close }
}
