/** The plainest proxy Node's own modules make: `node:http` on both sides, bodies piped. */

import { Agent, createServer, request as requestUpstream } from 'node:http'
import { serve } from '../processes/serve.ts'
import { forwardedHeaders } from './headers.ts'

const upstream = new URL(process.env['BENCH_UPSTREAM'] ?? '')
const agent = new Agent({ keepAlive: true, maxFreeSockets: 1_024 })

const server = createServer((request, response) => {
  const outgoing = requestUpstream(
    {
      host: upstream.hostname,
      port: upstream.port,
      path: upstream.pathname,
      method: request.method,
      headers: forwardedHeaders(request.headers),
      agent,
    },
    (reply) => {
      response.writeHead(reply.statusCode ?? 502, forwardedHeaders(reply.headers))
      reply.pipe(response)
    },
  )
  outgoing.on('error', () => {
    if (!response.headersSent) response.writeHead(502)
    response.end()
  })
  response.on('close', () => {
    if (!response.writableFinished) outgoing.destroy()
  })
  request.pipe(outgoing)
})

serve(server)
