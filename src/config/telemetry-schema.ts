/** What the configuration says of telemetry besides its export, which `OTEL_*` variables set. */

import * as z from 'zod/mini'
import { about, text, wait } from './scalars.ts'

const keep = z.strictObject({
  errors: about(
    z._default(z.boolean(), false),
    'Export the spans of calls that ended in an error although they were not sampled.',
  ),
  slowerThan: z.optional(
    about(
      wait,
      'Export the spans of calls that took at least so long although they were not sampled.',
    ),
  ),
})

const baggageName = text('a name of W3C baggage such as tenant.id', (value) =>
  /^[!#$%&'*+.^_`|~0-9a-z-]+$/i.test(value),
)

export const telemetry = z.strictObject({
  propagation: about(
    z._default(z.enum(['continue', 'link', 'off']), 'continue'),
    "`continue` goes on with the caller's trace, `link` starts one and links the caller's, `off` reads and writes nothing.",
  ),
  trustSampled: about(
    z._default(z.boolean(), true),
    "Whether a caller's sampled flag decides if its call is sampled here.",
  ),
  baggage: about(
    z._default(z.array(baggageName), []),
    'Names of entries of the caller’s baggage that go on to upstreams; the others are taken out.',
  ),
  propagateMeta: about(
    z._default(z.boolean(), true),
    'Write context into `params._meta` of requests to upstreams (SEP-414).',
  ),
  propagateHeaders: about(
    z._default(z.boolean(), true),
    'Write context into the HTTP headers of requests to upstreams.',
  ),
  keep: about(z.prefault(keep, {}), 'Which calls are exported although they were not sampled.'),
})
