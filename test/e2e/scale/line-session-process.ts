/** A server over standard streams that answers everything with an empty result. */

import { createInterface } from 'node:readline'

createInterface({ input: process.stdin }).on('line', (line) => {
  const id = /"id":(\d+)/.exec(line)?.[1]
  if (id === undefined) return
  const result =
    '{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"line","version":"1"}}'
  process.stdout.write(`{"jsonrpc":"2.0","id":${id},"result":${result}}\n`)
})
