/** The OpenAPI 3.1 document, made of the routes and the schemas that check their answers. */

import * as z from 'zod/mini'
import { apiDescriptions } from './describe.ts'
import { PROBLEM_TYPE, problemSchema, type ProblemStatus } from './problem.ts'
import type { ApiRoute } from './route.ts'
import { API_ROUTES } from './routes.ts'
import { windowSchema } from './stats-schema.ts'

type Json = Readonly<Record<string, unknown>>

export function openApiDocument(): Json {
  const components = new Map<string, unknown>()
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of API_ROUTES) {
    const path = `/api/v1${route.path}`
    paths[path] = { ...paths[path], [route.method]: operation(route, components) }
  }
  paths['/api/v1/events'] = { get: eventsOperation(components) }
  const problem = toSchema(problemSchema, 'output', components)
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sidelight admin API',
      version: '1',
      description:
        'What a running Sidelight knows of the calls that pass through it. Errors are Problem Details (RFC 9457).',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The admin listener, 127.0.0.1:9464 by default.' }],
    security: [{}, { token: [] }],
    paths,
    components: {
      schemas: Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1))),
      responses: {
        Problem: {
          description: 'What is wrong.',
          content: { [PROBLEM_TYPE]: { schema: problem } },
        },
      },
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  }
}

function operation(route: ApiRoute, components: Map<string, unknown>): Json {
  const { id, summary, permission, body, answer } = route
  return {
    operationId: id,
    summary,
    description: `Needs the permission \`${permission}\` where the admin plane asks who somebody is.`,
    parameters: [...pathParameters(route.path), ...queryParameters(route, components)],
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: toSchema(body, 'input', components) } },
          },
        }),
    responses: {
      200: {
        description: summary,
        content: { 'application/json': { schema: toSchema(answer, 'output', components) } },
      },
      ...(route.method === 'get' ? { 304: { description: 'As it was, by `If-None-Match`.' } } : {}),
      ...problems(refusalsOf(route)),
    },
  }
}

/** What the route refuses, and what every route does. */
export function refusalsOf(route: ApiRoute): readonly ProblemStatus[] {
  const orders: readonly ProblemStatus[] = route.permission === 'control' ? [403] : []
  const bodies: readonly ProblemStatus[] = route.body === undefined ? [] : [400, 413, 415]
  const queries: readonly ProblemStatus[] = Object.keys(route.query.shape).length > 0 ? [400] : []
  const all = new Set<ProblemStatus>([...route.refuses, ...orders, ...bodies, ...queries, 401])
  return [...all].toSorted((a, b) => a - b)
}

function problems(statuses: readonly ProblemStatus[]): Json {
  return Object.fromEntries(
    statuses.map((status) => [String(status), { $ref: '#/components/responses/Problem' }]),
  )
}

function pathParameters(path: string): readonly Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
}

function queryParameters({ query }: ApiRoute, components: Map<string, unknown>): readonly Json[] {
  const { properties } = toSchema(query, 'input', components)
  return Object.entries<Json>(Object(properties)).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: false,
    ...(description === undefined ? {} : { description }),
    schema,
  }))
}

function eventsOperation(components: Map<string, unknown>): Json {
  return {
    operationId: 'followEvents',
    summary: 'What changes, as server-sent events.',
    description:
      'Events `snapshot` (data: a Snapshot) and `calls` (data: a CallList), at most two of each a second. A client that reads slowly misses some. Needs the permission `read` where the admin plane asks who somebody is.',
    parameters: [
      {
        name: 'window',
        in: 'query',
        required: false,
        schema: toSchema(windowSchema, 'input', components),
      },
    ],
    responses: {
      200: {
        description: 'The stream.',
        content: { 'text/event-stream': { schema: { type: 'string' } } },
      },
      ...problems([400, 401, 503]),
    },
  }
}

/** JSON Schema (draft 2020-12, as OpenAPI 3.1 uses it); what has a name goes to the components. */
function toSchema(
  schema: z.core.$ZodType,
  io: 'input' | 'output',
  components: Map<string, unknown>,
): Json {
  const made = z.toJSONSchema(schema, {
    io,
    metadata: apiDescriptions,
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // Unknown members may come with later versions.
      if (io === 'output') delete jsonSchema.additionalProperties
    },
  })
  return lift(made, components)
}

/** Moves `$defs` to the components, and the schema itself when it has a name. */
function lift(schema: Json, components: Map<string, unknown>): Json {
  const moved: Json = JSON.parse(
    JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/'),
  )
  const definitions: Json = Object(moved['$defs'])
  for (const [name, definition] of Object.entries(definitions)) {
    components.set(name, without(Object(definition), 'id'))
  }
  const own = without(without(moved, '$defs'), '$schema')
  const name = own['id']
  if (typeof name !== 'string') return own
  components.set(name, without(own, 'id'))
  return { $ref: `#/components/schemas/${name}` }
}

function without(object: Json, key: string): Json {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key))
}
