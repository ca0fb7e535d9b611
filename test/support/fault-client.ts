/** Clients of stdio upstreams for tests of what goes wrong: their address, pace and end are chosen. */

import assert from 'node:assert/strict'
import { request, type IncomingHttpHeaders } from 'node:http'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { parseJson } from './json.ts'
import { closeAfterTest } from './scope.ts'
import { bounded, SOON, waitFor } from './wait-for.ts'

/** The command of `fault-server.ts`. */
export const FAULT_SERVER: readonly string[] = [
  process.execPath,
  fileURLToPath(new URL('fault-server.ts', import.meta.url)),
]

export type Headers = Readonly<Record<string, string>>

export interface Got {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The text of a tool's answer. */
  readonly said: string
}

export interface Asking {
  readonly headers?: Headers
  /** The client's own address. */
  readonly from?: string
  readonly method?: string
  /** How long the whole reply may take. */
  readonly within?: number
}

/** A request with its whole reply; a reply that does not come in time is an error. */
export function ask(url: string, body: string, asking: Asking = {}): Promise<Got> {
  const { headers = {}, from, method = 'POST', within = SOON } = asking
  const reply = new Promise<Got>((resolve, reject) => {
    const outgoing = request(url, {
      method,
      agent: false,
      headers: { ...MESSAGE_HEADERS, ...headers },
      ...(from === undefined ? {} : { localAddress: from }),
    })
    closeAfterTest(async () => void outgoing.destroy())
    outgoing.on('error', reject)
    outgoing.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode = 0 } = response
        resolve({ status: statusCode, headers: response.headers, text, said: textOf(text) })
      })
    })
    outgoing.end(body)
  })
  return bounded(reply, { within, what: `the reply to ${body.slice(0, 100)}` })
}

const MESSAGE_HEADERS: Headers = {
  'Content-Type': 'application/json',
  Accept: 'application/json, text/event-stream',
}

function textOf(body: string): string {
  const json = body.split('\n').find((line) => /^(data: )?\{.*"result"/.test(line)) ?? '{}'
  const { result } = parseJson<{ result?: { content?: readonly { text: string }[] } }>(
    json.replace('data: ', ''),
  )
  return result?.content?.[0]?.text ?? ''
}

/** A `tools/call` of the session era. */
export function call(id: number, name: string, args: object = {}): string {
  const params = { name, arguments: args }
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })
}

export function note(method: string, params: object = {}): string {
  return JSON.stringify({ jsonrpc: '2.0', method, params })
}

export function initialize(revision = '2025-06-18'): string {
  const params = { protocolVersion: revision, capabilities: {}, clientInfo: { name: 't' } }
  return JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params })
}

/** Begins a session; resolves to the headers of its messages. */
export async function begin(url: string, revision = '2025-06-18'): Promise<Headers> {
  const { status, headers, text } = await ask(url, initialize(revision))
  assert.equal(status, 200, text)
  const id = headers['mcp-session-id']
  assert.ok(typeof id === 'string', text)
  return { 'Mcp-Session-Id': id, 'MCP-Protocol-Version': revision }
}

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}

/** A message of 2026-07-28 with the headers that belong to it. */
export interface Modern {
  readonly body: string
  readonly headers: Headers
}

/** A `tools/call` of 2026-07-28. */
export function modernCall(id: number, name: string, args: object = {}): Modern {
  const params = { name, arguments: args, _meta: META }
  return {
    body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params }),
    headers: { ...modernHeaders('tools/call'), 'Mcp-Name': name },
  }
}

export function modernNote(method: string, params: object = {}): Modern {
  return { body: note(method, { ...params, _meta: META }), headers: modernHeaders(method) }
}

function modernHeaders(method: string): Headers {
  return { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': method }
}

/** Sends a message of 2026-07-28, with a bearer token that claims a subject when one is given. */
export function askModern(
  url: string,
  { body, headers }: Modern,
  asking: Asking & { readonly subject?: string } = {},
): Promise<Got> {
  const { subject, ...others } = asking
  const token = subject === undefined ? {} : { Authorization: unsignedToken(subject) }
  return ask(url, body, { ...others, headers: { ...headers, ...token } })
}

/** A token that anybody can make: nobody has signed it. */
function unsignedToken(subject: string): string {
  const parts = [{ alg: 'none' }, { iss: 'https://as.example', sub: subject }]
  return `Bearer ${parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`
}

/** A request of which nothing is read but the first bytes, until `readOn`. */
export class UnreadReply {
  readonly socket: Socket
  /** What has been read. */
  beginning = ''
  readonly #stop = (chunk: Buffer): void => {
    this.beginning += chunk.toString('latin1', 0, 2_000)
    this.socket.pause()
  }

  constructor(url: string, body: string, headers: Headers) {
    const { hostname, port, pathname } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    this.socket = socket
    closeAfterTest(async () => this.hangUp())
    socket.on('error', () => {})
    socket.on('data', this.#stop)
    const lines = Object.entries({ ...MESSAGE_HEADERS, ...headers }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    )
    const length = `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n`
    socket.write(`POST ${pathname} HTTP/1.1\r\nHost: localhost\r\n${lines.join('')}${length}`)
    socket.write(body)
  }

  async begun(): Promise<this> {
    await waitFor(() => this.beginning !== '', { within: SOON, what: 'the beginning of a reply' })
    return this
  }

  readOn(): void {
    this.socket.off('data', this.#stop)
    this.socket.on('data', () => {})
    this.socket.resume()
  }

  hangUp(): void {
    this.socket.destroy()
  }
}

/** How often a value must be seen in a row to be taken for settled. */
const SETTLED_AFTER = 300

/** The value once it has stopped changing: what is held back does not go on. */
export async function settled(read: () => number | Promise<number>, what: string): Promise<number> {
  let last = Number.NaN
  let times = 0
  await waitFor(
    async () => {
      const now = await read()
      times = now === last ? times + 1 : 0
      last = now
      return times >= SETTLED_AFTER
    },
    { within: 4 * SOON, what: `${what} to settle` },
  )
  return last
}
