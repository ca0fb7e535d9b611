/** An HTTP server of Node's on a port of its own, gone after the test. */

import { createServer, type RequestListener } from 'node:http'
import { closeAfterTest } from './scope.ts'

export interface HttpServer {
  readonly port: number
  /** Without a slash at its end. */
  readonly origin: string
  readonly close: () => Promise<void>
}

export async function startHttpServer(listener: RequestListener): Promise<HttpServer> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  closeAfterTest(close)
  return { port, origin: `http://127.0.0.1:${port}`, close }
}
