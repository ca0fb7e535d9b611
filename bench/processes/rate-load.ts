/**
 * A load generator for bad days: it makes its calls when they are due, whatever became of the ones
 * before (an open loop), and counts waiting from the instant a call was due. So a target that stands
 * still for a second is charged with every call of that second.
 */

import { Agent, request } from 'node:http'
import { isMessage, type LaneFigures, type RateOrder, type RateResult } from '../fault-messages.ts'

/** Calls that are open at a time, all lanes together; more are counted as failed. */
const OPEN_MAX = 20_000

const REFUSED = /"sidelight\/rejection":\{"reason":"(\w+)"/

/** Calls that are due in one turn of the timer. */
const TICK_MS = 5

interface Call {
  readonly lane: number
  readonly phase: string
  readonly dueMs: number
  endedMs: number | undefined
  result: 'answered' | 'failed' | 'open' | { readonly refused: string }
}

class Run {
  readonly #order: RateOrder
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity, timeout: 0 })
  readonly #calls: Call[] = []
  readonly #begunMs = performance.now()
  readonly #phaseBegun = new Map<string, number>()
  #open = 0

  constructor(order: RateOrder) {
    this.#order = order
  }

  async make(): Promise<RateResult> {
    const { phases, callsPerSecond, graceMs } = this.#order
    let untilMs = this.#begunMs
    for (const { name, ms } of phases) {
      process.send?.({ kind: 'phase', name })
      this.#phaseBegun.set(name, untilMs)
      const firstDue = this.#calls.length
      const phaseFrom = untilMs
      untilMs += ms
      while (performance.now() < untilMs) {
        const due = Math.floor(((performance.now() - phaseFrom) * callsPerSecond) / 1000)
        for (let i = this.#calls.length - firstDue; i < due; i += 1) {
          this.#call(name, phaseFrom + (i * 1000) / callsPerSecond)
        }
        await new Promise((resolve) => setTimeout(resolve, TICK_MS))
      }
    }
    const graceUntil = performance.now() + graceMs
    while (this.#open > 0 && performance.now() < graceUntil) {
      await new Promise((resolve) => setTimeout(resolve, TICK_MS))
    }
    this.#agent.destroy()
    return this.#report()
  }

  #call(phase: string, dueMs: number): void {
    const id = this.#calls.length + 1
    const lane = id % this.#order.lanes.length
    const call: Call = { lane, phase, dueMs, endedMs: undefined, result: 'open' }
    this.#calls.push(call)
    if (this.#open >= OPEN_MAX) return end(call, 'failed')
    this.#open += 1
    const ended = (result: Call['result']): void => {
      if (call.endedMs !== undefined) return
      this.#open -= 1
      end(call, result)
    }
    const { port = 0, path = '' } = this.#order.lanes[lane] ?? {}
    const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"search","arguments":{"query":"weather in Vienna"}}}`
    const headers = {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2025-06-18',
      'Content-Length': body.length,
    }
    const made = request(
      { host: '127.0.0.1', port, path, method: 'POST', agent: this.#agent, headers },
      (response) => {
        let text = ''
        response.on('data', (chunk: Buffer) => (text += chunk.toString()))
        response.on('close', () => ended(resultOf(response.statusCode, text, id)))
        response.on('error', () => ended('failed'))
      },
    )
    made.on('error', () => ended('failed'))
    made.end(body)
  }

  #report(): RateResult {
    const phases: Record<string, LaneFigures[]> = {}
    const othersP99Ms: Record<string, number> = {}
    for (const { name } of this.#order.phases) {
      const calls = this.#calls.filter(({ phase }) => phase === name)
      const begunMs = this.#phaseBegun.get(name) ?? 0
      phases[name] = this.#order.lanes.map((_, lane) =>
        figuresOf(
          calls.filter((call) => call.lane === lane),
          begunMs,
        ),
      )
      const others = calls.filter(({ lane }) => lane !== 0).map(waitOf)
      othersP99Ms[name] = percentile(others, 0.99)
    }
    return { kind: 'rate_result', phases, othersP99Ms }
  }
}

function end(call: Call, result: Call['result']): void {
  call.endedMs = performance.now()
  call.result = result
}

function resultOf(status: number | undefined, text: string, id: number): Call['result'] {
  const refused = REFUSED.exec(text)?.[1]
  if (refused !== undefined) return { refused }
  const right = status === 200 && text.includes(`"id":${id},"result"`) && text.includes('"done"')
  return right ? 'answered' : 'failed'
}

function waitOf({ dueMs, endedMs }: Call): number {
  return (endedMs ?? performance.now()) - dueMs
}

function figuresOf(calls: readonly Call[], begunMs: number): LaneFigures {
  const count = (wanted: Call['result']): number =>
    calls.filter(({ result }) => result === wanted).length
  const refused: Record<string, number> = {}
  for (const { result } of calls) {
    if (typeof result === 'object') refused[result.refused] = (refused[result.refused] ?? 0) + 1
  }
  const waits = calls.map(waitOf)
  const lastBad = calls.findLast(({ result }) => result !== 'answered')
  return {
    calls: calls.length,
    answered: count('answered'),
    refused,
    failed: count('failed'),
    open: count('open'),
    p50Ms: percentile(waits, 0.5),
    p99Ms: percentile(waits, 0.99),
    maxMs: percentile(waits, 1),
    lastBadMs: lastBad === undefined ? 0 : Math.round(lastBad.dueMs - begunMs),
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = Math.max(0, Math.ceil(share * sorted.length) - 1)
  return Number((sorted[at] ?? 0).toFixed(2))
}

process.on('message', (message: unknown) => {
  if (!isMessage(message, 'rate')) return
  void new Run(message).make().then((result) => process.send?.(result))
})
process.on('disconnect', () => process.exit())
