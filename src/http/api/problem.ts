/** Errors of the API in one form: Problem Details (RFC 9457), `application/problem+json`. */

import * as z from 'zod/mini'
import { about } from './describe.ts'

export const problemSchema = z.object({
  type: about(
    z.string(),
    'What kind of problem it is; `about:blank` says no more than the status.',
  ),
  title: about(z.string(), 'The kind of problem in words.'),
  status: about(z.int(), 'The HTTP status.'),
  code: about(z.string(), 'A word for programs, such as `unknown_upstream`.'),
  detail: about(z.string(), 'What is wrong with this request, and what to do.'),
})

export type Problem = z.output<typeof problemSchema>

export type ProblemStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 429 | 503

const TITLES: Readonly<Record<ProblemStatus, string>> = {
  400: 'The request is not valid',
  401: 'Say who you are',
  403: 'Not allowed',
  404: 'There is no such thing',
  405: 'Not this method',
  409: 'Not as things are',
  413: 'The request is too large',
  415: 'Not this type of content',
  429: 'Too many at a time',
  503: 'Not now',
}

/** An answer of the API that is none of what was asked for. */
export interface Refusal {
  readonly kind: 'refusal'
  readonly status: ProblemStatus
  readonly code: string
  readonly detail: string
}

export function refusal(status: ProblemStatus, code: string, detail: string): Refusal {
  return { kind: 'refusal', status, code, detail }
}

export function toProblem({ status, code, detail }: Refusal): Problem {
  return { type: 'about:blank', title: TITLES[status], status, code, detail }
}

export const PROBLEM_TYPE = 'application/problem+json'
