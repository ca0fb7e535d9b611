/** Metrics of the registry that no dashboard shows, with the reason. A test holds the list to the truth. */

export const UNUSED_METRICS: Readonly<Record<string, string>> = {
  'nodejs.eventloop.delay.min': 'tells nothing that the median does not',
  'nodejs.eventloop.delay.stddev': 'the quantiles say more',
}
