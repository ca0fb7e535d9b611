/**
 * A server of `node:http` that reads a call and answers with a text of `BENCH_BYTES` bytes that holds
 * its id: what Node itself takes for a call that is refused.
 */

import { createServer } from 'node:http'

const bytes = Number(process.env['BENCH_BYTES'])

/** The id of the benchmark's calls has ten digits. */
function answerTo(body: string): string {
  const id = /"id":(\d+)/.exec(body)?.[1] ?? ''
  const start = `{"jsonrpc":"2.0","id":${id},"result":"`
  return `${start}${'x'.repeat(Math.max(0, bytes - start.length - 2))}"}`
}

createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const text = answerTo(Buffer.concat(chunks).toString('latin1'))
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': text.length })
    response.end(text)
  })
}).listen(Number(process.env['BENCH_PORT']), '127.0.0.1')
process.on('disconnect', () => process.exit(0))
