/** The bytes of a call, as every load generator sends them. */

/** Ids all have ten digits, so that every request of a run has the same length. */
export const FIRST_ID = 1_000_000_000

const BODY_START = '{"jsonrpc":"2.0","id":'

const CALL =
  ',"method":"tools/call","params":{"name":"search","arguments":{"query":"weather in Vienna","limit":10}'

/** What a client of 2026-07-28 says of itself in every request. */
const META =
  ',"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}'

export interface RequestFacts {
  readonly port: number
  readonly path: string
  readonly era: 'legacy' | 'modern'
  /** Names and values that every request carries besides. */
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** The three parts of a request: its id comes before the last, a session's id before the second. */
export interface RequestParts {
  /** Up to the value of `Mcp-Session-Id`, or to the end of the headers without sessions. */
  readonly head: string
  /** From there to the id. */
  readonly middle: string
  readonly end: string
}

export function partsOf(facts: RequestFacts, inSession: boolean): RequestParts {
  const end = `${CALL}${facts.era === 'modern' ? META : ''}}}`
  const length = BODY_START.length + String(FIRST_ID).length + end.length
  const lines = [...headLines('POST', facts), `Content-Length: ${length}`]
  if (facts.era === 'modern') lines.push('Mcp-Method: tools/call', 'Mcp-Name: search')
  if (inSession) lines.push('Mcp-Session-Id: ')
  return {
    head: inSession ? lines.join('\r\n') : `${lines.join('\r\n')}\r\n\r\n${BODY_START}`,
    middle: inSession ? `\r\n\r\n${BODY_START}` : '',
    end,
  }
}

/** The head of a request without what is said of its body, one line each. */
export function headLines(method: string, { port, path, era, headers }: RequestFacts): string[] {
  return [
    `${method} ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    `MCP-Protocol-Version: ${era === 'modern' ? '2026-07-28' : '2025-06-18'}`,
    'User-Agent: sidelight-bench',
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ]
}
