/** The server's end of a link: shows the exact bytes of what arrives, and answers exact bytes. */

import type { Puppet, Puppets } from './puppets.ts'
import { parseJson } from './json.ts'
import type { RawHandler, RawUpstream, Reply, UpstreamRequest } from './raw-upstream.ts'
import { SOON, waitFor } from './wait-for.ts'

/** A message, or a batch of them, as it arrived. */
export interface Taken {
  readonly text: string
  /** A message before the answer, on the way of the answer. */
  say(message: string): void
  /** The answer. */
  answer(message: string): void
  /** Ends the reply in good order without an answer, where there is a reply to end. */
  endReply(): void
  /** Over HTTP: the request. */
  readonly request: UpstreamRequest | undefined
  readonly reply: Reply | undefined
  /** Over pipes: the process. */
  readonly puppet: Puppet | undefined
}

export interface Far {
  /** What has arrived and was not taken yet. */
  readonly waiting: readonly Taken[]
  /** The next message that arrived. */
  next(): Promise<Taken>
  /** A message that belongs to no request of the client. */
  speak(message: string): void
}

export class HttpFar implements Far {
  readonly waiting: Taken[] = []
  /** The open streams on which the server speaks first. */
  readonly streams: Reply[] = []
  readonly gets: UpstreamRequest[] = []
  readonly deletes: UpstreamRequest[] = []
  upstream: RawUpstream | undefined
  /** What the server says of a session in its answer to `initialize`. */
  sessionId = 'far-session'

  readonly handler: RawHandler = (request, reply) => {
    if (request.method === 'GET') {
      this.gets.push(request)
      this.streams.push(reply)
      return reply.stream()
    }
    if (request.method === 'DELETE') {
      this.deletes.push(request)
      return reply.send({ headers: [] })
    }
    const text = request.body.toString('utf8')
    // What nobody answers is accepted at once.
    if (!isAsked(text)) reply.send({ status: '202 Accepted', headers: [] })
    this.waiting.push(takenOverHttp(request, reply, text, this.#headersFor(text)))
  }

  next(): Promise<Taken> {
    return nextOf(this.waiting)
  }

  speak(message: string): void {
    this.streams.at(-1)?.chunk(`data: ${message}\n\n`)
  }

  #headersFor(text: string): readonly string[] {
    return text.includes('"initialize"') ? [`Mcp-Session-Id: ${this.sessionId}`] : []
  }
}

function takenOverHttp(
  request: UpstreamRequest,
  reply: Reply,
  text: string,
  headers: readonly string[],
): Taken {
  let streaming = false
  const say = (message: string): void => {
    if (!streaming) reply.stream(headers)
    streaming = true
    reply.chunk(`data: ${message}\n\n`)
  }
  return {
    text,
    request,
    reply,
    puppet: undefined,
    say,
    answer: (message) => {
      if (!streaming) {
        const sent = ['Content-Type: application/json', ...headers]
        return reply.send({ headers: sent, body: message })
      }
      say(message)
      reply.endStream()
    },
    endReply: () => {
      if (!streaming) reply.stream(headers)
      reply.endStream()
    },
  }
}

/** True when the text holds a request. */
function isAsked(text: string): boolean {
  const value = parseJson<object | readonly object[]>(text)
  const messages: readonly object[] = Array.isArray(value) ? value : [value]
  return messages.some((message) => 'method' in message && 'id' in message)
}

export class PipeFar implements Far {
  readonly waiting: Taken[] = []
  puppets: Puppets | undefined
  /** The result of `tools/list` when the sidecar itself asks for it. */
  tools = '{"tools":[]}'
  #newest: Puppet | undefined

  readonly onLine = (line: Buffer, puppet: Puppet): void => {
    const text = line.toString('utf8')
    const asked = /^\{"jsonrpc":"2.0","id":("sidelight-tools-\d+"),/.exec(text)?.[1]
    if (asked !== undefined) {
      return puppet.say(`{"jsonrpc":"2.0","id":${asked},"result":${this.tools}}`)
    }
    this.#newest = puppet
    const say = (message: string): void => puppet.say(message)
    this.waiting.push({
      text,
      puppet,
      say,
      answer: say,
      endReply: () => {},
      request: undefined,
      reply: undefined,
    })
  }

  next(): Promise<Taken> {
    return nextOf(this.waiting)
  }

  speak(message: string): void {
    this.#newest?.say(message)
  }
}

/** Starting a process takes longer than a request. */
const WITHIN = 3 * SOON

async function nextOf(waiting: Taken[]): Promise<Taken> {
  return waitFor(() => waiting.shift(), { within: WITHIN, what: 'a message at the server' })
}
