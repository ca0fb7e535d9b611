/** A sidecar between an agent and upstreams that have a bad day. */

import { request } from 'node:http'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import { parseJson } from '../support/json.ts'
import { answerWell, startRawUpstream, type RawUpstream } from '../support/raw-upstream.ts'
import { startTestSidecar, type TestSidecar } from '../support/test-sidecar.ts'
import { SOON, waitFor } from '../support/wait-for.ts'
import type { FaultProxy } from './fault-proxy.ts'
import { startFaultProxy } from './start-fault-proxy.ts'

/** What came back for one request. */
export interface Answer {
  readonly status: number
  /** The text of the tool's result, or the error's message. */
  readonly text: string
  /** `result`, `isError` or `error`; `none` for a reply that is no JSON-RPC message. */
  readonly kind: 'result' | 'isError' | 'error' | 'none'
  /** Why Sidelight answered in the upstream's place; undefined when it did not. */
  readonly reason: string | undefined
  readonly retryAfter: string | undefined
}

const BOTH_TYPES = 'application/json, text/event-stream'

/** More than any answer may take here. */
const PATIENCE_MS = 20_000

export const TOOL_CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}'
export const TOOL_LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'

/** A breaker whose times fit into a test. */
export const QUICK_BREAKER = {
  openTime: '300ms',
  recoveryTimeout: '600ms',
  slowStart: '0s',
}

export interface Scene {
  readonly sidecar: TestSidecar
  /** Between the sidecar and the upstream `main`. */
  readonly proxy: FaultProxy
  readonly upstream: RawUpstream
}

/** `main` behind a fault proxy, and `good`, which always is. */
export async function startScene(
  options: Readonly<Record<string, unknown>> = {},
  clock: Clock = systemClock,
): Promise<Scene> {
  const upstream = await startRawUpstream(answerWell)
  const good = await startRawUpstream(answerWell)
  const proxy = await startFaultProxy({ url: upstream.url })
  const sidecar = await startTestSidecar({
    upstreams: {
      main: { url: proxy.url, breaker: QUICK_BREAKER, ...options },
      good: good.url,
    },
    clock,
  })
  return { sidecar, proxy, upstream }
}

/** One request; waits for the reply as long as agents do. */
export function ask(url: string, body = TOOL_CALL, signal?: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json', Accept: BOTH_TYPES }
    const options = { method: 'POST', headers, agent: false as const, timeout: PATIENCE_MS }
    const made = request(url, { ...options, ...(signal === undefined ? {} : { signal }) })
    made.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode: status = 0, headers: received } = response
        const retryAfter = received['retry-after']
        resolve({ status, ...readMessage(Buffer.concat(chunks)), retryAfter })
      })
    })
    made.on('timeout', () => made.destroy(new Error(`no reply within ${PATIENCE_MS} ms`)))
    made.on('error', reject)
    made.end(body)
  })
}

/** As many at the same time. */
export function askMany(url: string, count: number, body = TOOL_CALL): Promise<readonly Answer[]> {
  return Promise.all(Array.from({ length: count }, () => ask(url, body)))
}

/** One after the other. */
export async function askInTurn(
  url: string,
  count: number,
  body = TOOL_CALL,
): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  for (let i = 0; i < count; i += 1) answers.push(await ask(url, body))
  return answers
}

/** How often each came: `result`, or why Sidelight answered, or the status. */
export function tally(answers: readonly Answer[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { kind, reason, status } of answers) {
    const what = reason ?? (kind === 'result' ? kind : String(status))
    counts[what] = (counts[what] ?? 0) + 1
  }
  return counts
}

/** The state of an upstream's breaker, as gauges show it. */
export async function breakerState(sidecar: TestSidecar, upstream = 'main'): Promise<string> {
  const metrics = await sidecar.metrics()
  const found = metrics
    .find('sidelight_breaker_status', { sidelight_upstream_name: upstream })
    .filter(({ labels, value }) => value === 1 && (labels['gen_ai_tool_name'] ?? '') === '')
  return found.map(({ labels }) => labels['sidelight_breaker_state']).join()
}

/** The sum of a counter of the upstream `main`. */
export async function countOf(
  sidecar: TestSidecar,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const metrics = await sidecar.metrics()
  return metrics.sum(name, { sidelight_upstream_name: 'main', ...labels })
}

/** Waits until the breaker is in this state, without a call of an agent. */
export async function breakerIs(
  sidecar: TestSidecar,
  state: 'closed' | 'open' | 'half_open',
): Promise<void> {
  await waitFor(async () => (await breakerState(sidecar)) === state, {
    within: SOON,
    what: `the breaker to be ${state}`,
  })
}

/** Asks until the tool itself answers again; resolves to the answers before. */
export async function askUntilWell(url: string, within = SOON): Promise<readonly Answer[]> {
  const before: Answer[] = []
  await waitFor(
    async () => {
      const answer = await ask(url)
      if (answer.kind !== 'result') before.push(answer)
      return answer.kind === 'result'
    },
    { within, what: 'the tool to answer again' },
  )
  return before
}

function readMessage(bytes: Buffer): Pick<Answer, 'kind' | 'text' | 'reason'> {
  const none = { kind: 'none', text: bytes.toString(), reason: undefined } as const
  if (!bytes.toString().startsWith('{')) return none
  const { result, error } = parseJson<{
    result?: { content?: { text: string }[]; isError?: boolean; _meta?: Meta }
    error?: { message: string; data?: { source?: string; reason?: string } }
  }>(bytes)
  if (error !== undefined) {
    const reason = error.data?.source === 'sidelight' ? error.data.reason : undefined
    return { kind: 'error', text: error.message, reason }
  }
  if (result === undefined) return none
  return {
    kind: result.isError === true ? 'isError' : 'result',
    text: (result.content ?? []).map(({ text }) => text).join(''),
    reason: result._meta?.['sidelight/rejection']?.reason,
  }
}

interface Meta {
  readonly 'sidelight/rejection'?: { readonly reason: string }
}
