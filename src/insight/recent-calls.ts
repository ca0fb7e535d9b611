/** The last calls, in rings: one of all calls, and a small one of the errors of each upstream. */

import type { RecentCall, RecentCalls, RecentQuery } from './views.ts'

/** Errors of an upstream that are remembered however many calls come after them. */
export const ERRORS_MAX = 20

/** The last so many of something. */
export class Ring<T> {
  readonly #max: number
  readonly #items: T[] = []
  #next = 0

  constructor(max: number) {
    this.#max = max
  }

  add(item: T): void {
    this.#items[this.#next] = item
    this.#next = (this.#next + 1) % this.#max
  }

  get size(): number {
    return this.#items.length
  }

  *newestFirst(): Iterable<T> {
    const { length } = this.#items
    for (let back = 1; back <= length; back += 1) {
      const item = this.#items[(this.#next - back + length) % length]
      if (item !== undefined) yield item
    }
  }
}

export class RecentCallLog {
  readonly #max: number
  readonly #calls: Ring<RecentCall>
  readonly #errors = new Map<string, Ring<RecentCall>>()
  #lastSeq = 0

  constructor(max: number) {
    this.#max = max
    this.#calls = new Ring(max)
  }

  get lastSeq(): number {
    return this.#lastSeq
  }

  nextSeq(): number {
    this.#lastSeq += 1
    return this.#lastSeq
  }

  add(call: RecentCall): void {
    if (this.#max > 0) this.#calls.add(call)
    if (call.counts !== 'error' && call.counts !== 'unavailable') return
    let errors = this.#errors.get(call.upstream)
    if (errors === undefined) {
      errors = new Ring(ERRORS_MAX)
      this.#errors.set(call.upstream, errors)
    }
    errors.add(call)
  }

  /** Errors of upstreams that are not among these are forgotten. */
  keepOnly(upstreams: ReadonlySet<string>): void {
    for (const name of this.#errors.keys()) if (!upstreams.has(name)) this.#errors.delete(name)
  }

  lastErrors(upstream: string): readonly RecentCall[] {
    return [...(this.#errors.get(upstream)?.newestFirst() ?? [])]
  }

  query({ after, limit, ...wanted }: RecentQuery): RecentCalls {
    const calls: RecentCall[] = []
    for (const call of this.#calls.newestFirst()) {
      if (calls.length >= limit || (after !== undefined && call.seq <= after)) break
      if (matches(call, wanted)) calls.push(call)
    }
    const oldest = this.#lastSeq - this.#calls.size
    return { calls, lastSeq: this.#lastSeq, missed: after !== undefined && after < oldest }
  }

  ofTrace(traceId: string): readonly RecentCall[] {
    const found = new Map<number, RecentCall>()
    const rings = [this.#calls, ...this.#errors.values()]
    for (const ring of rings) {
      for (const call of ring.newestFirst()) {
        if (call.traceId === traceId) found.set(call.seq, call)
      }
    }
    return [...found.values()].toSorted((a, b) => b.seq - a.seq)
  }
}

function matches(call: RecentCall, wanted: Omit<RecentQuery, 'after' | 'limit'>): boolean {
  if (wanted.upstream !== undefined && call.upstream !== wanted.upstream) return false
  if (wanted.tool !== undefined && !isOfTool(call, wanted.tool)) return false
  if (wanted.outcome !== undefined && call.outcome !== wanted.outcome) return false
  return wanted.errorsOnly !== true || call.counts === 'error' || call.counts === 'unavailable'
}

function isOfTool({ method, target }: RecentCall, tool: string): boolean {
  return method === 'tools/call' && target === tool
}
