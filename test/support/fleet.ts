/**
 * A fleet of official SDK clients, old and new, that call a tool without a break and repeat a call only
 * when it is certain that nobody has run it.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { closeAfterTest } from './scope.ts'

/** How one attempt at a call ended, as its client sees it. */
export type AttemptEnd =
  | 'answered'
  /** The answer says that the tool was not run, and why. */
  | 'refused'
  /** There was no connection, so nothing was sent. */
  | 'unsent'
  /** Nobody can say whether the tool ran: what must not happen. */
  | `lost: ${string}`

export interface Attempt {
  /** The argument of the call, which no other attempt has. */
  readonly text: string
  readonly end: AttemptEnd
}

export interface Fleet {
  readonly attempts: readonly Attempt[]
  count(end: AttemptEnd): number
  /** Ends every client's work after the call that it is at. */
  stop(): Promise<void>
}

export interface FleetPlan {
  /** The endpoints of a server with sessions, and of one that speaks 2026-07-28. */
  readonly urls: { readonly v1: string; readonly v2: string }
  /** So many clients of each kind. */
  readonly size: number
  /** Between two calls of a client. */
  readonly pauseMs: number
}

type CallTool = (params: {
  name: string
  arguments: Record<string, unknown>
}) => Promise<Readonly<Record<string, unknown>>>

/** Before a call is made again. */
const AGAIN_AFTER_MS = 25

export async function startFleet({ urls, size, pauseMs }: FleetPlan): Promise<Fleet> {
  const attempts: Attempt[] = []
  const state = { ended: false }
  const work = async (name: string, callTool: CallTool): Promise<void> => {
    for (let call = 0; !state.ended; call += 1) {
      for (let again = 0; ; again += 1) {
        const text = `${name} ${call} ${again}`
        const end = await attempt(callTool, text)
        attempts.push({ text, end })
        if (end === 'answered' || state.ended) break
        await sleep(AGAIN_AFTER_MS)
      }
      await sleep(pauseMs)
    }
  }
  const clients = [
    ...(await Promise.all(Array.from({ length: size }, () => connectV1(urls.v1)))),
    ...(await Promise.all(Array.from({ length: size }, () => connectV2(urls.v2)))),
  ]
  const working = Promise.all(clients.map((callTool, index) => work(String(index), callTool)))
  const stop = async (): Promise<void> => {
    state.ended = true
    await working
  }
  closeAfterTest(stop)
  return { attempts, count: (end) => attempts.filter((one) => one.end === end).length, stop }
}

async function connectV1(url: string): Promise<CallTool> {
  const client = new ClientV1({ name: 'fleet-v1', version: '1.0.0' })
  closeAfterTest(() => client.close())
  await client.connect(new TransportV1(new URL(url)))
  return (params) => client.callTool(params)
}

async function connectV2(url: string): Promise<CallTool> {
  const client = new ClientV2(
    { name: 'fleet-v2', version: '2.0.0' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  )
  closeAfterTest(() => client.close())
  await client.connect(new TransportV2(new URL(url)))
  return async (params) => ({ ...(await client.callTool(params)) })
}

async function attempt(callTool: CallTool, text: string): Promise<AttemptEnd> {
  try {
    const { isError, _meta: meta } = await callTool({ name: 'echo', arguments: { text } })
    if (isError !== true) return 'answered'
    const why = JSON.stringify(meta)
    return why.includes('"reason":"draining"') ? 'refused' : `lost: ${why}`
  } catch (error) {
    return codeOf(error) === 'ECONNREFUSED' ? 'unsent' : `lost: ${describe(error)}`
  }
}

/** The code of what the system said, however deep it lies. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  return 'code' in error && typeof error.code === 'string' && error.code.startsWith('E')
    ? error.code
    : codeOf(error.cause)
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? ` (${String(error.code)})` : ''
  return `${error.message}${code}${error.cause === undefined ? '' : `, for ${describe(error.cause)}`}`
}
