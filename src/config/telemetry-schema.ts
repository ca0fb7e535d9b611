/** What the configuration says of telemetry besides its export, which `OTEL_*` variables set. */

import * as z from 'zod/mini'
import { compileLinearPattern } from '../core/linear-pattern.ts'
import { about, glob, text, wait } from './scalars.ts'
import { parseSize } from './units.ts'

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

/** A larger one would make redaction hold up other calls. */
const CAPTURE_BYTES_MAX = 64 * 1024

const pattern = text(
  'a pattern of characters, escapes and [classes] with at most one of * + ? {m,n} and no groups, such as acct-[0-9]{8}',
  (value) => compileLinearPattern(value) !== undefined,
)

const capture = z.strictObject({
  upstream: z._default(glob, '*'),
  tool: z._default(glob, '*'),
  arguments: z._default(z.boolean(), false),
  results: z._default(z.boolean(), false),
  bytesMax: z._default(
    text('a size of at most 64KiB', (value) => (parseSize(value) ?? Infinity) <= CAPTURE_BYTES_MAX),
    '4KiB',
  ),
  denyKeys: z._default(z.array(glob), []),
  patterns: z._default(z.array(pattern), []),
})

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
  capture: about(
    z._default(z.array(capture), []),
    'Whose arguments and results are shown on spans, redacted; the first entry that fits counts. See telemetry.md.',
  ),
  keep: about(z.prefault(keep, {}), 'Which calls are exported although they were not sampled.'),
})
