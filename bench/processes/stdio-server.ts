/**
 * A process that answers like an MCP server over standard input and output, as cheaply as it can.
 *
 * Every request is answered with a JSON-RPC result of the length that the argument says; its id is
 * echoed, and nothing else of it is looked at. The answers to what was read together are written
 * together, so that the server is not what is measured.
 */

import { LineReader, idOf } from '../line-reader.ts'

const BYTES_MAX = 4 * 1024 * 1024

/** All ids have as many digits. */
const ID_DIGITS = 10

const INITIALIZE_RESULT =
  ',"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1"}}}\n'

const BEFORE = '{"jsonrpc":"2.0","id":'

/** What follows the id, line feed included. */
function createRest(bytes: number): string {
  const open = ',"result":{"content":[{"type":"text","text":"'
  const close = '"}],"isError":false}}'
  const text = bytes - BEFORE.length - ID_DIGITS - open.length - close.length
  return `${open}${'x'.repeat(Math.max(0, text))}${close}\n`
}

const rest = createRest(Math.min(BYTES_MAX, Number(process.argv[2])))
let answers = ''

const reader = new LineReader((head) => {
  const id = idOf(head)
  // Notifications have no id.
  if (Number.isNaN(id)) return
  answers += BEFORE + id + (head.includes('"initialize"') ? INITIALIZE_RESULT : rest)
})

process.stdin.on('data', (chunk: Buffer) => {
  reader.push(chunk)
  if (answers !== '') process.stdout.write(answers, 'latin1')
  answers = ''
})
// The end of the input ends the server, and so does a reader that is gone.
process.stdout.on('error', () => process.exit())
