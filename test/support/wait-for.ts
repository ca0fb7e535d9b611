/** Waiting in tests: always bounded, always saying what was waited for. */

import { setTimeout as sleep } from 'node:timers/promises'

export interface Bound {
  /** Milliseconds after which the wait fails. */
  readonly within: number
  /** What is waited for, as it reads after "waited for"; a function is asked when the wait fails. */
  readonly what: string | (() => string)
}

function tooLate({ within, what }: Bound): Error {
  return new Error(`waited ${within} ms for ${typeof what === 'string' ? what : what()}`)
}

/** For what comes at once on a machine that is idle: what does not come at all costs so much. */
export const SOON = 20_000

/** How often a condition is looked at. */
const POLL_MS = 5

/** Resolves to the first value of `condition` that is neither false nor undefined. */
export async function waitFor<T>(
  condition: () => T | false | undefined | Promise<T | false | undefined>,
  bound: Bound,
): Promise<T> {
  const until = performance.now() + bound.within
  for (;;) {
    const value = await condition()
    if (value !== false && value !== undefined) return value
    if (performance.now() > until) throw tooLate(bound)
    await sleep(POLL_MS)
  }
}

/** The promise's value, or an error that names it when it takes too long. */
export async function bounded<T>(promise: Promise<T>, bound: Bound): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(tooLate(bound)), bound.within)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** A promise to be resolved from outside: the way two ends of a test shake hands. */
export interface Signal<T = void> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
}

export function signal<T = void>(): Signal<T> {
  const { promise, resolve } = Promise.withResolvers<T>()
  return { promise, resolve }
}
