/** What may be ordered by hand. Texts go into the log, so they are printable and short. */

import * as z from 'zod/mini'
import { about, named } from './describe.ts'

const TEXT_CHARS_MAX = 200
export const TTL_SECONDS_MAX = 86_400

/** Printable text without control characters, line breaks included. */
export const orderText = z.string().check(
  z.minLength(1),
  z.maxLength(TEXT_CHARS_MAX),
  z.refine((value) => !/[\p{C}\u2028\u2029]/u.test(value) && value.isWellFormed(), {
    error: 'expected printable text',
  }),
)

const ACTOR =
  'Who; written to the log. Required where nobody is authenticated, and otherwise what was authenticated counts.'

const ttl = z.number().check(z.gt(0), z.lte(TTL_SECONDS_MAX))

export const breakerOrderSchema = named(
  'BreakerOrder',
  z
    .strictObject({
      action: z.enum(['force-open', 'force-closed', 'metrics-only', 'reset']),
      tool: about(z.optional(orderText), 'For the breaker of this tool instead of the upstream.'),
      reason: about(orderText, 'Why; written to the log.'),
      actor: about(z.optional(orderText), ACTOR),
      ttlSeconds: about(z.optional(ttl), 'How long it holds; required but for `reset`.'),
    })
    .check(
      z.refine(({ action, ttlSeconds }) => action === 'reset' || ttlSeconds !== undefined, {
        error: 'expected a number above 0, at most 86400',
        path: ['ttlSeconds'],
      }),
    ),
  'An order to a breaker.',
)

export const silenceOrderSchema = named(
  'SilenceOrder',
  z.strictObject({
    matchers: about(
      z.record(z.string().check(z.minLength(1), z.maxLength(TEXT_CHARS_MAX)), orderText),
      'Labels that an alert must have, such as `alertname`; at least one.',
    ),
    reason: about(orderText, 'Why; written to the log.'),
    actor: about(z.optional(orderText), ACTOR),
    ttlSeconds: about(ttl, 'How long it holds.'),
  }),
  'Keeps alerts with these labels from being sent for a while.',
)

export type SilenceOrderBody = z.output<typeof silenceOrderSchema>
export type BreakerOrderBody = z.output<typeof breakerOrderSchema>
