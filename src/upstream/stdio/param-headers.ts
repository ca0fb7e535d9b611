/**
 * `Mcp-Param-*` request headers against the arguments they repeat (2026-07-28 Streamable HTTP,
 * SEP-2243). Which arguments are repeated stands in the tools' schemas, so the server is asked for
 * them once in a while.
 */

import { headerOf, type Exchange } from '../../core/exchange.ts'
import { decodeHeaderValue } from '../../mcp/mirrored-headers.ts'
import {
  paramValues,
  readToolDeclarations,
  type ParamDeclaration,
  type ToolDeclarations,
} from '../../mcp/param-declarations.ts'
import type { WireMessage } from '../../mcp/wire-message.ts'
import type { Flight, ReplySink } from '../transport.ts'
import { jsonHeaders } from './framing.ts'
import type { SessionProcess } from './stdio-session.ts'

/**
 * How long schemas are believed, and for how long a server that gave none is not asked again. The
 * `ttlMs` of the answer is for caches of clients, and often 0.
 */
const TTL_MS = 60_000

/** A server that does not answer in time is called unchecked: it never sees the headers anyway. */
const ANSWER_MS = 5_000

const PAGES_MAX = 32
const HEADER_MISMATCH = -32020

export class ParamHeaders {
  readonly #process: SessionProcess
  readonly #nowMs: () => number
  #tools: ToolDeclarations | undefined
  #untilMs = 0
  #waiting: (() => void)[] = []
  #asked = 0
  /** Key of the id of the newest question. */
  #key = ''
  #pages = 0
  /** The revision that our own questions claim: that of the client's call. */
  #version = ''
  #found = new Map<string, readonly ParamDeclaration[]>()
  #timer: NodeJS.Timeout | undefined

  constructor(process: SessionProcess, nowMs: () => number) {
    this.#process = process
    this.#nowMs = nowMs
  }

  /** Calls that wait to be sent. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Sends the call when its headers agree with it, and refuses it with -32020 when not. */
  guard(exchange: Exchange, sink: ReplySink, proceed: () => Flight): Flight {
    if (this.#tools !== undefined && this.#nowMs() < this.#untilMs) {
      return this.#decide(exchange, sink, proceed)
    }
    let inner: Flight | undefined
    let aborted = false
    this.#waiting.push(() => {
      if (!aborted) inner = this.#decide(exchange, sink, proceed)
    })
    if (this.#waiting.length === 1) this.#ask(exchange, undefined)
    return {
      abort: (why) => {
        aborted = true
        inner?.abort(why)
      },
      resume: () => inner?.resume(),
    }
  }

  /** True when the message answers a question of ours. */
  received(line: Buffer, message: WireMessage): boolean {
    if (message.method === 'notifications/tools/list_changed') this.#tools = undefined
    if (message.kind !== 'response' || message.id?.key !== this.#key) return false
    const next = this.#learn(line.subarray(message.start, message.end))
    if (next === undefined) this.#settle(this.#found)
    else this.#ask(undefined, next)
    return true
  }

  /** The process has ended: nobody needs to wait for its schemas. */
  fail(): void {
    this.#settle(this.#tools ?? new Map())
  }

  #ask(exchange: Exchange | undefined, cursor: string | undefined): void {
    if (exchange !== undefined) {
      this.#version = exchange.calls[0]?.message.protocolVersion ?? ''
      this.#found = new Map()
      this.#pages = 0
      this.#timer = setTimeout(() => this.#settle(this.#tools ?? new Map()), ANSWER_MS)
    }
    this.#asked += 1
    const params = {
      _meta: {
        'io.modelcontextprotocol/protocolVersion': this.#version,
        'io.modelcontextprotocol/clientCapabilities': {},
        'io.modelcontextprotocol/clientInfo': { name: 'sidelight', version: '0' },
      },
      ...(cursor === undefined ? {} : { cursor }),
    }
    const id = `sidelight-tools-${this.#asked}`
    this.#key = `s${id}`
    this.#process.write(
      Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/list', params })),
    )
  }

  /** Takes one page; returns the cursor of the next. */
  #learn(bytes: Buffer): string | undefined {
    const { tools, nextCursor } = readToolDeclarations(bytes)
    for (const [name, declarations] of tools) this.#found.set(name, declarations)
    this.#pages += 1
    return this.#pages < PAGES_MAX ? nextCursor : undefined
  }

  #settle(tools: ToolDeclarations): void {
    clearTimeout(this.#timer)
    this.#untilMs = this.#nowMs() + TTL_MS
    this.#tools = tools
    const waiting = this.#waiting
    this.#waiting = []
    for (const go of waiting) go()
  }

  #decide(exchange: Exchange, sink: ReplySink, proceed: () => Flight): Flight {
    const message = exchange.calls[0]?.message
    const declarations = this.#tools?.get(message?.target ?? '') ?? []
    const wrong = declarations.length === 0 ? undefined : findMismatch(exchange, declarations)
    if (wrong === undefined) return proceed()
    const error = { code: HEADER_MISMATCH, message: `Header mismatch: ${wrong}` }
    const id = message?.id?.raw ?? 'null'
    const body = Buffer.from(`{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(error)}}`)
    sink.head(400, 'Bad Request', jsonHeaders(body.length))
    sink.data(body)
    sink.end()
    return { abort: () => {}, resume: () => {} }
  }
}

function findMismatch(
  { headers, body }: Exchange,
  declarations: readonly ParamDeclaration[],
): string | undefined {
  for (const { name, path, value } of paramValues(body, declarations)) {
    const sent = headerOf(headers, name.toLowerCase())
    if (sent === undefined) return `${name} is missing`
    const decoded = decodeHeaderValue(sent)
    if (decoded === undefined) return `${name} is no valid base64`
    const same =
      typeof value === 'number' ? isSameNumber(decoded, value) : decoded === String(value)
    if (!same) return `${name} does not match the argument ${path.join('.')}`
  }
  return undefined
}

/** 42 and 42.0 are one number; an empty text is none. */
function isSameNumber(text: string, value: number): boolean {
  return /^-?\d/.test(text) && Number(text) === value
}
