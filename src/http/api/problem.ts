/** Errors of the API in one form: Problem Details (RFC 9457), `application/problem+json`. */

import * as z from 'zod/mini'
import { about, named } from './describe.ts'

const configProblemSchema = named(
  'ConfigProblem',
  z.object({
    path: about(z.string(), 'The key, such as `upstreams.weather.url`; empty for all of the file.'),
    line: about(z.optional(z.int()), 'Where it stands in the file, from 1.'),
    message: about(z.string(), 'What was expected.'),
  }),
  'Something that is wrong with a configuration.',
)

export type ConfigProblemView = z.output<typeof configProblemSchema>

export const problemSchema = z.object({
  type: about(
    z.string(),
    'What kind of problem it is; `about:blank` says no more than the status.',
  ),
  title: about(z.string(), 'The kind of problem in words.'),
  status: about(z.int(), 'The HTTP status.'),
  code: about(z.string(), 'A word for programs, such as `unknown_upstream`.'),
  detail: about(z.string(), 'What is wrong with this request, and what to do.'),
  problems: about(
    z.optional(z.array(configProblemSchema)),
    'What is wrong with a configuration, with code `invalid_config`; never a value of it.',
  ),
})

export type Problem = z.output<typeof problemSchema>

export type ProblemStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 422 | 429 | 503

const TITLES: Readonly<Record<ProblemStatus, string>> = {
  400: 'The request is not valid',
  401: 'Say who you are',
  403: 'Not allowed',
  404: 'There is no such thing',
  405: 'Not this method',
  409: 'Not as things are',
  413: 'The request is too large',
  415: 'Not this type of content',
  422: 'The configuration is not valid',
  429: 'Too many at a time',
  503: 'Not now',
}

/** An answer of the API that is none of what was asked for. */
export interface Refusal {
  readonly kind: 'refusal'
  readonly status: ProblemStatus
  readonly code: string
  readonly detail: string
  readonly problems?: readonly ConfigProblemView[]
}

export function refusal(status: ProblemStatus, code: string, detail: string): Refusal {
  return { kind: 'refusal', status, code, detail }
}

export function toProblem({ status, code, detail, problems }: Refusal): Problem {
  return {
    type: 'about:blank',
    title: TITLES[status],
    status,
    code,
    detail,
    ...(problems === undefined ? {} : { problems: [...problems] }),
  }
}

export const PROBLEM_TYPE = 'application/problem+json'
