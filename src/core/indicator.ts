/**
 * What a call counts for in error rates and availability: statistics, health and alerts here, and the
 * recording rules of Prometheus, all divide the same calls by the same calls.
 */

import { factsOf, type Outcome } from './outcome.ts'

export type Indicator =
  | 'good'
  /** The service was there and failed: a failed tool, an error that is not the caller's mistake. */
  | 'error'
  /** The service was not there, or broke. An error too. */
  | 'unavailable'
  /** Neither for nor against: mistakes of callers, refusals by the operator's rules, cancellations. */
  | 'excluded'

export const INDICATORS: readonly Indicator[] = ['good', 'error', 'unavailable', 'excluded']

export function indicatorOf(outcome: Outcome): Indicator {
  const { faultDomain, countsAgainstAvailability, clientErrorType } = factsOf(outcome)
  if (countsAgainstAvailability) return 'unavailable'
  if (outcome.kind === 'cancelled' || faultDomain === 'policy') return 'excluded'
  // A mistake that the upstream answered shows that it works; one that was refused here shows nothing.
  if (faultDomain === 'caller') return outcome.kind === 'rejected' ? 'excluded' : 'good'
  return clientErrorType === undefined ? 'good' : 'error'
}
