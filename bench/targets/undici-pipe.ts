/**
 * The cheapest proxy on Node's usual stack: `node:http` to clients, undici's `dispatch` to the
 * upstream, and nothing in between. Sidelight has an HTTP/1.1 client of its own in undici's place.
 */

import { createServer, type ServerResponse } from 'node:http'
import { Pool, type Dispatcher } from 'undici'
import { serve } from '../processes/serve.ts'
import { forwardedHeaders } from './headers.ts'

const upstream = new URL(process.env['BENCH_UPSTREAM'] ?? '')
const pool = new Pool(upstream.origin, { connections: 4_096, pipelining: 1 })

class Pipe implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse

  constructor(response: ServerResponse) {
    this.#response = response
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#response.on('close', () => {
      if (!this.#response.writableFinished) controller.abort(new Error('the client has gone'))
    })
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[]>,
  ): void {
    this.#response.writeHead(status, forwardedHeaders(headers))
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#response.write(chunk)) return
    controller.pause()
    this.#response.once('drain', () => controller.resume())
  }

  onResponseEnd(): void {
    this.#response.end()
  }

  onResponseError(): void {
    if (!this.#response.headersSent) this.#response.writeHead(502)
    this.#response.end()
  }
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const headers = forwardedHeaders(request.headers)
    // undici writes the length itself.
    delete headers['content-length']
    const body = Buffer.concat(chunks)
    pool.dispatch(
      { path: upstream.pathname, method: request.method ?? 'GET', headers, body },
      new Pipe(response),
    )
  })
})

serve(server)
