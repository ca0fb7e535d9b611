/** An upstream on Node's HTTP server, for tests that need streams with back-pressure. */

import { createServer, type RequestListener } from 'node:http'
import { closeAfterTest } from './scope.ts'

export interface HttpUpstream {
  readonly url: string
  close(): Promise<void>
}

export async function startHttpUpstream(listener: RequestListener): Promise<HttpUpstream> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  closeAfterTest(close)
  return { url: `http://127.0.0.1:${port}/mcp`, close }
}
