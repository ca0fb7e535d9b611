/** The keys under `policy`: who may call what. */

import * as z from 'zod/mini'
import { about, size } from './scalars.ts'

const rule = z.union(
  [
    z.string().check(z.minLength(1)),
    z.strictObject({
      match: about(
        z.string().check(z.minLength(1)),
        'What it is about, as a rule without condition.',
      ),
      when: about(z.string().check(z.minLength(1)), 'When it counts: a condition in CEL.'),
    }),
  ],
  { error: 'expected a rule such as weather:forecast, or { match: RULE, when: CONDITION }' },
)

const role = z.strictObject({
  allow: about(
    z._default(z.array(rule), []),
    'What it may do: `upstream:tool`, with `*` for any characters; see authorization.md.',
  ),
  deny: about(
    z._default(z.array(rule), []),
    'What it may not do, whatever else allows it; written the same way.',
  ),
  organizations: about(
    z._default(z.array(z.string().check(z.minLength(1))), []),
    'Only members of these organisations hold it. Default: of all.',
  ),
  scopes: about(
    z._default(z.array(z.string().check(z.regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/))), []),
    'Whoever has a token with all of these scopes holds it too; clients that lack them are told to ask for them.',
  ),
})

export const policy = z.strictObject({
  mode: about(
    z._default(z.enum(['enforce', 'dry_run']), 'enforce'),
    '`dry_run` refuses and hides nothing, and shows what it would have done.',
  ),
  denials: about(
    z._default(z.enum(['challenge', 'result']), 'challenge'),
    'How a call is refused that more scopes would allow: by HTTP 403 with the scopes to ask for, or as other refusals are.',
  ),
  listBytes: about(
    z._default(size, '8MiB'),
    'Largest list, or event of a session’s stream, that is filtered; a larger one is refused.',
  ),
  roles: about(
    z._default(
      z.record(
        z
          .string()
          .check(z.regex(/^\S{1,128}$/, { error: 'expected the name of a role, without spaces' })),
        role,
      ),
      {},
    ),
    'What each role may do. A token names the roles of its bearer; what no role allows is denied.',
  ),
})
