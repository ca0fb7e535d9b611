/**
 * What clients do to a sidecar over the hours: they come with tokens of their own, begin sessions, call
 * tools of all kinds, hold streams, read large ones, leave in the middle, and end properly or not at all.
 */

import { Agent, request, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Caller } from './caller.ts'

export interface ChurnCounts {
  sessions: number
  calls: number
  toolErrors: number
  aborted: number
  streams: number
  streamedMb: number
  abandoned: number
  failed: number
}

/** Clients at a time. */
const CLIENTS = 24

/** Longest time that an aborted call is left open. */
const ABORT_MS = 100

const BIG_MB = 8

/** Whose tokens are used in turns; each token is a new one. */
const PEOPLE = 500

/** Names that no list of tools has, more than statistics are kept of. */
const UNLISTED = 2_000

/** Which of a client's calls does what, in turns; the rest is ordinary. */
const EVERY = { fail: 7, abort: 11, big: 40, leaveBig: 60 }

const CALLS_OF_A_CLIENT = 12

interface Client {
  readonly token: string
  sessionId: string | undefined
}

export class Churn {
  readonly counts: ChurnCounts = {
    sessions: 0,
    calls: 0,
    toolErrors: 0,
    aborted: 0,
    streams: 0,
    streamedMb: 0,
    abandoned: 0,
    failed: 0,
  }
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 64 })
  readonly #url: string
  readonly #caller: Caller
  readonly #pauseMs: number
  #over = false
  #turn = 0

  constructor(url: string, caller: Caller, callsPerSecond: number) {
    this.#url = url
    this.#caller = caller
    this.#pauseMs = (1_000 * CLIENTS) / callsPerSecond
  }

  /** Goes on until `stop`. */
  async run(): Promise<void> {
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        while (!this.#over) await this.#oneClient()
      }),
    )
    this.#agent.destroy()
  }

  stop(): void {
    this.#over = true
  }

  async #oneClient(): Promise<void> {
    this.#turn += 1
    const turn = this.#turn
    const token = await this.#caller.tokenFor(`user-${turn % PEOPLE}`)
    const client: Client = { token, sessionId: undefined }
    try {
      await this.#begin(client)
      const held = turn % 2 === 0 ? this.#hold(client) : undefined
      for (let call = 0; call < CALLS_OF_A_CLIENT && !this.#over; call += 1) {
        await sleep(this.#pauseMs)
        await this.#call(client)
      }
      held?.destroy()
      if (turn % 3 === 0) this.counts.abandoned += 1
      else await this.#end(client)
    } catch {
      this.counts.failed += 1
      await sleep(this.#pauseMs)
    }
  }

  async #begin(client: Client): Promise<void> {
    const reply = await this.#post(client, {
      id: 1,
      method: 'initialize',
      params: {
        protocolVersion: '2025-06-18',
        capabilities: {},
        clientInfo: { name: 'soak', version: '1' },
      },
    })
    await readAll(reply)
    client.sessionId = String(reply.headers['mcp-session-id'])
    await readAll(await this.#post(client, { method: 'notifications/initialized' }))
    this.counts.sessions += 1
  }

  async #call(client: Client): Promise<void> {
    this.counts.calls += 1
    const number = this.counts.calls
    if (number % EVERY.abort === 0) return this.#abort(client)
    if (number % EVERY.leaveBig === 0) return this.#big(client, true)
    if (number % EVERY.big === 0) return this.#big(client, false)
    const failing = number % EVERY.fail === 0
    const unlisted = `list_${number % UNLISTED}`
    const name = failing ? 'list_fail' : number % 3 === 0 ? unlisted : 'search'
    const text = await readAll(await this.#callTool(client, name))
    if (text.includes('"isError":true')) this.counts.toolErrors += 1
    if (!text.includes('"result"')) this.counts.failed += 1
  }

  async #abort(client: Client): Promise<void> {
    const call = this.#open(client, 'POST', toolCall('list_hang'))
    call.on('error', () => {})
    await sleep(Math.min(ABORT_MS, this.#pauseMs))
    call.destroy()
    this.counts.aborted += 1
  }

  async #big(client: Client, leave: boolean): Promise<void> {
    const reply = await this.#callTool(client, `list_stream_${BIG_MB}`)
    this.counts.streams += 1
    let bytes = 0
    for await (const chunk of reply) {
      bytes += chunk.length
      if (leave && bytes > (BIG_MB * 1_048_576) / 2) break
    }
    this.counts.streamedMb += bytes / 1_048_576
  }

  /** A stream of the session, on which nothing comes. */
  #hold(client: Client): { destroy(): void } {
    const stream = this.#open(client, 'GET', '')
    stream.on('error', () => {})
    stream.on('response', (reply: IncomingMessage) => {
      reply.on('error', () => {})
      reply.resume()
    })
    this.counts.streams += 1
    return stream
  }

  async #end(client: Client): Promise<void> {
    await readAll(await toReply(this.#open(client, 'DELETE', '')))
  }

  #callTool(client: Client, name: string): Promise<IncomingMessage> {
    return toReply(this.#open(client, 'POST', toolCall(name)))
  }

  #post(client: Client, message: Record<string, unknown>): Promise<IncomingMessage> {
    return toReply(this.#open(client, 'POST', JSON.stringify({ jsonrpc: '2.0', ...message })))
  }

  #open(client: Client, method: string, body: string): ReturnType<typeof request> {
    const session: Record<string, string> =
      client.sessionId === undefined
        ? {}
        : { 'Mcp-Session-Id': client.sessionId, 'MCP-Protocol-Version': '2025-06-18' }
    const opened = request(this.#url, {
      method,
      agent: this.#agent,
      headers: {
        Authorization: `Bearer ${client.token}`,
        Accept: method === 'GET' ? 'text/event-stream' : 'application/json, text/event-stream',
        ...(body === ''
          ? {}
          : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }),
        ...session,
      },
    })
    opened.end(body)
    return opened
  }
}

function toolCall(name: string): string {
  const params = { name, arguments: { query: 'weather in Vienna' } }
  return JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/call', params })
}

function toReply(opened: ReturnType<typeof request>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    opened.once('response', resolve)
    opened.once('error', reject)
  })
}

async function readAll(reply: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of reply) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
