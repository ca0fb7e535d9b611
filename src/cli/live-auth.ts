/** Authentication that follows newer configurations while requests pass. */

import { isDeepStrictEqual } from 'node:util'
import type { Config } from '../config/schema.ts'
import { createAuth, type Auth, type AuthOptions } from './auth.ts'
import type { StartFailure } from './parts.ts'

/** Something new that has been made and is not in use yet. */
export interface Prepared<T> {
  readonly next: T
  /** False when it is what there was. */
  readonly changed: boolean
  /** Puts it in force, and ends what it takes the place of. */
  commit(): void
  /** Ends it; all stays as it was. */
  discard(): void
}

export interface LiveAuth {
  /** Undefined when nobody is authenticated. */
  readonly current: Auth | undefined
  /** Makes what a newer configuration says, or says why that cannot be. */
  prepare(config: Config): Prepared<Auth | undefined> | StartFailure
  close(): void
}

/** Makes the first one too; what it needs must be there for a start. */
export function createLiveAuth(options: Omit<AuthOptions, 'before'>): LiveAuth | StartFailure {
  const first = createAuth(options)
  if (first !== undefined && 'what' in first) return first
  let current = first
  let made = options.config.auth
  return {
    get current() {
      return current
    },
    prepare: (config) => {
      if (isDeepStrictEqual(config.auth, made)) return unchanged(current)
      const next = createAuth({ ...options, config, before: current })
      if (next !== undefined && 'what' in next) return next
      const before = current
      return {
        next,
        changed: true,
        commit: () => {
          current = next
          made = config.auth
          before?.close(next)
        },
        discard: () => next?.close(before),
      }
    },
    close: () => current?.close(),
  }
}

function unchanged<T>(next: T): Prepared<T> {
  return { next, changed: false, commit: () => {}, discard: () => {} }
}
