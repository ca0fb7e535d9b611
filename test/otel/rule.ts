/** What a rule is: a pure function over what was exported and the registry. */

import type { Registry } from '../../scripts/registry.ts'
import type { Received } from '../support/otlp-collector.ts'
import type { Carrier, Exports } from './exports.ts'

export interface RuleInput {
  /** Of one process. */
  readonly exports: Exports
  readonly carriers: readonly Carrier[]
  readonly registry: Registry
  /** Attributes of level opt-in may be there. */
  readonly optIn: boolean
  /** Counters and histograms were asked for as differences. */
  readonly delta: boolean
}

/** Returns what is wrong, each as a sentence that says where; nothing when all is well. */
export type Rule = (input: RuleInput) => readonly string[]

/** A rule over bytes as they came, of all processes. */
export type RawRule = (received: readonly Received[]) => readonly string[]

/** One sentence per item that `wrong` finds something wrong with. */
export function findings<T>(
  items: readonly T[],
  where: (item: T) => string,
  wrong: (item: T) => string | false | undefined,
): string[] {
  return items.flatMap((item) => {
    const what = wrong(item)
    return what === false || what === undefined ? [] : [`${what}: ${where(item)}`]
  })
}
