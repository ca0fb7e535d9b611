/** One operation of the API: what it takes, what it answers, and who may ask. */

import * as z from 'zod/mini'
import type { AdminPermission } from '../admin-gate.ts'
import { refusal, type ProblemStatus, type Refusal } from './problem.ts'
import type { ApiViews, Shown } from './views.ts'

/** An object of query parameters. */
export type Fields = z.ZodMiniObject

/** What a handler is given: checked, in the types of its schemas. */
export interface ApiRequest<Q, B> {
  /** Of the path, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Q
  readonly body: B
  /** Who asks, as far as that was authenticated. */
  readonly actor: string | undefined
}

/** The same as it came. */
export type RawRequest = ApiRequest<unknown, unknown>

export interface ApiRoute {
  readonly method: 'get' | 'post' | 'delete'
  /** Below `/api/v1`, with parameters in braces as OpenAPI writes them. */
  readonly path: string
  readonly id: string
  readonly summary: string
  readonly permission: AdminPermission
  readonly query: Fields
  /** Undefined for what takes no body. */
  readonly body: z.ZodMiniType | undefined
  readonly answer: z.ZodMiniType
  readonly refuses: readonly ProblemStatus[]
  /** An answer that fits `answer`, or a refusal; or a promise of one. */
  handle(views: ApiViews, request: RawRequest): unknown
}

interface Given<Q extends Fields, B extends z.ZodMiniType, A extends z.ZodMiniType> {
  readonly method: ApiRoute['method']
  readonly path: string
  readonly id: string
  readonly summary: string
  readonly permission?: AdminPermission
  readonly query: Q
  readonly body?: B
  readonly answer: A
  readonly refuses?: readonly ProblemStatus[]
  handle(
    views: ApiViews,
    request: ApiRequest<z.output<Q>, z.output<B>>,
  ): Shown<z.output<A>> | Refusal | Promise<Shown<z.output<A>> | Refusal>
}

/** No query parameters. */
export const NO_QUERY = z.strictObject({})

/** Checks at compile time that a handler takes and answers what the schemas say, and when it is called, what it takes. */
export function route<
  A extends z.ZodMiniType,
  Q extends Fields,
  B extends z.ZodMiniType = z.ZodMiniAny,
>(given: Given<Q, B, A>): ApiRoute {
  return {
    permission: 'read',
    body: undefined,
    refuses: [],
    ...given,
    handle: (views, { params, query, body, actor }) => {
      const asked = check(given.query, query, 'invalid_query')
      if (asked.kind === 'refusal') return asked
      const said = check(given.body ?? z.any(), body, 'invalid_body')
      if (said.kind === 'refusal') return said
      return given.handle(views, { params, query: asked.value, body: said.value, actor })
    },
  }
}

function check<T extends z.ZodMiniType>(
  schema: T,
  value: unknown,
  code: string,
): { readonly kind: 'good'; readonly value: z.output<T> } | Refusal {
  const parsed = schema.safeParse(value)
  return parsed.success
    ? { kind: 'good', value: parsed.data }
    : refusal(400, code, firstIssue(parsed.error))
}

/** What is wrong, and where the place has a name: what was expected in its stead. */
export function firstIssue({ issues }: Pick<z.core.$ZodError, 'issues'>): string {
  const [issue] = issues
  if (issue === undefined) return 'It is not valid.'
  const where = issue.path.map(String).join('.')
  return where === '' ? describeIssue(issue) : `${where}: ${describeIssue(issue)}`
}

/** In words of ours: those of the library depend on whether another package has loaded a language. */
function describeIssue(issue: z.core.$ZodIssue): string {
  const { code, message } = issue
  if (code === 'unrecognized_keys') return `there is no ${quoted(issue.keys)} here`
  if (code === 'invalid_value') return `expected one of ${issue.values.map(String).join(', ')}`
  if (code === 'invalid_type') return `expected a value of type ${issue.expected}`
  if (code === 'too_big') return `expected at most ${issue.maximum}`
  if (code !== 'too_small') return message
  return `expected ${issue.inclusive === true ? 'at least' : 'more than'} ${issue.minimum}`
}

/** Names that somebody sent, so that they are shown, but not whatever their length. */
function quoted(names: readonly string[]): string {
  return names
    .slice(0, 3)
    .map((name) => JSON.stringify(name.slice(0, 50)))
    .join(', ')
}
