/** The keys of an upstream that say how it is kept from harm, and calls from it. */

import * as z from 'zod/mini'
import { about, count, duration, glob, limit, wait } from './scalars.ts'

const share = z
  .number()
  .check(
    z.refine((value) => value > 0 && value <= 1, { error: 'expected a share above 0, at most 1' }),
  )

const signal = z.enum(['healthy', 'fault', 'none'])

const signals = z._default(z.record(z.string().check(z.minLength(1)), signal), {})

const SIGNALS =
  'What an `error.type` (docs/outcomes.md) means to it, in place of the table there: `healthy`, `fault` or `none`'

const tool = z.strictObject({
  breaker: about(z._default(z.boolean(), true), 'False: the tool has no breaker of its own.'),
  signals: about(signals, `${SIGNALS}, such as \`tool_error: fault\`.`),
})

const breaker = z.strictObject({
  mode: about(
    z._default(z.enum(['enforce', 'report', 'off']), 'enforce'),
    '`report` refuses nothing and shows what it would have done.',
  ),
  failureThreshold: about(z._default(count, 5), 'Hard failures in a row that open it.'),
  failureRate: about(
    z._default(share, 0.5),
    'Share of failed calls within `window` that opens it.',
  ),
  minimumCalls: about(z._default(count, 20), 'Fewest calls in the window for a rate to count.'),
  window: about(z._default(wait, '30s'), 'How far back the rates look.'),
  openTime: about(
    z._default(wait, '5s'),
    'How long it stays open the first time; doubled with each further time, less up to half by chance.',
  ),
  recoveryTimeout: about(z._default(wait, '60s'), 'Longest time that it stays open.'),
  successThreshold: about(z._default(count, 3), 'Trials that must succeed before it closes.'),
  timeout: about(
    z._default(wait, '30s'),
    'A trial that takes longer counts as failed, so that none can hold the breaker.',
  ),
  slowCall: about(z._default(wait, '10s'), 'A call that takes so long is slow.'),
  slowRate: about(z._default(share, 0.8), 'Share of slow calls that opens it with `enforce`.'),
  slowCalls: about(
    z._default(z.enum(['report', 'enforce']), 'report'),
    'Whether slow calls open it, or are only reported.',
  ),
  slowStart: about(
    z._default(duration, '10s'),
    'How long calls at a time grow from a tenth to all of `concurrency` after it closed.',
  ),
  signals: about(signals, `${SIGNALS}.`),
  toolBreakers: about(
    z._default(z.boolean(), true),
    'Whether each tool has a breaker of its own, which looks at rates alone.',
  ),
  tools: about(
    z._default(z.record(z.string().check(z.minLength(1)), tool), {}),
    'Differences for single tools, by name; `*` for all others.',
  ),
})

const retryBudget = z.strictObject({
  ratio: about(z._default(share, 0.1), 'Retries per call.'),
  perSecond: about(z._default(count, 1), 'Retries a second besides.'),
})

const retry = z.strictObject({
  attempts: about(
    z._default(count, 2),
    'Most attempts of a call, the first included; 1 for no retries.',
  ),
  tools: about(
    z._default(z.array(glob), []),
    'Tools that may be called twice for one call, because that does no harm; `*` for any characters.',
  ),
  trustHints: about(
    z._default(z.boolean(), false),
    'True: also tools whose `readOnlyHint` or `idempotentHint` says so. Servers set them as they like.',
  ),
})

const hedge = z.strictObject({
  after: about(
    z._default(limit, 'off'),
    'How long a call of such a tool may be without any answer before the second attempt is made; `off` for none.',
  ),
  tools: about(
    z._default(z.array(glob), []),
    'Tools that may run twice at the same time for one call, because they only read; `*` for any characters.',
  ),
  trustHints: about(
    z._default(z.boolean(), false),
    'True: also tools whose `readOnlyHint` says so. Servers set it as they like.',
  ),
})

/** Keys of one upstream. */
export const resilience = {
  concurrency: about(
    z._default(count, 256),
    'Most calls under way at a time; streams, notifications and ends of sessions do not count.',
  ),
  adaptiveConcurrency: about(
    z._default(z.boolean(), false),
    'Lower that number while calls take longer than they usually do.',
  ),
  queue: about(
    z._default(z.int().check(z.gte(0)), 1_024),
    'Most calls that wait for one of these places; clients take turns.',
  ),
  queueTimeout: about(
    z._default(wait, '10s'),
    'A call that cannot begin within so long, or within its `timeout`, is refused.',
  ),
  breaker: about(
    z.prefault(breaker, {}),
    'The circuit breaker: stops calls to an upstream that fails, and finds out when it works again (docs/resilience.md).',
  ),
  retry: about(
    z.prefault(retry, {}),
    'What may be repeated after an attempt that may have reached the upstream, besides lists and reads; what was not sent may always be, once (docs/resilience.md).',
  ),
  hedge: about(
    z.prefault(hedge, {}),
    'A second attempt beside a first one that is slow, of which the first answer counts; for tools that only read (docs/resilience.md).',
  ),
  retryBudget: about(
    z.prefault(retryBudget, {}),
    'How many calls may be repeated, second attempts beside a first one included.',
  ),
}
