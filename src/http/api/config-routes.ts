/** The configuration: what is in force, and the order to read it again. */

import * as z from 'zod/mini'
import { about, named } from './describe.ts'
import { orderText } from './order-schema.ts'
import { refusal } from './problem.ts'
import { NO_QUERY, route, type ApiRoute } from './route.ts'

const names = z.array(z.string())

export const reloadSchema = named(
  'Reload',
  z.object({
    result: about(
      z.enum(['applied', 'restart_needed', 'unchanged']),
      '`restart_needed`: all is in force but the keys in `keysNeedRestart`.',
    ),
    upstreamsAdded: names,
    upstreamsRemoved: names,
    upstreamsChanged: names,
    keysChanged: about(names, 'Other keys that are in force at once.'),
    keysNeedRestart: about(names, 'Keys that take effect at the next start.'),
  }),
  'What became of a configuration that was read again.',
)

export type ReloadView = z.output<typeof reloadSchema>

const reloadOrderSchema = named(
  'ReloadOrder',
  z.strictObject({
    actor: about(z.optional(orderText), 'Who, for the audit log; what was authenticated counts.'),
  }),
  'An order to read the configuration again.',
)

export const CONFIG_ROUTES: readonly ApiRoute[] = [
  route({
    method: 'get',
    path: '/config',
    id: 'getConfig',
    summary: 'The effective configuration, with secrets masked.',
    query: NO_QUERY,
    answer: z.object({ config: z.record(z.string(), z.unknown()) }),
    handle: (views) => ({ config: { ...views.config() } }),
  }),
  route({
    method: 'post',
    path: '/config/reload',
    id: 'reloadConfig',
    summary: 'Reads the configuration file again; one that is not valid changes nothing.',
    permission: 'control',
    body: reloadOrderSchema,
    query: NO_QUERY,
    answer: reloadSchema,
    refuses: [409, 422],
    handle: async ({ reload }, { body, actor }) => {
      if (reload === undefined) {
        return refusal(409, 'no_file', 'It was started without a file: there is nothing to read.')
      }
      const done = await reload(actor ?? body.actor)
      return 'result' in done ? done : { ...INVALID, problems: done }
    },
  }),
]

const INVALID = refusal(
  422,
  'invalid_config',
  'The file is not valid; what ran goes on running. See `problems`.',
)
