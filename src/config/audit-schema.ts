/** What the configuration says of the audit log. */

import * as z from 'zod/mini'
import { compileLinearPattern } from '../core/linear-pattern.ts'
import { about, count, glob, size, text, wait } from './scalars.ts'
import { parseDuration, parseSize } from './units.ts'

const TEN_YEARS_MS = 3_653 * 86_400_000

const retention = text('a duration such as 400d, at least 1d and at most 3653d', (value) => {
  const ms = parseDuration(value) ?? 0
  return ms >= 86_400_000 && ms <= TEN_YEARS_MS
})

const captureSize = text(
  'a size of at most 64KiB',
  (value) => (parseSize(value) ?? Infinity) <= 64 * 1024,
)

const pattern = text(
  'a pattern of characters, escapes and [classes] with at most one of * + ? {m,n} and no groups, such as acct-[0-9]{8}',
  (value) => compileLinearPattern(value) !== undefined,
)

const path = text('a path', (value) => value !== '' && !value.includes('\0'))

const level = z.enum(['none', 'metadata', 'request', 'request_response'])
const mode = z.enum(['batch', 'strict'])

const rule = z.strictObject({
  upstream: z._default(glob, '*'),
  tool: z._default(glob, '*'),
  level: z.optional(level),
  mode: z.optional(mode),
})

export const audit = z.strictObject({
  dir: about(path, 'The directory of the log, which no other sidecar writes to.'),
  keys: z.optional(
    about(path, 'The directory of its keys. Default: `keys` in `dir`; another volume is better.'),
  ),
  mode: about(
    z._default(mode, 'batch'),
    '`batch` never holds up a call; with `strict` a call goes out only when its record is on the disk.',
  ),
  level: about(
    z._default(level, 'metadata'),
    'How much is recorded: arguments as a keyed hash (`metadata`), themselves (`request`), results too; redacted.',
  ),
  rules: about(
    z._default(z.array(rule), []),
    'Another `level` or `mode` for some upstreams and tools; the first entry that fits counts.',
  ),
  captureBytes: about(
    z._default(captureSize, '4KiB'),
    'Longest arguments and results that are recorded themselves.',
  ),
  denyKeys: about(
    z._default(z.array(glob), []),
    'Names whose values are hidden in them, besides the usual ones (telemetry.md).',
  ),
  patterns: about(z._default(z.array(pattern), []), 'Texts that are hidden in them, besides.'),
  clientAddress: about(
    z._default(z.enum(['full', 'masked', 'none']), 'masked'),
    'How addresses of clients are recorded; `masked` is the network alone (IPv4 /24, IPv6 /48).',
  ),
  queue: about(
    z._default(count, 10_000),
    'Most entries that wait to be written; more are left out, and a record says how many.',
  ),
  queueBytes: about(
    z._default(size, '32MiB'),
    'Most bytes of arguments and results in entries that wait.',
  ),
  flushInterval: about(
    z._default(wait, '100ms'),
    'How long an entry waits for others that are written with it, when nobody waits for it.',
  ),
  strictTimeout: about(
    z._default(wait, '5s'),
    'How long a call waits for its record with `strict` before it is refused.',
  ),
  segmentBytes: about(z._default(size, '64MiB'), 'Size at which another file is begun.'),
  segmentAge: about(z._default(wait, '24h'), 'Age at which another file is begun.'),
  retention: about(
    z._default(retention, '400d'),
    'How long records are kept; then whole files are removed, and a record says which.',
  ),
  freeSpace: about(
    z._default(size, '256MiB'),
    'Nothing is written while less is free on the file system.',
  ),
  checkpointRecords: about(
    z._default(count, 1_000),
    'A signed checkpoint is made after so many records.',
  ),
  checkpointInterval: about(z._default(wait, '60s'), 'And after so long, when there are new ones.'),
  checkpointFile: z.optional(
    about(path, 'A second place for checkpoints, such as another volume, besides the log events.'),
  ),
})
