/** Operations that read the audit log. Who reads is recorded in it first. */

import * as z from 'zod/mini'
import { about, count } from './describe.ts'
import { refusal } from './problem.ts'
import { route, type ApiRoute } from './route.ts'
import { whole } from './stats-routes.ts'

const RECORDS_MAX = 1_000

const instantText = z.pipe(
  z.string().check(
    z.refine((value) => !Number.isNaN(Date.parse(value)), {
      error: 'expected a time such as 2026-11-30T10:00:00Z',
    }),
  ),
  z.transform((value) => Date.parse(value)),
)

const name = z.optional(z.string().check(z.maxLength(256)))

const pageSchema = z.object({
  records: about(
    z.array(z.record(z.string(), z.unknown())),
    'As they stand in the log, in their order; docs/audit.md says what they hold.',
  ),
  next: about(z.optional(count), 'What `after` is for the next page; absent at the end.'),
})

export const AUDIT_ROUTES: readonly ApiRoute[] = [
  route({
    method: 'get',
    path: '/audit/records',
    id: 'listAuditRecords',
    summary: 'Records of the audit log, a page at a time; the reading is recorded too.',
    permission: 'audit',
    query: z.strictObject({
      since: about(z.optional(instantText), 'Only records from then on.'),
      until: about(z.optional(instantText), 'Only records before then.'),
      issuer: about(name, 'Whose `subject` is meant.'),
      subject: about(name, 'Only records of this person, or of a pseudonym.'),
      upstream: name,
      tool: name,
      type: name,
      outcome: name,
      traceId: name,
      call: about(name, 'Only records of the call with this `call`.'),
      after: about(z.optional(whole(Number.MAX_SAFE_INTEGER)), 'Only records with a larger `seq`.'),
      limit: about(z.optional(whole(RECORDS_MAX)), 'Most records; 100 by default.'),
    }),
    answer: pageSchema,
    refuses: [400, 404, 503],
    handle: async ({ audit }, { query, actor }) => {
      const { since, until, after = 0, limit = 100, ...filter } = query
      if (audit === undefined) {
        return refusal(
          404,
          'no_audit',
          'There is no audit log: the configuration has no audit.dir.',
        )
      }
      if (filter.issuer !== undefined && filter.subject === undefined) {
        return refusal(400, 'invalid_query', 'issuer: say whose subject is meant, with subject')
      }
      const ask = { ...filter, sinceMs: since, untilMs: until, after, limit: Math.max(1, limit) }
      const page = await audit.read(ask, actor)
      if (page === 'unreadable') {
        return refusal(
          503,
          'unreadable',
          'The files of the audit log, or its keys, cannot be read.',
        )
      }
      return page === 'not_recorded'
        ? refusal(
            503,
            'not_recorded',
            'That it was read could not be recorded, so it is not shown.',
          )
        : page
    },
  }),
]
