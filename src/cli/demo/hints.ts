/** What a newcomer can try while the demo runs: every line works when it is pasted. */

export interface Hint {
  readonly about: string
  readonly text: string
}

export interface HintOptions {
  readonly dataUrl: string
  readonly adminUrl: string | undefined
  /** True when telemetry is already sent somewhere. */
  readonly exporting: boolean
}

const REVISION = '2026-07-28'

/** The most useful first: a small screen shows only those. */
export function createHints({ dataUrl, adminUrl, exporting }: HintOptions): readonly Hint[] {
  const hints: Hint[] = []
  if (adminUrl !== undefined) {
    hints.push({ about: 'See the metrics:', text: `curl -s ${adminUrl}/metrics` })
  }
  hints.push(
    { about: 'Make a call of your own:', text: callWithCurl(`${dataUrl}/library/mcp`) },
    { about: 'Connect an MCP client:', text: clientConfig(`${dataUrl}/everything/mcp`) },
  )
  if (!exporting) {
    hints.push({
      about: 'Send spans and metrics to your collector:',
      text: 'OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 npm start',
    })
  }
  return hints
}

function callWithCurl(url: string): string {
  const body = {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: {
      name: 'search_books',
      arguments: { query: 'sea' },
      _meta: {
        'io.modelcontextprotocol/protocolVersion': REVISION,
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  }
  const headers = [
    'Accept: application/json, text/event-stream',
    'Content-Type: application/json',
    `MCP-Protocol-Version: ${REVISION}`,
    'Mcp-Method: tools/call',
    'Mcp-Name: search_books',
  ]
  const flags = headers.map((header) => `-H '${header}'`).join(' ')
  return `curl -s ${url} ${flags} -d '${JSON.stringify(body)}'`
}

function clientConfig(url: string): string {
  return JSON.stringify({ mcpServers: { everything: { type: 'http', url } } })
}
