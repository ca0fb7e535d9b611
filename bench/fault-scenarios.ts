/** The bad days of the fault benchmark: what is wrong with the first of four upstreams. */

import type { Fault } from '../test/faults/faults.ts'

export interface Scenario {
  readonly name: string
  /** As it stands in the table of docs/resilience.md. */
  readonly what: string
  readonly faults: readonly Fault[]
  /** In turns with no fault, when given. */
  readonly flapMs?: number
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'dead', what: 'dead: nothing listens', faults: [{ kind: 'refuse' }] },
  {
    name: 'hanging',
    what: 'hanging: accepts, never answers',
    faults: [{ kind: 'black_hole' }],
  },
  {
    name: 'slow-drip',
    what: 'slow drip: 4 bytes of a reply a second',
    faults: [{ kind: 'slice', bytes: 4, everyMs: 1_000 }],
  },
  {
    name: 'flapping',
    what: 'flapping: 2 s dead, 2 s well',
    faults: [{ kind: 'refuse' }],
    flapMs: 2_000,
  },
  {
    name: 'throttling',
    what: 'throttling: 429 with `Retry-After: 5`',
    faults: [{ kind: 'answer', status: '429 Too Many Requests', headers: ['Retry-After: 5'] }],
  },
  {
    name: 'half-broken',
    what: 'half broken: lists work, calls fail with 500',
    faults: [{ kind: 'answer', methods: ['tools/call'], status: '500 Internal Server Error' }],
  },
]
