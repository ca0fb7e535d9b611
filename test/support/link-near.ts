/** The client's end of a link: sends messages, and shows the exact bytes of those that come back. */

import assert from 'node:assert/strict'
import { request, type ClientRequest, type IncomingMessage } from 'node:http'
import { valuesOf } from './http-message.ts'
import { parseJson } from './json.ts'
import { closeAfterTest } from './scope.ts'
import { SOON, waitFor } from './wait-for.ts'
import type { Wrapped } from './wrapped.ts'

/** One HTTP request of the client and its reply. */
export interface Posted {
  /** Undefined until the head of the reply has come. */
  readonly status: number | undefined
  readonly rawHeaders: readonly string[]
  /** What has come of the body. */
  readonly body: Buffer
  /** The messages in it so far, taken or not. */
  readonly messages: readonly string[]
  /** `whole`: it ended in good order; `broken`: it did not. */
  readonly end: 'whole' | 'broken' | undefined
  /** Waits for the head. */
  head(): Promise<number>
  /** Waits for the end in good order. */
  whole(): Promise<Posted>
  hangUp(): void
}

export interface Near {
  /** What has arrived and was not taken yet. */
  readonly waiting: readonly string[]
  /** Sends a message; over HTTP returns the request. `headers` replace those of the same names. */
  send(message: string, headers?: Readonly<Record<string, string>>): Posted | undefined
  /** The next message, whatever it came on. */
  next(): Promise<string>
}

/** What stands in the `_meta` of messages of 2026-07-28, and names their method. */
interface Facts {
  readonly method?: string
  readonly params?: {
    readonly name?: string
    readonly uri?: string
    readonly taskId?: string
    readonly _meta?: Readonly<Record<string, unknown>>
  }
}

export class HttpNear implements Near {
  readonly waiting: string[] = []
  readonly url: string
  /** Sent with every request, such as the session. */
  readonly headers: Record<string, string> = {}

  constructor(url: string) {
    this.url = url
  }

  send(message: string, headers: Readonly<Record<string, string>> = {}): Posted {
    return this.request('POST', message, {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      ...mirrored(message),
      ...headers,
    })
  }

  /** Opens the stream on which the server speaks first. */
  listen(headers: Readonly<Record<string, string>> = {}): Posted {
    return this.request('GET', '', { Accept: 'text/event-stream', ...headers })
  }

  request(method: string, body: string, headers: Readonly<Record<string, string>>): Posted {
    const bytes = Buffer.from(body)
    const outgoing = request(this.url, {
      method,
      agent: false,
      headers: {
        ...this.headers,
        ...headers,
        ...(method === 'POST' ? { 'Content-Length': bytes.length } : {}),
      },
    })
    const posted = new PostedRequest(outgoing, (message) => this.waiting.push(message))
    outgoing.end(bytes)
    return posted
  }

  next(): Promise<string> {
    return nextOf(this.waiting)
  }
}

export class PipeNear implements Near {
  readonly #wrapped: Wrapped
  #taken = 0

  constructor(wrapped: Wrapped) {
    this.#wrapped = wrapped
  }

  get waiting(): readonly string[] {
    return this.#wrapped.lines.slice(this.#taken)
  }

  send(message: string): undefined {
    this.#wrapped.write(`${message}\n`)
  }

  async next(): Promise<string> {
    const line = await this.#wrapped.line(this.#taken)
    this.#taken += 1
    return line
  }
}

async function nextOf(waiting: string[]): Promise<string> {
  await waitFor(() => waiting.length > 0, { within: SOON, what: 'a message at the client' })
  return waiting.shift() ?? ''
}

/** The headers that 2026-07-28 wants of a message. */
function mirrored(message: string): Record<string, string> {
  const { method = '', params = {} } = message.startsWith('{') ? parseJson<Facts>(message) : {}
  const revision = params._meta?.['io.modelcontextprotocol/protocolVersion']
  if (typeof revision !== 'string') return {}
  const key = method === 'resources/read' ? 'uri' : method.startsWith('tasks/') ? 'taskId' : 'name'
  const name = params[key]
  return {
    'MCP-Protocol-Version': revision,
    'Mcp-Method': method,
    ...(name === undefined ? {} : { 'Mcp-Name': name }),
  }
}

class PostedRequest implements Posted {
  readonly messages: string[] = []
  end: Posted['end']
  readonly #outgoing: ClientRequest
  readonly #onMessage: (message: string) => void
  readonly #chunks: Buffer[] = []
  #response: IncomingMessage | undefined
  #unread = ''

  constructor(outgoing: ClientRequest, onMessage: (message: string) => void) {
    this.#outgoing = outgoing
    this.#onMessage = onMessage
    closeAfterTest(async () => this.hangUp())
    outgoing.on('error', () => (this.end ??= 'broken'))
    outgoing.on('response', (response) => this.#read(response))
  }

  get status(): number | undefined {
    return this.#response?.statusCode
  }

  get rawHeaders(): readonly string[] {
    return this.#response?.rawHeaders ?? []
  }

  get body(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  async head(): Promise<number> {
    return waitFor(() => this.status, { within: SOON, what: 'the head of a reply' })
  }

  async whole(): Promise<Posted> {
    await waitFor(() => this.end !== undefined, { within: SOON, what: 'the end of a reply' })
    assert.equal(this.end, 'whole')
    return this
  }

  hangUp(): void {
    this.#outgoing.destroy()
  }

  #read(response: IncomingMessage): void {
    this.#response = response
    const streams = valuesOf(response.rawHeaders, 'content-type')[0]?.startsWith('text/event-str')
    response.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk)
      if (streams === true) this.#readEvents(chunk)
    })
    response.on('end', () => {
      this.end = 'whole'
      const text = this.body.toString('utf8')
      if (streams !== true && text.startsWith('{')) this.#message(text)
      if (streams !== true && text.startsWith('[')) this.#message(text)
    })
    response.on('error', () => (this.end ??= 'broken'))
    response.on('aborted', () => (this.end ??= 'broken'))
  }

  #readEvents(chunk: Buffer): void {
    // Joined as Latin-1, so that a character may be cut anywhere.
    const events = (this.#unread + chunk.toString('latin1')).split('\n\n')
    this.#unread = events.pop() ?? ''
    for (const event of events) {
      const data = event.split('\n').flatMap((line) => /^data: ?(.*)$/s.exec(line)?.[1] ?? [])
      const text = Buffer.from(data.join('\n'), 'latin1').toString('utf8')
      if (text !== '') this.#message(text)
    }
  }

  #message(text: string): void {
    this.messages.push(text)
    this.#onMessage(text)
  }
}
