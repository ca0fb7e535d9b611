/**
 * What a bridge between transports reads of a JSON-RPC message, with the places of the members that
 * it may have to replace: ids, progress tokens and subscription ids are only unique per client.
 */

import { compileShape, Slot } from './json-shape.ts'
import { JsonScanner } from './json-scanner.ts'
import { NameWatch } from './name-watch.ts'
import { readId } from './read-id.ts'
import { ID_BYTES_MAX, META_PROTOCOL_VERSION, NAME_BYTES_MAX } from './shapes.ts'

/** A scalar member: what it is, and where it stands. */
export interface Token {
  /** JSON text. */
  readonly raw: string
  /** Equal for equal values however they are spelled. */
  readonly key: string
  readonly start: number
  readonly end: number
}

export interface WireMessage {
  readonly kind: 'request' | 'notification' | 'response'
  /** Empty for responses. */
  readonly method: string
  readonly id: Token | undefined
  /** `params._meta.progressToken` of a request. */
  readonly progressToken: Token | undefined
  /** `params.progressToken` of `notifications/progress`. */
  readonly progressOf: Token | undefined
  /** `params.requestId` of `notifications/cancelled`. */
  readonly cancels: Token | undefined
  /** `_meta["io.modelcontextprotocol/subscriptionId"]` of params or result (2026-07-28). */
  readonly subscription: Token | undefined
  /** `error.code` of an error response. */
  readonly errorCode: number | undefined
  /** True when `_meta` names a protocol revision: the message claims the stateless era. */
  readonly claimsModern: boolean
  /** True when `_meta` says what the client can do, as 2026-07-28 requires of requests. */
  readonly namesCapabilities: boolean
  /** True when `_meta` asks for log messages (2026-07-28). */
  readonly wantsLogs: boolean
  /**
   * True when a member that we replace stands there twice, or in another case: some servers match names
   * without regard to case, and would take another one than we do. Only looked for on demand.
   */
  readonly ambiguous: boolean
  /** Offsets of the message itself: all of the line, or one member of a batch. */
  readonly start: number
  readonly end: number
}

const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId'
const LOG_LEVEL = 'io.modelcontextprotocol/logLevel'
const CLIENT_CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities'

const WIRE = {
  message: 0,
  id: 1,
  method: 2,
  progressOf: 3,
  cancels: 4,
  progressToken: 5,
  paramsSubscription: 6,
  result: 7,
  resultSubscription: 8,
  error: 9,
  errorCode: 10,
  version: 11,
  logLevel: 12,
  capabilities: 13,
} as const

const WIRE_SHAPE = compileShape({
  slot: WIRE.message,
  members: {
    id: { slot: WIRE.id, bytesMax: ID_BYTES_MAX },
    method: { slot: WIRE.method, bytesMax: NAME_BYTES_MAX },
    params: {
      members: {
        progressToken: { slot: WIRE.progressOf, bytesMax: ID_BYTES_MAX },
        requestId: { slot: WIRE.cancels, bytesMax: ID_BYTES_MAX },
        _meta: {
          members: {
            progressToken: { slot: WIRE.progressToken, bytesMax: ID_BYTES_MAX },
            [SUBSCRIPTION_ID]: { slot: WIRE.paramsSubscription, bytesMax: ID_BYTES_MAX },
            [META_PROTOCOL_VERSION]: { slot: WIRE.version, bytesMax: 64 },
            [LOG_LEVEL]: { slot: WIRE.logLevel, bytesMax: 64 },
            [CLIENT_CAPABILITIES]: { slot: WIRE.capabilities },
          },
        },
      },
    },
    result: {
      slot: WIRE.result,
      members: {
        _meta: {
          members: { [SUBSCRIPTION_ID]: { slot: WIRE.resultSubscription, bytesMax: ID_BYTES_MAX } },
        },
      },
    },
    error: { slot: WIRE.error, members: { code: { slot: WIRE.errorCode, bytesMax: 32 } } },
  },
})

/** The messages of one line, in order: one, or several in a batch; undefined when it is no JSON. */
export type WireLine = readonly WireMessage[] | undefined

/** Reads lines whole, or line parts as they pass. Synchronous, and not re-entrant. */
export class WireReader {
  readonly #scanner: JsonScanner
  #messages: WireMessage[] = []
  #sound = true
  #names: NameWatch | undefined

  /** `watchNames`: also find out whether messages are `ambiguous`, which costs time. */
  constructor({ watchNames = false }: { readonly watchNames?: boolean } = {}) {
    const names = watchNames ? new NameWatch() : undefined
    this.#names = names
    this.#scanner = new JsonScanner(WIRE_SHAPE, {
      strict: false,
      depthMax: Number.MAX_SAFE_INTEGER,
      ...(names === undefined ? {} : { names }),
      onMessage: (slots) => {
        const message = toWireMessage(slots, names?.ambiguous ?? false)
        if (message === undefined) this.#sound = false
        else this.#messages.push(message)
      },
      onOther: () => {
        this.#sound = false
      },
    })
  }

  read(line: Buffer): WireLine {
    this.part(line)
    return this.end()
  }

  part(bytes: Buffer): void {
    this.#scanner.write(bytes)
  }

  end(): WireLine {
    const complete = this.#scanner.end() === 'complete'
    const messages = this.#messages
    const sound = this.#sound && messages.length > 0
    this.#messages = []
    this.#sound = true
    this.#names?.reset()
    this.#scanner.reset()
    return complete && sound ? messages : undefined
  }
}

const NO_SLOT = new Slot()

function toWireMessage(slots: readonly Slot[], ambiguous: boolean): WireMessage | undefined {
  const at = (index: number): Slot => slots[index] ?? NO_SLOT
  const method = at(WIRE.method).text()
  const answers = at(WIRE.result).type !== 'none' || at(WIRE.error).type !== 'none'
  if (method === undefined && !answers) return undefined
  const id = tokenOf(at(WIRE.id))
  const { start, end } = at(WIRE.message)
  return {
    kind: kindOf(method, id),
    method: method ?? '',
    id,
    progressToken: tokenOf(at(WIRE.progressToken)),
    progressOf: tokenOf(at(WIRE.progressOf)),
    cancels: tokenOf(at(WIRE.cancels)),
    subscription: tokenOf(at(WIRE.paramsSubscription)) ?? tokenOf(at(WIRE.resultSubscription)),
    errorCode: codeOf(at(WIRE.errorCode)),
    claimsModern: at(WIRE.version).type === 'string',
    namesCapabilities: at(WIRE.capabilities).type === 'object',
    wantsLogs: at(WIRE.logLevel).type === 'string',
    ambiguous,
    start,
    end,
  }
}

function kindOf(method: string | undefined, id: Token | undefined): WireMessage['kind'] {
  if (method === undefined) return 'response'
  return id === undefined ? 'notification' : 'request'
}

function codeOf({ raw }: Slot): number | undefined {
  return raw === undefined ? undefined : Number(raw)
}

function tokenOf(slot: Slot): Token | undefined {
  if (slot.type === 'none') return undefined
  const id = readId(slot)
  if (id === undefined || typeof id === 'string') return undefined
  return { raw: id.raw, key: id.key, start: slot.start, end: slot.end }
}
