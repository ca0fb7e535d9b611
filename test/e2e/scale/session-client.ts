/** One client of revision 2025-11-25, cheap enough for a thousand of them in one process. */

import { request, type Agent, type ClientRequest, type IncomingMessage } from 'node:http'
import { parseJson } from '../../support/json.ts'

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: { readonly data?: string }
  readonly result?: { readonly content?: readonly { readonly text: string }[] }
}

export interface Answer {
  readonly status: number
  readonly sessionId: string | undefined
  readonly body: string
}

const HEADERS = {
  'Content-Type': 'application/json',
  Accept: 'application/json, text/event-stream',
}

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'scale', version: '1.0.0' },
  },
}

export class SessionClient {
  /** What the server has said on the stream, in its order. */
  readonly heard: string[] = []
  /** Whether the server has ended the stream. */
  ended = false
  readonly session: string
  readonly #url: string
  readonly #agent: Agent
  #stream: ClientRequest | undefined
  #lastId = 0

  private constructor(url: string, agent: Agent, session: string) {
    this.#url = url
    this.#agent = agent
    this.session = session
  }

  /** Sends `initialize` and nothing more. */
  static initialize(url: string, agent: Agent): Promise<Answer> {
    return exchange(url, agent, 'POST', {}, INITIALIZE)
  }

  /** The handshake, and the stream on which the server speaks first. */
  static async open(url: string, agent: Agent): Promise<SessionClient> {
    const { status, sessionId, body } = await SessionClient.initialize(url, agent)
    if (sessionId === undefined) throw new Error(`no session: ${status} ${body}`)
    const client = new SessionClient(url, agent, sessionId)
    const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' }
    const { status: accepted } = await client.#post(initialized)
    if (accepted !== 202) throw new Error(`the session was not begun: ${accepted}`)
    await client.#listen()
    return client
  }

  /** Calls the tool `echo`; resolves to the text that it answers with. */
  async call(token: string): Promise<string> {
    this.#lastId += 1
    const id = this.#lastId
    const params = { name: 'echo', arguments: { token } }
    const { status, body } = await this.#post({ jsonrpc: '2.0', id, method: 'tools/call', params })
    const messages = body.startsWith('{') ? [parseJson<Message>(body)] : messagesIn(body)
    const [answer] = messages
    if (status !== 200 || messages.length !== 1 || answer?.id !== id) {
      throw new Error(`call ${id} of ${this.session} was answered ${status} ${body}`)
    }
    return answer.result?.content?.[0]?.text ?? body
  }

  /** Ends the session as clients should. */
  async end(): Promise<void> {
    const { status } = await exchange(this.#url, this.#agent, 'DELETE', this.#headers())
    if (status !== 200) throw new Error(`the session was not ended: ${status}`)
  }

  /** Goes without a word. */
  vanish(): void {
    this.#stream?.destroy()
  }

  #post(message: object): Promise<Answer> {
    return exchange(this.#url, this.#agent, 'POST', this.#headers(), message)
  }

  #headers(): Readonly<Record<string, string>> {
    return { 'Mcp-Session-Id': this.session, 'MCP-Protocol-Version': '2025-11-25' }
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      const stream = request(this.#url, {
        agent: this.#agent,
        headers: { ...this.#headers(), Accept: 'text/event-stream' },
      })
      this.#stream = stream
      stream.on('error', reject)
      stream.on('response', (response) => {
        if (response.statusCode !== 200) return reject(new Error(`GET: ${response.statusCode}`))
        this.#hear(response)
        resolve()
      })
      stream.end()
    })
  }

  #hear(response: IncomingMessage): void {
    let text = ''
    response.setEncoding('utf8')
    response.on('error', () => {})
    response.on('end', () => {
      this.ended = true
    })
    response.on('data', (chunk: string) => {
      text += chunk
      const end = text.lastIndexOf('\n\n')
      if (end < 0) return
      for (const { params } of messagesIn(text.slice(0, end))) this.heard.push(params?.data ?? '')
      text = text.slice(end + 2)
    })
  }
}

function messagesIn(events: string): readonly Message[] {
  return events
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => parseJson<Message>(line.slice('data: '.length)))
}

function exchange(
  url: string,
  agent: Agent,
  method: string,
  headers: Readonly<Record<string, string>>,
  message?: object,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const body = message === undefined ? '' : JSON.stringify(message)
    const outgoing = request(url, { agent, method, headers: { ...HEADERS, ...headers } })
    outgoing.on('error', reject)
    outgoing.on('response', (response) => {
      const id = response.headers['mcp-session-id']
      let text = ''
      response.setEncoding('utf8')
      response.on('error', reject)
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          sessionId: typeof id === 'string' ? id : undefined,
          body: text,
        }),
      )
    })
    outgoing.end(body)
  })
}
