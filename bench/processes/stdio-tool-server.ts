/**
 * An MCP server over standard input and output for bridges that read messages: it answers whatever
 * order of members they write. A call's result is a JSON-RPC message of the length that the argument
 * says. Answers to what was read together are written together.
 */

const TOOL = {
  name: 'search',
  inputSchema: {
    type: 'object',
    properties: { query: { type: 'string' }, limit: { type: 'integer' } },
  },
}

const bytes = Number(process.argv[2])

interface Request {
  readonly id?: number | string
  readonly method: string
  readonly params?: { readonly protocolVersion?: string }
}

function resultOf(request: Request): string {
  switch (request.method) {
    case 'initialize':
      return JSON.stringify({
        protocolVersion: request.params?.protocolVersion ?? '2025-06-18',
        capabilities: { tools: {} },
        serverInfo: { name: 'bench', version: '1' },
      })
    case 'tools/list':
      return JSON.stringify({ tools: [TOOL] })
    case 'tools/call':
      return ''
    default:
      return '{}'
  }
}

/** With an id of ten digits, as the load asks with, the whole message has the length. */
const before = '{"jsonrpc":"2.0","id":'
const open = ',"result":{"content":[{"type":"text","text":"'
const close = '"}],"isError":false}}\n'
const text = 'x'.repeat(
  Math.max(0, bytes - before.length - 10 - open.length - close.length + '\n'.length),
)
const callResult = open + text + close

let pending = ''

process.stdin.setEncoding('utf8')
process.stdin.on('data', (chunk: string) => {
  pending += chunk
  let answers = ''
  for (let end = pending.indexOf('\n'); end >= 0; end = pending.indexOf('\n')) {
    const request: Request = JSON.parse(pending.slice(0, end))
    pending = pending.slice(end + 1)
    if (request.id === undefined) continue
    const result = resultOf(request)
    const id = JSON.stringify(request.id)
    answers += before + id + (result === '' ? callResult : `,"result":${result}}\n`)
  }
  if (answers !== '') process.stdout.write(answers)
})
// The end of the input ends the server, and so does a reader that is gone.
process.stdin.on('end', () => process.exit())
process.stdout.on('error', () => process.exit())
