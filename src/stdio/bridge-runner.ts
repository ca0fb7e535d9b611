/** Runs the requests of a bridge through the pipeline, and knows those that are under way. */

import type { Exchange, ExchangeKind } from '../core/exchange.ts'
import { logDefect } from '../core/log.ts'
import { isLongLived } from '../mcp/methods.ts'
import type { Token, WireMessage } from '../mcp/wire-message.ts'
import { handle, refuseUnread } from '../pipeline/handle.ts'
import type { Stages } from '../pipeline/stages.ts'
import { BridgeClient, type BridgeEnd } from './bridge-client.ts'
import type { BridgeFacts } from './bridge-facts.ts'
import type { BridgeHeaders } from './bridge-headers.ts'
import { lineExchange } from './line-exchange.ts'
import type { LineOutput } from './line-output.ts'

/** What is known of a request besides its bytes. */
export type About = Partial<BridgeFacts> & {
  readonly lastEventId?: string | undefined
  /** True for a line that holds no message. */
  readonly unreadable?: boolean
  /** True for a message that is not the client's. */
  readonly muted?: boolean
}

export interface BridgeRequest {
  readonly kind: ExchangeKind
  readonly body: Buffer
  /** Ids of the requests whose answers it may bring. */
  readonly requests: readonly Token[]
  readonly about: About
  readonly sessionId: string | undefined
  /** The status, and the session that begins. */
  readonly onHead: (status: number, sessionId: string | undefined) => void
  readonly onMessage: (line: Buffer, message: WireMessage) => void
  readonly onEnd: (end: BridgeEnd) => void
}

export interface BridgeRunnerOptions {
  readonly stages: Stages
  readonly upstream: string
  readonly lineBytesMax: number
  readonly output: LineOutput
  readonly headers: BridgeHeaders
}

interface Running {
  readonly client: BridgeClient
  readonly ids: ReadonlySet<string>
  /** True for a request that lasts as long as its client listens. */
  readonly listens: boolean
}

export class BridgeRunner {
  readonly #options: BridgeRunnerOptions
  readonly #running = new Set<Running>()

  constructor(options: BridgeRunnerOptions) {
    this.#options = options
  }

  /** True while a request has no answer, except those that last. */
  get waits(): boolean {
    return [...this.#running].some(({ client, listens }) => client.waits && !listens)
  }

  run(request: BridgeRequest): void {
    const { stages, lineBytesMax, upstream, output, headers } = this.#options
    const { kind, body, requests, about, sessionId, onHead, onMessage } = request
    const exchange = lineExchange({
      upstream,
      kind,
      body,
      headers: headers.for(kind, body, { ...about, sessionId }),
      sessionId,
      nowMs: stages.clock.monotonicMs(),
    })
    const client: BridgeClient = new BridgeClient({
      output,
      requests,
      unreadable: about.unreadable === true,
      resumes: kind === 'stream' && requests.length > 0,
      inSession: kind === 'message' && sessionId !== undefined,
      muted: about.muted === true,
      messageBytesMax: lineBytesMax,
      onHead,
      onMessage,
      onEnd: (end) => {
        this.#running.delete(running)
        request.onEnd(end)
      },
    })
    const listens = isLongLived(about.method ?? '')
    const running: Running = { client, ids: new Set(requests.map(({ key }) => key)), listens }
    this.#running.add(running)
    this.#handle(exchange, client)
  }

  /** Hangs up on the request with this id. */
  leave(idKey: string | undefined): void {
    for (const { client, ids } of this.#running) {
      if (idKey !== undefined && ids.has(idKey)) client.leave()
    }
  }

  leaveAll(): void {
    for (const { client } of this.#running) client.leave()
  }

  #handle(exchange: Exchange, client: BridgeClient): void {
    const { stages } = this.#options
    try {
      handle(exchange, client, stages)
    } catch (error) {
      logDefect(stages.log, 'A defect of the sidecar ended an exchange', error)
      refuseUnread(exchange, client, { kind: 'internal' }, stages)
    }
  }
}
